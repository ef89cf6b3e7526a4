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
# # 2 · Your first information plane
#
# We train the network of Shwartz-Ziv & Tishby (2017): 12 input bits, layers of 10-7-5-4-3-2 units, tanh. All 4096 inputs are the probe set,
# so nothing has to be estimated from a sample: X is uniform on exactly these rows and H(X) = 12 bits.

# %%
from pathlib import Path

import infoplane as ip

folder = Path("runs/notebook2")
x, y = ip.data.szt.load()
print(f"{len(x)} rows of {x.shape[1]} bits, {y.sum()} of them labelled 1")

# %% [markdown]
# One line attaches the recorder. It looks at the network once, chooses the layers a researcher would choose, tests which layer cuts the input
# off from which, and captures the untrained network as step 0. After that `rec.step(...)` costs a set look-up, except when a capture is due.

# %%
model = ip.data.szt.network("tanh", seed=0)
epochs = 1000
with ip.Recorder(
    model,
    probe=(x, y),
    to=folder / "run",
    layers="auto",
    schedule=ip.log_spaced(epochs, 40),
    overwrite=True,
) as rec:
    trained = ip.data.szt.train(
        model,
        epochs=epochs,
        seed=0,
        on_epoch=lambda epoch, metrics: rec.step(epoch, **metrics),
    )
print(
    f"accuracy: {trained.train_accuracy:.1%} on training rows, {trained.test_accuracy:.1%} on held-out rows"
)

# %% [markdown]
# The run is a folder of HDF5 files. It can be opened while it grows, packed into one file, and measured again under any estimator.

# %%
archive = ip.open_archive(folder / "run")
print(archive)
archive.z(epochs, "act5")[:3]  # three rows of the last hidden layer after training

# %% [markdown]
# ## Measure
#
# Three conventions of the literature at once. `bin:szt`: 30 bins on [-1, 1]. `kde:variance=0.001`: the bounds of Kolchinsky & Tracey for
# Z plus a little Gaussian noise. `exact`: rows count as different if any bit differs.

# %%
plane = ip.measure(archive, ["bin:szt", "kde:variance=0.001", "exact"], workers=2)
print(plane)
print(plane.select(step=epochs, layer="act5").points[0].estimate)

# %% [markdown]
# ## Check, then look
#
# The data processing inequality says that a layer cannot know more than the layer that feeds it. The check compares every certified pair at every
# checkpoint and says what caused each excess.

# %%
report = ip.check_dpi(plane)
report

# %%
ip.plot_plane(plane, report, estimator="bin:szt");

# %%
from infoplane.analysis.plot import draw_curves

draw_curves(plane, estimator="bin:szt")

# %% [markdown]
# Layer 5 first gains information about the label, then its binned I(X;Z) falls: the famous compression phase. Now the same network, the same
# rows, the same steps, counted exactly:

# %%
draw_curves(plane, estimator="exact")

# %% [markdown]
# Every layer keeps all 12 bits, at every checkpoint. Nothing was forgotten: tanh units saturated, so the rows moved into fewer bins. Both pictures are
# right; they answer different questions. [Notebook 4](4_reading_a_plane_honestly.ipynb) goes on from here.
