"""Repeat results of Power et al. 2022."""

from __future__ import annotations

import math
from collections import OrderedDict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import infoplane as ip
from infoplane.analysis.estimators.vinfo_families import Split, fit_family, log_softmax
from infoplane.archive import Archive
from infoplane.replications import (
    Context,
    Result,
    claim,
    conclude,
    curves_of,
    over_training,
    planes_of,
    recorder,
    stored_run,
    update,
)
from infoplane.types.arrays import Ids

if TYPE_CHECKING:
    from torch import nn

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
    first, second = np.divmod(np.arange(PRIME**2), PRIME)
    indicator = np.eye(PRIME, dtype=np.float32)
    pairs = np.hstack([indicator[first], indicator[second]])
    return pairs, ((first + second) % PRIME).astype(np.int64)


def network(seed: int) -> nn.Module:
    """Return the 58-128-29 network with squares as activation and no biases."""
    import torch
    from torch import nn

    class Square(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return values * values

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

        pairs, sums = addition()
        inputs, labels = torch.as_tensor(pairs), torch.as_tensor(sums)
        order = np.random.default_rng([seed, 3]).permutation(len(pairs))
        seen = np.zeros(len(pairs), bool)
        seen[order[: round(SHARE * len(pairs))]] = True
        split = np.where(seen, "train", "test")
        model, schedule = network(seed), ip.log_spaced(updates, 20)
        adam = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=DECAY)
        with recorder(
            model, path, probe=(pairs, sums), layers=LAYERS, schedule=schedule, split=split
        ) as rec:
            for step in range(1, updates + 1):
                loss = torch.nn.functional.cross_entropy(model(inputs[seen]), labels[seen])
                update(adam, loss)
                if not schedule.due(step):
                    continue
                with torch.no_grad():
                    right = (model(inputs).argmax(1) == labels).float()
                accuracy, test_accuracy = right[seen].mean(), right[~seen].mean()
                rec.step(step, loss=loss, accuracy=accuracy, test_accuracy=test_accuracy)

    return stored_run(ctx, f"grokking-{PRIME}-updates{updates}-seed{seed}", train)


def first_above(archive: Archive, metric: str) -> float:
    """Return the first checkpoint at which a metric exceeds 0.9; infinity where none does."""
    for step in archive.steps:
        if step > 0 and archive.metrics[step][metric] > 0.9:
            return float(step)
    return math.inf


def _scaled(archive: Archive, metric: str) -> list[float]:
    """A share at every checkpoint, times log2 of the number of classes."""
    return [math.log2(PRIME) * archive.metrics[step].get(metric, 0.0) for step in archive.steps]


def usable_held_out(archive: Archive, step: int) -> float:
    """Return I_V of the hidden layer about the sum in bits, on held-out pairs.

    ``H(Y) - (1/n) sum -log2 p(y|z)`` over held-out pairs, p a linear predictor that is fitted to
    the trained pairs. Negative where the predictor is sure of wrong answers.
    """
    hidden, sums = np.asarray(archive.z(step, "square"), np.float64), np.asarray(archive.y)
    test = np.flatnonzero(np.asarray(archive.split) == "test")
    rng = np.random.default_rng(0)
    train = rng.permutation(np.flatnonzero(np.asarray(archive.split) == "train"))
    mean, spread = hidden[train].mean(axis=0), hidden[train].std(axis=0)
    hidden = (hidden - mean) / np.maximum(spread, 1e-12)
    blocks = np.array_split(train, 7)
    prior = np.log(np.full(PRIME, 1 / PRIME))

    def split(index: int) -> Split:
        inner = blocks[index]
        fit = np.setdiff1d(train, inner, assume_unique=True)
        return Split(hidden[fit], sums[fit], hidden[inner], sums[inner], prior, True)

    log_p = log_softmax(fit_family("linear", split, rng, 0)(hidden[test]))
    of_truth = log_p[np.arange(len(test)), sums[test]]
    return float(math.log2(PRIME) + of_truth.mean() / math.log(2))


@claim(
    "grokking",
    "generalisation comes long after memorisation, and usable information comes with it",
    REFERENCE,
    f"addition modulo {PRIME}, {2 * PRIME}-{HIDDEN}-{PRIME} with squares, full batch",
)
def grokking(ctx: Context) -> Result:
    """Judge that held-out pairs are answered long after the trained ones.

    Only then does the layer hold usable information about them; none is ever created or lost.
    """
    archives = [grok_run(ctx, seed) for seed in ctx.seeds]
    planes = planes_of(archives, ["exact"])
    exact = curves_of(planes, ["square"], "exact")["square"]
    fitted, generalised, delays = [], [], []
    usable, at_fit, at_end, test_accuracy = [], [], [], []
    for archive in archives:
        fitted.append(first_above(archive, "accuracy"))
        generalised.append(first_above(archive, "test_accuracy"))
        delays.append(generalised[-1] / fitted[-1])
        by_step = {step: usable_held_out(archive, step) for step in archive.steps}
        usable.append(list(by_step.values()))
        at_fit.append(by_step[int(fitted[-1])] if math.isfinite(fitted[-1]) else math.nan)
        at_end.append(usable[-1][-1])
        test_accuracy.append(archive.metrics[archive.steps[-1]]["test_accuracy"])
    numbers = {
        "trained pairs: first checkpoint above 90 % [updates]": fitted,
        "held-out pairs: first checkpoint above 90 % [updates]": generalised,
        "delay: ratio of the two": delays,
        "I_V(hidden -> Y), linear, held-out pairs, when the trained ones are fitted [bits]": at_fit,
        "I_V(hidden -> Y), linear, held-out pairs, at the end [bits]": at_end,
        "exact I(X;Z) of the hidden layer, smallest [bits]": [min(bits) for bits in exact],
        "held-out accuracy at the end": test_accuracy,
    }
    lines = {
        "I_V(hidden→Y) on held-out pairs, linear [bits]": usable,
        "exact I(X;Z) of the hidden layer [bits]": exact,
        "accuracy on trained pairs, times log2 29": [
            _scaled(archive, "accuracy") for archive in archives
        ],
        "accuracy on held-out pairs, times log2 29": [
            _scaled(archive, "test_accuracy") for archive in archives
        ],
    }
    return conclude(
        ctx,
        median(delays) >= 10 and median(np.subtract(at_end, at_fit)) > 1,
        "medians: held-out pairs pass 90 % at least 10 times later than trained ones, and usable "
        "information about held-out pairs grows by > 1 bit in between",
        numbers,
        limits={"delay: ratio of the two": 10},
        learnt=int(np.isfinite(fitted).sum()),
        planes=planes,
        pictures=[
            over_training(
                ctx,
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
        "linear predictor can use; before that it is sure of wrong answers, hence the "
        "negative values",
    )
