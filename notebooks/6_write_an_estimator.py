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
# # 6 · Write an estimator
#
# An estimator is a frozen dataclass with a name, two methods and one flag. Here is a whole one: it ranks every unit, cuts the ranks into n equal
# groups and counts rows of groups. Ranks ignore any monotone activation.

# %%
from dataclasses import dataclass

import numpy as np

import infoplane as ip
from infoplane.contract import Traits
from infoplane.types import Estimate


def entropy(codes):
    p = np.unique(codes, axis=0, return_counts=True)[1] / len(codes)
    return float(-(p * np.log2(p)).sum())


@dataclass(frozen=True)
class RankBins:
    """I(A;B) of ranks cut into n groups, plug-in, in bits. Saturates at log2 N like every plug-in."""

    n: int = 8
    traits = Traits(
        "adaptive bins", measures="coarsened"
    )  # applied after the fact: breaks X -> Z1 -> Z2

    @property
    def name(self):
        return f"rank:n={self.n}"

    def __str__(self):
        return self.name

    def supports(self, a, b):
        return True

    def estimate(self, a, b, *, rng=None):
        if a.n != b.n:
            raise ValueError(f"{a.n} rows beside {b.n}")
        ca, cb = self._codes(a), self._codes(b)
        bits = entropy(ca) + entropy(cb) - entropy(np.hstack([ca, cb]))
        return Estimate(
            bits, n=a.n, estimator=self.name, ceiling_bits=float(np.log2(a.n))
        )

    def _codes(self, v):
        if v.kind == "discrete":
            return v.values
        ranks = np.argsort(np.argsort(v.values, axis=0, kind="stable"), axis=0)
        return (ranks * self.n) // v.n


# %% [markdown]
# ## Prove it on known truths
#
# `infoplane.testing` has variables whose mutual information is known, and runs an estimator through what every one must do: carry its name, give one
# number per seed, not care about the order of rows, refuse unpaired rows.

# %%
from infoplane.testing import check_estimator

for pair, estimate in check_estimator(RankBins()):
    print(f"{pair.name:42s} truth {pair.bits:.3f}   {estimate.bits:.3f} bits")

# %% [markdown]
# The Gaussian case falls short: eight groups cannot see finer. How does it grow with n?

# %%
import matplotlib.pyplot as plt

from infoplane.testing import gaussian_pair

pair = gaussian_pair(4000, correlation=0.9, rng=np.random.default_rng(0))
sizes = [2, 4, 8, 16, 32, 64, 128]
values = [RankBins(n).estimate(pair.a, pair.b).bits for n in sizes]
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.plot(sizes, values, "o-", label="RankBins, N=4000")
ax.axhline(pair.bits, ls="--", color="k", label=f"truth, {pair.bits:.2f} bits")
ax.set(xscale="log", xlabel="groups n", ylabel="estimate of I [bits]")
ax.legend();

# %% [markdown]
# No plateau at the truth: it passes through it and goes on to rise, first too coarse, then biased. That is why every number must say its resolution.
#
# ## Use it like any other

# %%
x, y = ip.data.szt.load()
folder = "runs/notebook6"
net = ip.data.szt.network("tanh", seed=0)
with ip.Recorder(
    net,
    probe=(x, y),
    to=folder,
    layers="act*",
    schedule=ip.log_spaced(200, 12),
    verbose=False,
    overwrite=True,
) as rec:
    ip.data.szt.train(
        net,
        epochs=200,
        seed=0,
        on_epoch=lambda epoch, metrics: rec.step(epoch, **metrics),
    )
plane = ip.measure(folder, [RankBins(n=8), "exact"])
ip.plot_plane(plane, estimator="rank:n=8");

# %% [markdown]
# ## Give it away
#
# A package that declares the entry point below makes `rank:n=8` a spec that works everywhere: `infoplane measure RUN -e rank:n=8`.
#
# ```toml
# [project.entry-points."infoplane.estimators"]
# rank = "my_package:RankBins"
# ```
