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
# # 9 · A language model, token by token
#
# In a language model a row of the plane is a token, not a sentence. Here a small causal transformer learns to write characters of Python's own documentation
# strings, and is captured at every block while it learns. Two questions of every layer: how much does it still know about the character it read, and how much
# does it know about the one that comes next?

# %%
import numpy as np
import torch

import infoplane as ip
from infoplane.data.docstrings import tokens, windows
from infoplane.data.language import Reader, next_characters, train_reader

torch.manual_seed(0)
torch.set_num_threads(1)
text = tokens()
held_out = text[-len(text) // 10 :]
pieces = windows(held_out, 24, 150, np.random.default_rng(1))
model = Reader(causal=True, depth=3, units=32, length=24)

# %% [markdown]
# ## Capture
#
# `rows="token"` makes every position a row. The labels are made from the tokens themselves, two sets in one run. Every character has a number, and
# padding would be left out by its mask: here all pieces have one length.

# %%
updates = 300
labels = {"this": "token", "next": "next-token"}
with ip.Recorder(
    model,
    probe=pieces,
    rows="token",
    y=labels,
    max_rows=2000,
    to="runs/reader",
    schedule=ip.log_spaced(updates, 8),
) as rec:
    train_reader(
        model,
        text[: -len(text) // 10],
        next_characters,
        updates=updates,
        length=24,
        on_update=lambda step, loss: rec.step(step, loss=loss),
    )

# %% [markdown]
# The last character of a piece has no next one, so it is no row. The model sees only what is before a position (the recorder tests that), so that X is the
# prefix.

# %%
run = ip.open_archive("runs/reader")
print(run)
print(run.row_info)
print(*run.config["notes"], sep="\n")

# %% [markdown]
# ## The plane of the next character
#
# The axes say which rows, which X and which Y are meant.

# %%
stream = [name for name in run.layers if name != "head"]
spec = "bin:range,n=3"
nxt = ip.measure(run, spec, layers=stream, label="next")
ip.plot_plane(nxt);

# %% [markdown]
# In the blocks many rows have a cell to themselves (hollow marks): there the number counts rows. What a reader can *use* does not have this trouble: it is
# measured on rows that the reader was not fitted on.

# %%
usable = "vinfo:family=linear"
steps = [run.steps[0], run.steps[-1]]
for label in labels:
    plane = ip.measure(run, usable, layers=stream, steps=steps, label=label)
    print(f"usable bits about {label}, H = {plane.h_y_bits:.2f}")
    for layer in stream:
        _, found = plane.series(layer, "i_zy", usable)
        print(
            f"  {layer:10s} untrained {found[0].bits:5.2f}   trained {found[-1].bits:5.2f}"
        )

# %% [markdown]
# Once the model is trained, a linear reader knows more about the next character behind every further block. The character that was read stays in the stream:
# blocks only add to it.
#
# ## Many symbols
#
# Pairs of characters have hundreds of symbols. A table of so many reports information where there is none; so the band of shuffled labels comes unasked, and
# is drawn in grey.

# %%
pairs = np.unique(
    np.stack([run.with_label("this").y, run.with_label("next").y], 1), axis=0
)
print(len(pairs), "pairs of characters in", run.n_rows, "rows")
with ip.Recorder(
    model,
    probe=pieces,
    rows="token",
    y="ngram:2",
    max_rows=2000,
    to="runs/pairs",
    schedule=ip.at(0),
    verbose=False,
):
    pass
plane = ip.measure("runs/pairs", "bin:range,n=3", layers=stream)
for point in plane.select(quantity="i_zy"):
    null = point.estimate.null
    print(
        f"{point.layer:10s} I(Z;pair) {point.bits:.2f} bits, shuffled {null.low:.2f} to {null.high:.2f}"
    )

# %% [markdown]
# ## What cannot be compared
#
# Attention brings other positions in. So the row of one block does not screen the prefix off from the row of the next, and the data processing inequality says
# nothing about such pairs; from the last block on, every position is on its own again.

# %%
ip.check_dpi(nxt)
