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
# # 5 · What a DPI flag means
#
# On a chain X → Z1 → Z2 the data processing inequality holds for the true mutual information, always. So when an *estimate* of a deeper layer is
# larger, the network is not the cause. The estimator is, or the sample, or the pipeline. infoplane says which.

# %%
from pathlib import Path

import numpy as np
import torch

import infoplane as ip

folder = Path("runs/notebook5")
rng = np.random.default_rng(0)

# %% [markdown]
# ## The cause: the estimator
#
# A linear network that shrinks its input by three and then undoes it: Z2 = X exactly. Nothing is lost anywhere. But bins of a fixed width see the
# small Z1 coarsely, and Z2 "regains" what was never lost.

# %%
q = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
shrink_and_grow = torch.nn.Sequential(
    torch.nn.Linear(3, 3, bias=False), torch.nn.Linear(3, 3, bias=False)
)
with torch.no_grad():
    shrink_and_grow[0].weight.copy_(q / 3)
    shrink_and_grow[1].weight.copy_(3 * q.T)
x = torch.as_tensor(rng.normal(size=(1000, 3)), dtype=torch.float32)
with ip.Recorder(
    shrink_and_grow,
    probe=x,
    to=folder / "linear",
    layers=["0", "1"],
    verbose=False,
    overwrite=True,
):
    pass
plane = ip.measure(folder / "linear", ["bin:saxe,width=0.5", "exact"])
for p in plane:
    print(f"layer {p.layer}  {p.estimator:20s} {p.bits:.2f} bits")
report = ip.check_dpi(plane)
report

# %% [markdown]
# `estimator`, with the excess split into what binning gained and lost. The exact codes agree in both layers, and the check passes.

# %% [markdown]
# ## The cause: the pipeline
#
# Now a fault that really happens: one layer's rows were shuffled on their way to disk (a data loader that shuffles, a join that went wrong). The
# numbers look plausible. The codes do not: rows that were equal upstream are different downstream, which no function can do.

# %%
from infoplane.archive import RunWriter

bits, labels = ip.data.szt.load()
net = ip.data.szt.network("tanh", seed=0)
honest = ip.Recorder(
    net,
    probe=(bits, labels),
    to=folder / "honest",
    layers=["act4", "act5"],
    verbose=False,
    overwrite=True,
)
with honest:
    archive = ip.open_archive(folder / "honest")
z4 = np.sign(archive.z(0, "act4"))  # coarse layers, so that rows do coincide
z5 = z4[:, :3][rng.permutation(len(bits))]  # the fault
with RunWriter.create(
    folder / "faulty",
    layers=honest.infos,
    x=bits,
    y=labels,
    chain=archive.chain,
    overwrite=True,
) as run:
    with run.step(0) as shard:
        shard.write("act4", z4)
        shard.write("act5", z5)
report = ip.check_dpi(ip.measure(folder / "faulty", ["bin:szt", "exact"]))
report

# %% [markdown]
# `fault`: the only verdicts that fail a check are `fault` and `violation`.

# %% [markdown]
# ## No cause: there is no chain
#
# A residual block passes its input around its layers. The layer inside the block does not cut X off from the output, so there is no inequality to
# violate. Module order does not tell that; the interchange test, run on the live model when the recorder attaches, does.


# %%
class Residual(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.inner, self.head = (
            torch.nn.Linear(12, 8),
            torch.nn.Linear(8, 8),
            torch.nn.Linear(8, 2),
        )

    def forward(self, x):
        h = torch.tanh(self.stem(x))
        return self.head(h + torch.tanh(self.inner(h)))


torch.manual_seed(0)
with ip.Recorder(
    Residual(),
    probe=(bits, labels),
    to=folder / "residual",
    layers=["stem", "inner", "head"],
    verbose=False,
    overwrite=True,
):
    pass
archive = ip.open_archive(folder / "residual")
for up, down in (("stem", "inner"), ("stem", "head"), ("inner", "head")):
    print(f"{up} -> {down}: {archive.chain.relation(up, down)}")
report = ip.check_dpi(ip.measure(archive, ["bin:saxe,width=0.5", "exact"]))
report

# %% [markdown]
# ## All pairs at once
#
# One range for all layers of a ReLU network is a coarse ruler for the layers with small values and a fine one for those with large: deeper layers
# come out richer than the layers that feed them. The cells show the worst excess of a pair; the letter is the verdict.

# %%
from infoplane.analysis.plot import plot_dpi_matrix

relu = ip.data.szt.network("relu", seed=0)
with ip.Recorder(
    relu,
    probe=(bits, labels),
    to=folder / "relu",
    layers="act*",
    schedule=ip.at(0, 100, 300),
    verbose=False,
    overwrite=True,
) as rec:
    ip.data.szt.train(
        relu,
        epochs=300,
        seed=0,
        on_epoch=lambda epoch, metrics: rec.step(epoch, **metrics),
    )
spec = "bin:range,n=30,scope=run"
plane = ip.measure(folder / "relu", [spec, "exact"])
plot_dpi_matrix(plane, ip.check_dpi(plane), estimator=spec);

# %% [markdown]
# | verdict | cause | what to do |
# |---|---|---|
# | `estimator` | bins, kernel or neighbours applied after the fact | compare with `exact`; quantise inside the network |
# | `sampling`, `bias` | too few rows | more rows; they vanish like 1/N |
# | `untestable` | saturation | coarser cells or more rows |
# | `not comparable` | none: no chain | compare other layers |
# | `fault` | your pipeline | recapture; the explanation names two rows that prove it |
# | `violation` | unexplained | a bug in the estimator or the capture: report it |
