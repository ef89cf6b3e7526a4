"""Repeat results of Hewitt, Ethayarajh, Liang & Manning 2021."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from infoplane.replications.curves import bits_of, curves, difference_in_errors, planes_of
from infoplane.replications.evidence import Numbers, conclude, over_training
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.training import Task, accuracies, classified, learnt
from infoplane.types.arrays import Ids

if TYPE_CHECKING:
    from torch import nn

    from infoplane.archive import Archive
    from infoplane.types import Estimate

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

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.attend = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
            up, down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
            self.mlp = nn.Sequential(up, nn.GELU(), down)

        def forward(self, stream: torch.Tensor) -> torch.Tensor:
            normed = self.norm1(stream)
            stream = stream + self.attend(normed, normed, normed, need_weights=False)[0]
            return torch.as_tensor(stream + self.mlp(self.norm2(stream)))

    class Pointer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.block0, self.block1 = Embed(), Block(), Block()
            self.head = nn.Linear(WIDTH, 2)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            stream = self.block1(self.block0(self.embed(ids)))
            return torch.as_tensor(self.head(stream[:, -1]))

    torch.manual_seed(seed)
    return Pointer()


def pointer_run(ctx: Context, seed: int) -> Archive:
    """Return the archive of a transformer trained on 80 % of the sequences."""
    import infoplane as ip

    epochs = EPOCHS[ctx.quick]

    def make_task() -> Task:
        sequences, labels = pointer_task()
        train = np.random.default_rng([seed, 2]).random(len(sequences)) < 0.8
        probe = np.sort(np.random.default_rng(0).permutation(len(sequences))[:PROBE])
        return Task(transformer(seed), sequences, labels, train, probe)

    return classified(
        ctx,
        f"pointer-transformer-epochs{epochs}-seed{seed}",
        make_task,
        epochs=epochs,
        seed=seed,
        lr=3e-3,
        batch=256,
        layers=LAYERS,
        schedule=ip.log_spaced(epochs, 9),
    )


def _beyond_embeddings(archive: Archive) -> Estimate:
    """Linear V-information of the last block about Y given the embeddings, after training."""
    import infoplane as ip
    from infoplane.analysis.estimators.vinfo import conditional_vinformation

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
        ends = [bits_of(plane, layer, LINEAR, "i_zy")[-1] for plane in planes]
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
        learnt=learnt(archives),
        archives=archives,
        planes=planes,
        pictures=[
            over_training(
                ctx,
                "transformer",
                planes[0].steps,
                curves(planes, LAYERS, LINEAR, "i_zy"),
                f"I_V(Z→Y), linear, held out [bits], N={PROBE}",
            )
        ],
        note="the label is the bit that the last token points at: no linear predictor finds it in "
        "the embeddings, attention moves it where one can. The data processing inequality is about "
        "all information, of which no bit is created or lost",
    )
