"""Repeat results of Hewitt, Ethayarajh, Liang & Manning 2021."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from infoplane.replications.curves import bits_of, curves, difference_in_errors, plane_of
from infoplane.replications.evidence import conclude, over_training
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


def pointer_task() -> tuple[Ids, Ids]:
    """Return eight bits and a pointer to one of them; the label is the bit pointed at.

    All 2048 sequences of nine tokens: shapes ``(2048, 9)``, ``(2048,)``.
    """
    bits = (np.arange(2**BITS)[:, None] >> np.arange(BITS)) & 1
    rows = np.repeat(bits, BITS, axis=0)
    where = np.tile(np.arange(BITS), 2**BITS)
    return np.c_[rows, 2 + where].astype(np.int64), rows[np.arange(len(rows)), where].astype(
        np.int64
    )


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
            self.mlp = nn.Sequential(
                nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
            )

        def forward(self, h: torch.Tensor) -> torch.Tensor:
            n = self.norm1(h)
            h = h + self.attend(n, n, n, need_weights=False)[0]
            return torch.as_tensor(h + self.mlp(self.norm2(h)))

    class Pointer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.block0, self.block1 = Embed(), Block(), Block()
            self.head = nn.Linear(WIDTH, 2)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return torch.as_tensor(self.head(self.block1(self.block0(self.embed(ids)))[:, -1]))

    torch.manual_seed(seed)
    return Pointer()


def pointer_run(ctx: Context, seed: int) -> Archive:
    """Return the archive of a transformer trained on 80 % of the sequences."""
    import infoplane as ip

    epochs = EPOCHS[ctx.quick]

    def task() -> Task:
        x, y = pointer_task()
        mask = np.random.default_rng([seed, 2]).random(len(x)) < 0.8
        return Task(
            transformer(seed),
            x,
            y,
            mask,
            np.sort(np.random.default_rng(0).permutation(len(x))[:PROBE]),
        )

    return classified(
        ctx,
        f"pointer-transformer-epochs{epochs}-seed{seed}",
        task,
        epochs=epochs,
        seed=seed,
        lr=3e-3,
        batch=256,
        layers=LAYERS,
        schedule=ip.log_spaced(epochs, 9),
    )


def _beyond_embeddings(archive: Archive) -> Estimate:
    """What a linear reader can use of the last block beyond the embeddings, at the end."""
    import infoplane as ip
    from infoplane.analysis.estimators.vinfo import conditional_vinformation

    z, base = (ip.continuous(archive.z(archive.steps[-1], name)) for name in ("block1", "embed"))
    return conditional_vinformation(z, ip.discrete(archive.y), base)


@claim(
    "transformer",
    "a transformer creates usable information along its depth, and no information",
    REFERENCE,
    "two blocks of width 16, eight bits and a pointer, linear V-information, cross-fitted",
)
def depth(ctx: Context) -> Result:
    """Usable information about the label grows from the embeddings to the last block.

    It grows also given the embeddings; exact information stays at log2 N.
    """
    archives = [pointer_run(ctx, seed) for seed in ctx.seeds]
    planes = [plane_of(a, [LINEAR, "exact"]) for a in archives]
    ends = [[p.series(name, "i_zy", LINEAR)[1][-1] for name in LAYERS] for p in planes]
    growth = [difference_in_errors(e[-1], e[0]) for e in ends]
    beyond = [_beyond_embeddings(a) for a in archives]
    beyond_errors = [b.bits / (b.stderr or math.inf) for b in beyond]
    least = [min(min(bits_of(p, name, "exact")) for name in LAYERS) for p in planes]
    numbers = {
        f"I_V({name} -> Y), linear, at the end [bits]": [e[k].bits for e in ends]
        for k, name in enumerate(LAYERS)
    }
    numbers |= {
        "growth along the depth / standard error": growth,
        "I_V(block1 -> Y | embed) [bits]": [b.bits for b in beyond],
        "I_V(block1 -> Y | embed) / standard error": beyond_errors,
        "exact I(X;Z), smallest over blocks and checkpoints [bits]": least,
        "held-out accuracy": [accuracies(a)[1] for a in archives],
    }
    nothing_lost = min(least) > math.log2(PROBE) - 1e-9
    return conclude(
        ctx,
        min(growth) > 3 and min(beyond_errors) > 3 and nothing_lost,
        "in every seed: linear V-information of the last block exceeds that of the embeddings by > "
        "3 standard errors, also conditional on the embeddings, while exact I(X;Z) is log2 N "
        "everywhere",
        numbers,
        limits={
            "growth along the depth / standard error": 3,
            "I_V(block1 -> Y | embed) / standard error": 3,
        },
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
        note="the label is the bit that the last token points at: no linear reader finds it in the "
        "embeddings, attention moves it where one can. The data processing inequality is about "
        "all information, of which no bit is created or lost",
    )
