# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1 · Primer: the words
#
# Everything on an information plane is made of a few words: entropy, mutual information, divergence, Markov chain, data processing inequality. Each gets a
# function and a picture here. All information is in bits.

# %%
import matplotlib.pyplot as plt
import numpy as np

import infoplane as ip
from infoplane.analysis import vocabulary as v

rng = np.random.default_rng(0)

# %% [markdown]
# ## Entropy
#
# H(X) = -Σ p log2 p: how many yes/no questions a value answers on average. A fair coin: 1 bit. A coin that always falls on the same side: 0.

# %%
p = np.linspace(0.001, 0.999, 200)
fig, ax = plt.subplots(figsize=(5, 2.8), layout="constrained")
ax.plot(p, [v.entropy([q, 1 - q]) for q in p])
ax.set(xlabel="probability of heads", ylabel="H [bits]", title="Entropy of a coin")
print("twelve fair bits:", v.entropy(np.full(4096, 1 / 4096)), "bits")

# %% [markdown]
# ## Mutual information
#
# I(A;B) = H(A) + H(B) - H(A,B): what one says about the other. It is 0 exactly when they are independent. A symmetric channel that flips a bit with
# probability e carries 1 - h(e) bits:

# %%
channel = lambda e: [[(1 - e) / 2, e / 2], [e / 2, (1 - e) / 2]]
flips = np.linspace(0, 1, 101)
fig, (left, right) = plt.subplots(
    1, 2, figsize=(7.5, 2.8), layout="constrained", width_ratios=[1, 1.6]
)
left.imshow(channel(0.1), cmap="Blues", vmin=0, vmax=0.5)
for a in (0, 1):
    for b in (0, 1):
        left.text(
            b,
            a,
            f"{channel(0.1)[a][b]:.2f}",
            ha="center",
            va="center",
            color="white" if a == b else "black",
        )
left.set(
    xticks=[0, 1],
    yticks=[0, 1],
    xlabel="received B",
    ylabel="sent A",
    title="p(a, b), flips 10 %",
)
right.plot(flips, [v.mutual_information(channel(e)) for e in flips])
right.plot(0.1, v.mutual_information(channel(0.1)), "ko")
right.annotate(
    f"  {v.mutual_information(channel(0.1)):.3f} bits",
    (0.1, v.mutual_information(channel(0.1))),
)
right.set(
    xlabel="probability of a flip",
    ylabel="I(A;B) [bits]",
    title="always flipping tells as much as never",
);

# %% [markdown]
# Given a third variable, information may appear out of nothing: with C = A xor B, A says nothing about B, but all of it once C is known.

# %%
xor = np.zeros((2, 2, 2))
xor[[0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]] = 0.25
print(
    "I(A;B) =",
    v.mutual_information(xor.sum(axis=2)),
    "  I(A;B|C) =",
    v.conditional_mutual_information(xor),
)

# %% [markdown]
# ## Divergence
#
# D(p‖q) = Σ p log2 p/q: the price of believing q when p is true; not symmetric. Mutual information is the divergence of the joint law from independence.

# %%
p = np.array([0.9, 0.1])
heads = np.linspace(0.02, 0.98, 97)
shifts = np.linspace(0, 2, 9)
closed = [v.gaussian_kl([m], [[1.0]], [0.0], [[1.0]]) for m in shifts]
sampled = [
    v.kl_from_samples(rng.normal(m, 1.0, (4000, 1)), rng.normal(0.0, 1.0, (4000, 1)))
    for m in shifts
]
fig, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.8), layout="constrained")
left.plot(heads, [v.kl(p, [q, 1 - q]) for q in heads], label="D(p‖q), p = (0.9, 0.1)")
left.plot(heads, [v.kl([q, 1 - q], p) for q in heads], "--", label="D(q‖p)")
left.set(
    xlabel="probability of heads under q",
    ylabel="bits",
    ylim=(0, 4),
    title="zero only where q = p; not symmetric",
)
left.legend()
right.plot(shifts, closed, "k--", label="closed form")
right.plot(shifts, sampled, "o", label="4000 samples each")
right.set(xlabel="shift between two unit Gaussians", ylabel="D [bits]")
right.legend(loc="upper left")
table = np.array(channel(0.1))
product = np.outer(table.sum(axis=1), table.sum(axis=0))
print(
    "I(A;B) =",
    round(v.mutual_information(table), 6),
    "= D(p(a,b) || p(a) p(b)) =",
    round(v.kl(table.ravel(), product.ravel()), 6),
    "bits",
)

# %% [markdown]
# ## Expectation by sampling
#
# Where there is no closed form, draw and average, and keep the standard error.

# %%
sizes = np.unique(np.geomspace(20, 20_000, 25).astype(int))
drawn = [
    v.expectation(lambda x: np.tanh(x) ** 2, lambda n: rng.normal(size=n), n=int(n))
    for n in sizes
]
grid = np.linspace(-8, 8, 4001)
truth = np.trapezoid(
    np.tanh(grid) ** 2 * np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), grid
)
fig, ax = plt.subplots(figsize=(5, 2.8), layout="constrained")
ax.errorbar(
    sizes,
    [m for m, _ in drawn],
    [1.96 * se for _, se in drawn],
    fmt=".",
    capsize=2,
    label="mean of n draws, 95 %",
)
ax.axhline(truth, ls="--", color="k", label="by quadrature")
ax.set(
    xscale="log",
    xlabel="draws n",
    ylabel="E tanh(x)²",
    title="the error shrinks like 1/√n",
)
ax.legend();

# %% [markdown]
# ## Gaussians
#
# For jointly Gaussian variables I = 1/2 log2 (det S_A det S_B / det S). For a scalar channel Z = w X + noise: 1/2 log2(1 + w²).

# %%
weights = np.linspace(0, 5, 40)
truth = 0.5 * np.log2(1 + weights**2)
x = rng.normal(size=2000)
measured = [
    ip.estimators.KSG(k=5)
    .estimate(ip.continuous(x), ip.continuous(w * x + rng.normal(size=2000)))
    .bits
    for w in weights
]
fig, ax = plt.subplots(figsize=(5, 2.8), layout="constrained")
ax.plot(weights, truth, "k--", label="closed form")
ax.plot(weights, measured, ".", label="KSG, k=5, N=2000")
ax.set(xlabel="weight w", ylabel="I(X; wX + noise) [bits]")
ax.legend();

# %% [markdown]
# ## The Markov chain, and the inequality
#
# X → Z1 → Z2: given Z1, Z2 knows nothing more about X: I(X;Z2|Z1) = 0. Two channels in a row are a chain; give the second one a peek at X, and the chain
# is broken.

# %%
flip = np.array([[0.9, 0.1], [0.1, 0.9]])
chain = (
    0.5 * flip[:, None, :] * flip.T[None, :, :]
)  # p[x, z2, z1] = p(x) p(z1|x) p(z2|z1), the condition last
peek = np.zeros((2, 2, 2))
for a in (0, 1):
    for b in (0, 1):
        peek[a, a ^ b, b] = 0.5 * flip[a, b]  # z2 = x xor z1: with z1 it gives x away
fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
for k, (name, joint) in enumerate(
    {"chain X → Z1 → Z2": chain, "Z2 peeks at X": peek}.items()
):
    bits = [
        v.mutual_information(joint.sum(axis=1)),
        v.mutual_information(joint.sum(axis=2)),
        v.conditional_mutual_information(joint),
    ]
    bars = ax.bar(
        np.arange(3) + 0.3 * (k - 0.5),
        bits,
        0.28,
        label=name,
        color=plt.cm.viridis(k / 1.6),
    )
    ax.bar_label(bars, fmt="%.2f", fontsize=8)
ax.set_xticks(range(3), ["I(X;Z1)", "I(X;Z2)", "I(X;Z2|Z1)"])
ax.set(
    ylabel="bits",
    ylim=(0, 0.68),
    title="on a chain, Z2 knows nothing of X that Z1 does not",
)
ax.legend();

# %% [markdown]
# On a chain I(X;Z1) ≥ I(X;Z2): processing cannot add information (the **data processing inequality**, DPI). A chain of noisy steps, measured:

# %%
z, known = x, []
for step in range(6):
    z = 0.8 * z + 0.6 * rng.normal(size=2000)
    known.append(
        ip.estimators.KSG(k=5).estimate(ip.continuous(x), ip.continuous(z)).bits
    )
fig, ax = plt.subplots(figsize=(5, 2.8), layout="constrained")
ax.plot(range(1, 7), known, "o-", label="KSG")
ax.plot(
    range(1, 7),
    [-0.5 * np.log2(1 - 0.8 ** (2 * k)) for k in range(1, 7)],
    "k--",
    label="closed form",
)
ax.set(xlabel="layer", ylabel="I(X;Z) [bits]", title="A true chain can only lose")
ax.legend();

# %% [markdown]
# ## Invariance
#
# Renaming loses nothing: I(X;Z) = I(φ(X);ψ(Z)) for invertible φ, ψ. True information does not see a rotation or a squashing of a layer; estimators do. Fixed
# bins, for one, see a scale:

# %%
z = rng.normal(size=(2000, 2))
y = (z.sum(axis=1) > 0).astype(int)
maps = {
    "as it is": lambda z: z,
    "times ten": lambda z: 10 * z,
    "bent: z + 0.3 z³": lambda z: z + 0.3 * z**3,
}
specs = ("bin:szt", "bin:quantile,n=8", "ksg:k=5", "exact")
fig, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
for k, (name, f) in enumerate(maps.items()):
    bits = [
        ip.estimators.parse(spec).estimate(ip.continuous(f(z)), ip.discrete(y)).bits
        for spec in specs
    ]
    ax.bar(
        np.arange(len(specs)) + 0.27 * (k - 1),
        bits,
        0.25,
        label=name,
        color=plt.cm.viridis(k / 2.6),
    )
ax.axhline(1, ls="--", color="k", lw=1, label="truth")
ax.set_xticks(range(len(specs)), specs)
ax.set(
    ylabel="I(Z;Y) [bits]",
    title="an invertible map changes no information, but some estimates of it",
    ylim=(0, 1.25),
)
ax.legend(ncols=4, loc="upper center");

# %% [markdown]
# ## Usable information
#
# Shannon's information counts what an unlimited reader could extract. A linear reader sees nothing of an xor, until a layer has computed it. V-information
# (Xu et al. 2020) counts what a family of readers can use, and so it may *grow* along a chain: that is not a violation but its meaning.

# %%
a, b = rng.integers(0, 2, 2000), rng.integers(0, 2, 2000)
inputs = np.c_[a, b] + 0.1 * rng.normal(size=(2000, 2))
hidden = np.c_[inputs, inputs[:, :1] * inputs[:, 1:]]
label = ip.discrete(a ^ b)
layers = {"inputs": inputs, "inputs and their product": hidden}
fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
for k, family in enumerate(("linear", "mlp")):
    found = [
        ip.estimators.VInformation(family).estimate(ip.continuous(z), label, rng=rng)
        for z in layers.values()
    ]
    ax.bar(
        np.arange(2) + 0.3 * (k - 0.5),
        [e.bits for e in found],
        0.28,
        yerr=[1.96 * e.stderr for e in found],
        capsize=3,
        label=f"{family} reader",
        color=plt.cm.viridis(k / 1.6),
    )
ax.axhline(1, ls="--", color="k", lw=1, label="H(Y), all there is")
ax.set_xticks(range(2), layers)
ax.set(
    ylabel="I_V(Z→Y) [bits], held out",
    title="the product creates no information, only use for a linear reader",
    ylim=(-0.1, 1.35),
)
ax.legend(ncols=3, loc="upper center");
