# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
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
ax.set(xlabel="probability of heads", ylabel="H [bits]", title="Entropy of a coin");
print("twelve fair bits:", v.entropy(np.full(4096, 1 / 4096)), "bits")

# %% [markdown]
# ## Mutual information
#
# I(A;B) = H(A) + H(B) - H(A,B): what one says about the other. It is 0 exactly when they are independent. A symmetric channel that flips a bit with
# probability e carries 1 - h(e) bits:

# %%
channel = lambda e: [[(1 - e) / 2, e / 2], [e / 2, (1 - e) / 2]]
for e in (0.0, 0.1, 0.5):
    print(f"flip {e}: I = {v.mutual_information(channel(e)):.3f} bits")

# %% [markdown]
# Given a third variable, information may appear out of nothing: with C = A xor B, A says nothing about B, but all of it once C is known.

# %%
xor = np.zeros((2, 2, 2))
xor[[0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]] = 0.25
print("I(A;B) =", v.mutual_information(xor.sum(axis=2)), "  I(A;B|C) =", v.conditional_mutual_information(xor))

# %% [markdown]
# ## Divergence
#
# D(p‖q) = Σ p log2 p/q: the price of believing q when p is true; not symmetric. Mutual information is the divergence of the joint law from independence.

# %%
print("D(p||q) =", round(v.kl([0.9, 0.1], [0.5, 0.5]), 3), "  D(q||p) =", round(v.kl([0.5, 0.5], [0.9, 0.1]), 3), "bits")
x = rng.normal(1.0, 1.0, (4000, 1))
y = rng.normal(0.0, 1.0, (4000, 1))
print("two Gaussians: closed form", round(v.gaussian_kl([1.0], [[1.0]], [0.0], [[1.0]]), 3), " from samples", round(v.kl_from_samples(x, y), 3))

# %% [markdown]
# ## Expectation by sampling
#
# Where there is no closed form, draw and average, and keep the standard error.

# %%
mean, se = v.expectation(lambda x: np.tanh(x) ** 2, lambda n: rng.normal(size=n))
print(f"E tanh(x)^2 = {mean:.4f} +- {se:.4f}")

# %% [markdown]
# ## Gaussians
#
# For jointly Gaussian variables I = 1/2 log2 (det S_A det S_B / det S). For a scalar channel Z = w X + noise: 1/2 log2(1 + w²).

# %%
weights = np.linspace(0, 5, 40)
truth = 0.5 * np.log2(1 + weights**2)
x = rng.normal(size=2000)
measured = [ip.estimators.KSG(k=5).estimate(ip.continuous(x), ip.continuous(w * x + rng.normal(size=2000))).bits for w in weights]
fig, ax = plt.subplots(figsize=(5, 2.8), layout="constrained")
ax.plot(weights, truth, "k--", label="closed form")
ax.plot(weights, measured, ".", label="KSG, k=5, N=2000")
ax.set(xlabel="weight w", ylabel="I(X; wX + noise) [bits]")
ax.legend();

# %% [markdown]
# ## The Markov chain, and the inequality
#
# X → Z1 → Z2: given Z1, Z2 knows nothing more about X. Then I(X;Z1) ≥ I(X;Z2): processing cannot add information. A chain of noisy steps:

# %%
z, known = x, []
for step in range(6):
    z = 0.8 * z + 0.6 * rng.normal(size=2000)
    known.append(ip.estimators.KSG(k=5).estimate(ip.continuous(x), ip.continuous(z)).bits)
fig, ax = plt.subplots(figsize=(5, 2.8), layout="constrained")
ax.plot(range(1, 7), known, "o-", label="KSG")
ax.plot(range(1, 7), [-0.5 * np.log2(1 - 0.8 ** (2 * k)) for k in range(1, 7)], "k--", label="closed form")
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
for spec in ("bin:szt", "bin:quantile,n=8", "ksg:k=5", "exact"):
    estimator = ip.estimators.parse(spec)
    bits = [estimator.estimate(ip.continuous(f(z)), ip.discrete(y)).bits for f in (lambda z: z, lambda z: 10 * z, lambda z: z + 0.3 * z**3)]
    print(f"{spec:18s} as it is {bits[0]:.3f}   times ten {bits[1]:.3f}   squashed {bits[2]:.3f} bits")

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
for name, layer in (("inputs", inputs), ("hidden layer with a product", hidden)):
    print(f"{name:28s} linear V-information {ip.estimators.VInformation('linear').estimate(ip.continuous(layer), label, rng=rng)}")
