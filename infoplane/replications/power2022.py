"""Repeat results of Power et al. 2022."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infoplane.replications.curves import curves, plane_of
from infoplane.replications.evidence import conclude, median_of, over_training
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.training import kept_run, recorder, update
from infoplane.types.arrays import Ids

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from infoplane.archive import Archive

REFERENCE = (
    'Power et al. 2022, "Grokking: generalization beyond overfitting on small algorithmic '
    'datasets" (arXiv 2201.02177); network of Gromov 2023 (arXiv 2301.02679).'
)

PRIME, HIDDEN, SHARE = 29, 128, 0.5
UPDATES = {False: 12000, True: 400}
LR, DECAY = 1e-3, 1.0
LAYERS = ["square", "out"]


def addition() -> tuple[NDArray[np.float32], Ids]:
    """Return all pairs (a, b) modulo 29 as two indicators, shape ``(841, 58)``.

    The labels are ``a + b mod 29``, shape ``(841,)``.
    """
    a, b = (v.reshape(-1) for v in np.meshgrid(np.arange(PRIME), np.arange(PRIME), indexing="ij"))
    one = np.eye(PRIME, dtype=np.float32)
    return np.hstack([one[a], one[b]]), ((a + b) % PRIME).astype(np.int64)


def network(seed: int) -> nn.Module:
    """58-128-29 with squares as activation and no biases."""
    from collections import OrderedDict

    import torch
    from torch import nn

    class Square(nn.Module):
        def forward(self, t: torch.Tensor) -> torch.Tensor:
            return t * t

    torch.manual_seed(seed)
    first, last = nn.Linear(2 * PRIME, HIDDEN, bias=False), nn.Linear(HIDDEN, PRIME, bias=False)
    return nn.Sequential(OrderedDict(first=first, square=Square(), out=last))


def grok_run(ctx: Context, seed: int) -> Archive:
    """Return the archive of one training by AdamW on half of the pairs, full batch.

    All pairs are probed.
    """
    updates = UPDATES[ctx.quick]

    def train(path: Path) -> None:
        import torch

        import infoplane as ip

        x, y = addition()
        inputs, labels = torch.as_tensor(x), torch.as_tensor(y)
        seen = np.zeros(len(x), bool)
        seen[np.random.default_rng([seed, 3]).permutation(len(x))[: round(SHARE * len(x))]] = True
        model, schedule = network(seed), ip.log_spaced(updates, 20)
        adam = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=DECAY)
        told = {"layers": LAYERS, "schedule": schedule, "split": np.where(seen, "train", "test")}
        with recorder(model, path, probe=(x, y), **told) as rec:
            for step in range(1, updates + 1):
                loss = torch.nn.functional.cross_entropy(model(inputs[seen]), labels[seen])
                update(adam, loss)
                if schedule.due(step):
                    with torch.no_grad():
                        right = (model(inputs).argmax(1) == labels).float()
                    accuracy, test_accuracy = right[seen].mean(), right[~seen].mean()
                    rec.step(step, loss=loss, accuracy=accuracy, test_accuracy=test_accuracy)

    return kept_run(ctx, f"grokking-{PRIME}-updates{updates}-seed{seed}", train)


def first_above(archive: Archive, metric: str, bar: float = 0.9) -> float:
    """Return the first checkpoint at which a metric exceeds the bar; infinity where none does.

    Args:
        archive: of one training.
        metric: its name.
        bar: what it must exceed.
    """
    above = [s for s in archive.steps if s > 0 and archive.metrics[s][metric] > bar]
    return float(above[0]) if above else math.inf


def _scaled(archive: Archive, metric: str) -> list[float]:
    """A share at every checkpoint, times log2 of the classes."""
    return [math.log2(PRIME) * archive.metrics[s].get(metric, 0.0) for s in archive.steps]


def usable_held_out(archive: Archive, step: int) -> float:
    """Return I_V of the hidden layer about the sum in bits.

    A linear reader fitted on the trained pairs only, read on the held-out pairs.

    ``H(Y) - (1/n) sum -log2 p(y|z)`` over held-out pairs; negative where the reader is sure of
    wrong answers.
    """
    from infoplane.analysis.estimators.vinfo_families import Split, fit_family, log_softmax

    z, y = np.asarray(archive.z(step, "square"), np.float64), np.asarray(archive.y)
    train = np.flatnonzero(np.asarray(archive.split) == "train")
    test = np.flatnonzero(np.asarray(archive.split) == "test")
    rng = np.random.default_rng(0)
    train = rng.permutation(train)
    blocks = np.array_split(train, 7)
    z = (z - z[train].mean(axis=0)) / np.maximum(z[train].std(axis=0), 1e-12)
    prior = np.log(np.full(PRIME, 1 / PRIME))

    def split(k: int) -> Split:
        inner, fit = blocks[k], np.setdiff1d(train, blocks[k], assume_unique=True)
        return Split(z[fit], y[fit], z[inner], y[inner], prior, True)

    log_p = log_softmax(fit_family("linear", split, rng, 0)(z[test]))
    return float(math.log2(PRIME) + log_p[np.arange(len(test)), y[test]].mean() / math.log(2))


@claim(
    "grokking",
    "generalisation comes long after memorisation, and usable information comes with it",
    REFERENCE,
    f"addition modulo {PRIME}, {2 * PRIME}-{HIDDEN}-{PRIME} with squares, full batch",
)
def grokking(ctx: Context) -> Result:
    """Held-out pairs are answered long after the trained ones.

    Only then does the layer hold usable information about them; none is ever created or lost.
    """
    archives = [grok_run(ctx, seed) for seed in ctx.seeds]
    planes = [plane_of(a, ["exact"]) for a in archives]
    fitted = [first_above(a, "accuracy") for a in archives]
    grokked = [first_above(a, "test_accuracy") for a in archives]
    usable = [[usable_held_out(a, s) for s in a.steps] for a in archives]
    at_fit = [
        u[a.steps.index(int(f))] if math.isfinite(f) else math.nan
        for a, u, f in zip(archives, usable, fitted, strict=True)
    ]
    at_end = [u[-1] for u in usable]
    delays = [b / a for a, b in zip(fitted, grokked, strict=True)]
    exact = curves(planes, ["square"], "exact")["square"]
    numbers = {
        "trained pairs: first checkpoint above 90 % [updates]": fitted,
        "held-out pairs: first checkpoint above 90 % [updates]": grokked,
        "delay: ratio of the two": delays,
        "I_V(hidden -> Y), linear, held-out pairs, when the trained ones are fitted [bits]": at_fit,
        "I_V(hidden -> Y), linear, held-out pairs, at the end [bits]": at_end,
        "exact I(X;Z) of the hidden layer, smallest [bits]": [min(bits) for bits in exact],
        "held-out accuracy at the end": [a.metrics[a.steps[-1]]["test_accuracy"] for a in archives],
    }
    grown = [b - a for a, b in zip(at_fit, at_end, strict=True)]
    lines = {
        "I_V(hidden→Y) on held-out pairs, linear [bits]": usable,
        "exact I(X;Z) of the hidden layer [bits]": exact,
        "accuracy on trained pairs, times log2 29": [_scaled(a, "accuracy") for a in archives],
        "accuracy on held-out pairs, times log2 29": [
            _scaled(a, "test_accuracy") for a in archives
        ],
    }
    return conclude(
        ctx,
        median_of(delays) >= 10 and median_of(grown) > 1,
        "medians: held-out pairs pass 90 % at least 10 times later than trained ones, and usable "
        "information about held-out pairs grows by > 1 bit in between",
        numbers,
        limits={"delay: ratio of the two": 10},
        learnt=sum(math.isfinite(f) for f in fitted),
        archives=archives,
        planes=planes,
        pictures=[
            over_training(
                ctx,
                "grokking",
                archives[0].steps,
                lines,
                "bits, and accuracies scaled to bits",
                unit="update",
            )
        ],
        note=f"half of the pairs, AdamW with learning rate {LR:g} and weight decay {DECAY:g} as in "
        f"the paper; modulus {PRIME} in place of 97 and a network of one hidden layer in place "
        "of a transformer, so that it takes a minute. Ten times is one decade of the paper's "
        "logarithmic axes. Exact information is constant throughout: what grows is what a "
        "linear reader can use; before that the reader is sure of wrong answers, hence the "
        "negative values",
    )
