"""Repeat results of Hewitt, Ethayarajh, Liang & Manning 2021."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

import infoplane as ip
from infoplane.analysis.estimators.vinfo import conditional_vinformation
from infoplane.archive import Archive
from infoplane.replications import (
    Context,
    Numbers,
    Result,
    Task,
    accuracies,
    bits_of,
    claim,
    classified,
    conclude,
    curves_of,
    difference_in_errors,
    final_bits,
    over_training,
    planes_of,
)
from infoplane.types import Estimate
from infoplane.types.arrays import Ids

if TYPE_CHECKING:
    from torch import nn

REFERENCE = (
    'Hewitt, Ethayarajh, Liang & Manning 2021, "Conditional probing: measuring usable '
    'information beyond a baseline" (EMNLP 2021, arXiv 2109.09234).'
)

BITS, WIDTH = 8, 16
LAYERS = ["embed", "block0", "block1"]
EPOCHS = {False: 200, True: 20}
PROBE = 1024
LINEAR = "vinfo:family=linear"
GROWTH = "growth along the depth / standard error"
BEYOND = "I_V(block1 -> Y | embed) / standard error"


def pointer_task() -> tuple[Ids, Ids]:
    """Return eight bits and a pointer to one of them; the label is the bit pointed at.

    All 2048 sequences of nine tokens: shapes ``(2048, 9)``, ``(2048,)``.
    """
    patterns = (np.arange(2**BITS, dtype=np.int64)[:, None] >> np.arange(BITS)) & 1
    bits = np.repeat(patterns, BITS, axis=0)
    pointer = np.tile(np.arange(BITS), 2**BITS)
    return np.c_[bits, 2 + pointer], bits[np.arange(len(bits)), pointer]


def transformer(seed: int) -> nn.Module:
    """Return a two-block transformer of width 16; the answer is read off the last token."""
    import torch
    from torch import nn

    class Embed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Embedding(2 + BITS, WIDTH)
            self.place = nn.Parameter(0.3 * torch.randn(BITS + 1, WIDTH))

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return torch.as_tensor(self.token(ids) + self.place)

    class Last(nn.Module):
        def forward(self, stream: torch.Tensor) -> torch.Tensor:
            return stream[:, -1]

    def block() -> nn.Module:
        return nn.TransformerEncoderLayer(
            WIDTH, 2, 4 * WIDTH, dropout=0, activation="gelu", batch_first=True, norm_first=True
        )

    torch.manual_seed(seed)
    parts = OrderedDict(embed=Embed(), block0=block(), block1=block())
    return nn.Sequential(OrderedDict(**parts, last=Last(), head=nn.Linear(WIDTH, 2)))


def pointer_run(ctx: Context, seed: int) -> Archive:
    """Return the archive of a transformer trained on 80 % of the sequences."""
    epochs = EPOCHS[ctx.quick]
    sequences, labels = pointer_task()
    train = np.random.default_rng([seed, 2]).random(len(sequences)) < 0.8
    probe = np.sort(np.random.default_rng(0).permutation(len(sequences))[:PROBE])
    return classified(
        ctx,
        f"pointer-transformer-epochs{epochs}-seed{seed}",
        Task(transformer(seed), sequences, labels, train, probe),
        epochs=epochs,
        seed=seed,
        lr=3e-3,
        batch=256,
        layers=LAYERS,
        checkpoints=9,
    )


def _beyond_embeddings(archive: Archive) -> Estimate:
    """Linear V-information of the last block about Y given the embeddings, after training."""
    last = ip.continuous(archive.z(archive.steps[-1], "block1"))
    embeddings = ip.continuous(archive.z(archive.steps[-1], "embed"))
    return conditional_vinformation(last, ip.discrete(archive.y), embeddings)


@claim(
    "transformer",
    "a transformer creates usable information along its depth, and no information",
    REFERENCE,
    "two blocks of width 16, eight bits and a pointer, linear V-information, cross-fitted",
)
def depth(ctx: Context) -> Result:
    """Judge that usable information about the label grows from the embeddings to the last block.

    It grows also given the embeddings; exact information stays at log2 N.
    """
    archives = [pointer_run(ctx, seed) for seed in ctx.seeds]
    planes = planes_of(archives, [LINEAR, "exact"])
    numbers: Numbers = {}
    for layer in LAYERS:
        ends = final_bits(planes, layer, LINEAR, "i_zy")
        numbers[f"I_V({layer} -> Y), linear, at the end [bits]"] = ends
    growth, beyond, beyond_in_errors, least = [], [], [], []
    for archive, plane in zip(archives, planes, strict=True):
        embeddings, last = (
            plane.series(name, "i_zy", LINEAR)[1][-1] for name in ("embed", "block1")
        )
        growth.append(difference_in_errors(last, embeddings))
        conditional = _beyond_embeddings(archive)
        beyond.append(conditional.bits)
        beyond_in_errors.append(conditional.bits / (conditional.stderr or math.inf))
        least.append(float(np.min([bits_of(plane, layer, "exact") for layer in LAYERS])))
    numbers |= {
        GROWTH: growth,
        "I_V(block1 -> Y | embed) [bits]": beyond,
        BEYOND: beyond_in_errors,
        "exact I(X;Z), smallest over blocks and checkpoints [bits]": least,
        "held-out accuracy": accuracies(archives, "test"),
    }
    nothing_lost = min(least) > math.log2(PROBE) - 1e-9
    return conclude(
        ctx,
        min(growth) > 3 and min(beyond_in_errors) > 3 and nothing_lost,
        "in every seed: linear V-information of the last block exceeds that of the embeddings by > "
        "3 standard errors, also conditional on the embeddings, while exact I(X;Z) is log2 N "
        "everywhere",
        numbers,
        limits={GROWTH: 3, BEYOND: 3},
        planes=planes,
        pictures=[
            over_training(
                ctx,
                planes[0].steps,
                curves_of(planes, LAYERS, LINEAR, "i_zy"),
                f"I_V(Z→Y), linear, held out [bits], N={PROBE}",
            )
        ],
        note="the label is the bit that the last token points at: no linear predictor finds it in "
        "the embeddings, attention moves it where one can. The data processing inequality is about "
        "all information, of which no bit is created or lost",
    )
