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
# # 4 · Reading a plane honestly
#
# A number on an information plane belongs to its convention. Here one training run is measured many ways, and each way is asked the same question:
# *does layer 5 compress?*

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import infoplane as ip

folder = Path("runs/notebook4")
x, y = ip.data.szt.load()
epochs = 2000
runs = {}
for activation in ("tanh", "relu"):
    model = ip.data.szt.network(activation, seed=0)
    with ip.Recorder(
        model,
        probe=(x, y),
        to=folder / activation,
        layers="act*",
        schedule=ip.log_spaced(epochs, 40),
        verbose=False,
        overwrite=True,
    ) as rec:
        ip.data.szt.train(
            model,
            epochs=epochs,
            seed=0,
            on_epoch=lambda epoch, metrics: rec.step(epoch, **metrics),
        )
    runs[activation] = ip.open_archive(folder / activation)

# %% [markdown]
# ## The convention decides
#
# Same activations, eight conventions. Read down a column: for tanh the answer goes from "more than four bits" to "nothing at all". For ReLU,
# `bin:szt` and bins that adapt to the values (`quantile`, `ebab`) report a fall, where bins and kernels of one width see half a bit or less:
# `bin:szt` puts every value above 1 into one cell, so that what it reports there is clipping.

# %%
specs = [
    "bin:szt",
    "bin:saxe",
    "bin:range,n=30",
    "bin:quantile,n=30",
    "bin:ebab,n=30",
    "kde:variance=0.001",
    "kde:relative=0.1",
    "exact",
]
planes = {name: ip.measure(archive, specs, workers=2) for name, archive in runs.items()}


def drop(plane, spec, layer="act5"):
    bits = [e.bits for e in plane.series(layer, "i_xz", spec)[1]]
    return max(bits) - bits[-1]


print(f"{'drop of I(X;Z) from its peak, act5':36s} tanh   relu   [bits]")
for spec in specs:
    print(
        f"{spec:36s} {drop(planes['tanh'], spec):5.2f}  {drop(planes['relu'], spec):5.2f}"
    )

# %%
fig, axes = plt.subplots(2, 4, figsize=(12, 5), sharex=True, layout="constrained")
for ax, spec in zip(axes.flat, specs):
    for name, style in (("tanh", "-"), ("relu", "--")):
        steps, series = planes[name].series("act5", "i_xz", spec)
        ax.plot(np.array(steps) + 1, [e.bits for e in series], style, label=name)
    ax.set(title=spec, xscale="log", ylim=(0, 12.5))
axes[0, 0].legend()
fig.supxlabel("epoch + 1")
fig.supylabel("I(X;Z) of act5 as the estimator defines it [bits]");

# %% [markdown]
# ## Ceilings and saturation
#
# No estimate from N rows can exceed log2 N. When nearly every row is alone in its cell, the value is the ceiling and not a measurement. Such
# points are crossed; the coverage (1 - share of rows that are alone) is stored with each number.

# %%
for layer in runs["relu"].layers:
    e = planes["relu"].series(layer, "i_xz", "bin:saxe")[1][-1]
    print(
        f"{layer}  {e.bits:6.3f} bits of at most {e.ceiling_bits:.0f}  coverage {e.coverage:.2f}  saturated: {e.saturated}"
    )

# %% [markdown]
# ## The null: what would a layer say about labels that it never saw?
#
# Shuffle the labels and measure again. A saturated layer "knows" random labels almost perfectly, because every row has a cell of its own. This band
# says how much of I(Z;Y) means nothing. It is not subtracted: a null is no estimator.

# %%
rng = np.random.default_rng(0)
estimator = ip.estimators.Binned(rule="saxe")
for layer in ("act1", "act3", "act5"):
    z = ip.continuous(runs["tanh"].z(epochs, layer))
    real = estimator.estimate(z, ip.discrete(y)).bits
    null = [
        estimator.estimate(z, ip.discrete(rng.permutation(y))).bits for _ in range(20)
    ]
    print(
        f"{layer}  I(Z;Y) = {real:.3f} bits, with shuffled labels {np.mean(null):.3f} (at most {max(null):.3f})"
    )

# %% [markdown]
# ## The floor: what the network itself proves
#
# A network that predicts its labels with error Pe has at least H(Y) - h(Pe) bits about Y in every layer that separates X from the output
# (Fano). An estimate below this floor is too coarse: the information is there, the bins do not see it. Here all three are above it.

# %%
pe = 1 - runs["tanh"].metrics[epochs]["accuracy"]
h = -(pe * np.log2(pe) + (1 - pe) * np.log2(1 - pe)) if 0 < pe < 1 else 0.0
floor = planes["tanh"].h_y_bits - h
for spec in ("bin:szt", "bin:range,n=30", "kde:variance=0.001"):
    last = planes["tanh"].series("act5", "i_zy", spec)[1][-1].bits
    print(
        f"{spec:20s} I(Z;Y) of act5 = {last:.3f} bits; Fano floor from the training accuracy {floor:.3f}"
    )

# %% [markdown]
# ## A rule for papers
#
# Say the estimator and its resolution on the axis (infoplane does). Show `exact` beside it. Show several seeds. If the claim holds under fixed bins,
# quantile bins and a kernel, it is about the network; if it holds under one of them, it is about that one.
