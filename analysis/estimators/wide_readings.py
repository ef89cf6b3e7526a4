"""Held-out readings of the information of wide layers.

Each at half of the training rows and at all.

A reading is a lower bound: what a critic that never saw the tested rows tells of them (Barber and
Agakov 2003 for symbols, Donsker and Varadhan 1983 for vectors).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp

from infoplane.analysis.estimators.dependent_rows import (
    count_of,
    sample_by_sample,
    stderr_of_mean,
)
from infoplane.analysis.estimators.entropies import LN2
from infoplane.analysis.estimators.gaussian_fit import paired_correlations
from infoplane.analysis.estimators.wide_features import (
    Scores,
    canonical_directions,
    uncorrelated,
)
from infoplane.analysis.estimators.wide_posterior import gains, tune
from infoplane.analysis.estimators.wide_predictors import View, symbol_shares
from infoplane.types.arrays import Codes, Floats, Ids, Mask

_FOLDS = 4
_PARTITIONS = 2
"""Partitions of few rows, whose mean scatters less; more take longer."""
_FEW_ROWS = 4000
_MOST_TO_TUNE = 4000


@dataclass(frozen=True)
class Reading:
    """What held-out rows gain from a critic of half the training rows and from one of all.

    Attributes:
        name: of the critic, for notes.
        half: bits of every row in each of P partitions into folds, shape ``(P, n)``.
        full: the same from twice as many rows.
        excess: mean bits that are no information: what the plain shares of training symbols do
            worse than those of all symbols. It shrinks as one over the rows, as what a critic
            loses, so that `bits` is free of it.
    """

    name: str
    half: Floats
    full: Floats
    excess: float = 0.0

    @property
    def lower_bits(self) -> float:
        """The held-out mean: a lower bound in expectation."""
        return float(self.full.mean()) - self.excess

    @property
    def growth(self) -> float:
        """What twice as many training rows have brought."""
        return float(self.full.mean() - self.half.mean())

    @property
    def bits(self) -> float:
        """The bound and once more what the last doubling brought: a loss of c/n is made up for."""
        return float(self.full.mean()) + self.growth

    def stderr(self, samples: Codes | None) -> float:
        """Return the error of a mean over rows, of what another partition gives, and of the growth.

        A loss that shrinks as the square of one over the rows leaves a third of the growth to
        come, one that shrinks as its root more than twice of it: it is as uncertain as it is large.

        Args:
            samples: that rows are positions of, shape ``(n,)``; None where rows are independent.
        """
        values = 2 * self.full - self.half  # (P, n)
        of_row = values.mean(axis=0)
        if samples is None:
            of_rows = float(of_row.std(ddof=1) / np.sqrt(len(of_row)))
        else:
            of_rows = stderr_of_mean(of_row, samples)
        of_partitions = values.mean(axis=1).std(ddof=1) if len(values) > 1 else 0.0
        errors = (of_rows, of_partitions / np.sqrt(len(values)), self.growth)
        return float(np.linalg.norm(errors))


@dataclass(frozen=True)
class Fold:
    """Rows to learn from, in random order or sample by sample, and rows held out."""

    train: Ids
    tested: Ids


Folds = Sequence[Sequence[Fold]]
"""The folds of each of P partitions of the same rows."""
FoldReader = Callable[[Fold], tuple[Floats, Floats]]
"""From a fold to bits of its held-out rows, by half of its training rows and by all."""


def deal_folds(n: int, samples: Codes | None, rng: np.random.Generator) -> Folds:
    """Deal n rows to four folds, twice where rows are few.

    Positions of one sample share a fold: what is fitted on some has seen the others.

    Args:
        n: how many rows.
        samples: of all rows, shape ``(n,)``; None where each row is dealt out by itself.
        rng: deals.
    """
    partitions = _PARTITIONS if n <= _FEW_ROWS else 1
    return tuple(_partition(n, samples, rng) for _ in range(partitions))


def _partition(n: int, samples: Codes | None, rng: np.random.Generator) -> tuple[Fold, ...]:
    order = rng.permutation(n)
    dealt = np.arange(n) % _FOLDS  # to the rows in this order
    if samples is not None:
        of_samples = rng.permutation(np.arange(count_of(samples)) % _FOLDS)
        dealt = of_samples[samples[order]]
    folds = []
    for fold in range(_FOLDS):
        train = rng.permutation(order[dealt != fold])
        train = sample_by_sample(train, samples, rng)  # halves and quarters hold whole samples
        folds.append(Fold(train, order[dealt == fold]))
    return tuple(folds)


def read_labels(scores: Scores, labels: Codes, folds: Folds) -> Reading:
    """Read the information of labels on the held-out rows of these folds.

    Args:
        scores: of the layer, n rows.
        labels: dense codes, shape ``(n,)``.
        folds: of the rows.
    """
    classes = int(labels.max()) + 1

    def view(rows: Ids) -> View:
        """Return features and symbols of all rows, learnt on some."""
        members = uncorrelated(np.eye(classes)[labels[rows]])
        found = canonical_directions(scores.white[rows], members)
        agreed = scores.white @ (found.first * found.correlations)
        return View(scores.white, (agreed, scores.weighted), labels, classes)

    def critic(train: Ids, tested: Ids) -> Floats:
        inner, rows = split_inner(train[:_MOST_TO_TUNE])
        tuning = tune(view(rows), rows, inner)
        if not tuning.sharpness:
            return np.zeros(len(tested))
        return gains(view(train), train, tested, tuning)

    reading = cross_fit("labels", with_first_half(critic), folds)
    return replace(reading, excess=_excess_of_shares(labels, folds, reading.full != 0))


def _excess_of_shares(labels: Codes, folds: Folds, learnt: Mask) -> float:
    """Return what shares of training symbols do worse than those of all, in bits of a mean row.

    Args:
        labels: dense codes, shape ``(n,)``.
        folds: of the rows, P partitions.
        learnt: rows whose fold was predicted by more than shares, shape ``(P, n)``.
    """
    shares = np.bincount(labels) / len(labels)
    excess = np.zeros(learnt.shape)
    for partition, of_partition in enumerate(folds):
        for fold in of_partition:
            ratio = shares / symbol_shares(labels[fold.train], len(shares))
            excess[partition, fold.tested] = np.log2(ratio)[labels[fold.tested]]
    return float((excess * learnt).mean())


def read_gaussian(a: Floats, b: Floats, folds: Folds) -> Reading:
    """Read the information of two sets of scores by the log ratio of normal densities.

    The ratio's directions come from the training rows, its correlations from the inner ones. The
    logarithm of its mean over all tested pairs is taken off (Donsker and Varadhan), so that the
    number is a lower bound whatever the rows are.

    Args:
        a: shape ``(n, ra)``, uncorrelated and of variance 1.
        b: shape ``(n, rb)``.
        folds: of the rows.
    """

    def critic(train: Ids, tested: Ids) -> Floats:
        inner, rows = split_inner(train)
        tried = canonical_directions(a[rows], b[rows])
        agreed = paired_correlations(a[inner] @ tried.first, b[inner] @ tried.second)
        clear = agreed > 2 / np.sqrt(len(inner))
        agreed = np.where(clear, np.minimum(agreed, 1 - 1e-9), 0.0)
        found = canonical_directions(a[train], b[train])
        kept = min(len(agreed), len(found.correlations))
        rho = agreed[:kept]
        x, y = a[tested] @ found.first[:, :kept], b[tested] @ found.second[:, :kept]
        own = rho**2 / (2 * (1 - rho**2))
        cross = rho / (1 - rho**2)
        constant = -0.5 * np.log1p(-(rho**2)).sum()
        every = constant - (x**2 @ own)[:, None] - (y**2 @ own)[None, :] + (x * cross) @ y.T
        return (np.diag(every) - logsumexp(every) + 2 * np.log(len(tested))) / LN2

    name = "normal scores of canonical directions"
    return cross_fit(name, with_first_half(critic), folds)


def left_over_bits(a: Floats, b: Floats, labels: tuple[Codes, Codes]) -> float:
    """Return what two sets of scores share within their classes by their moments, 0 if not clear.

    Means of the classes are taken off; what is left is made uncorrelated on each side. Without
    dependence, n times a squared correlation has mean 1 and variance 2; half the sum of the squares
    above that is their information in nats, where it is weak.

    Args:
        a: shape ``(n, ra)``.
        b: shape ``(n, rb)``.
        labels: classes of the rows of both, shape ``(n,)`` each.
    """
    n = len(a)
    correlations = _within(a, labels[0]).T @ _within(b, labels[1]) / n
    excess = n * float((correlations**2).sum()) - correlations.size
    if excess <= _CLEAR * float(np.sqrt(2 * correlations.size)):
        return 0.0
    return excess / (2 * n * LN2)


_CLEAR = 5.0
"""Standard deviations from which an agreement is no chance."""


def _within(scores: Floats, labels: Codes) -> Floats:
    """Return the deviations from the symbols' means, uncorrelated."""
    counts = np.bincount(labels).astype(np.float64)
    sums = np.zeros((len(counts), scores.shape[1]))
    np.add.at(sums, labels, scores)
    left = scores - (sums / np.maximum(counts, 1.0)[:, None])[labels]
    return uncorrelated(left)


def split_inner(train: Ids) -> tuple[Ids, Ids]:
    """Return a quarter of the training rows to choose on, and the others to fit on."""
    cut = len(train) // 4
    return train[:cut], train[cut:]


def cross_fit(name: str, read: FoldReader, folds: Folds) -> Reading:
    """Read the held-out rows of every fold of every partition.

    Args:
        name: of the critic.
        read: returns bits of a fold's t held-out rows by half of its training rows and by all,
            shape ``(t,)`` each.
        folds: of the rows.
    """
    n = sum(len(fold.tested) for fold in folds[0])
    half = np.empty((len(folds), n))
    full = np.empty((len(folds), n))
    for partition, of_partition in enumerate(folds):
        for fold in of_partition:
            half[partition, fold.tested], full[partition, fold.tested] = read(fold)
    return Reading(name, half, full)


def with_first_half(critic: Callable[[Ids, Ids], Floats]) -> FoldReader:
    """Read folds by a critic of the first half of the training rows and by one of all.

    Args:
        critic: learns from some rows and returns bits of t others, shape ``(t,)``.
    """

    def read(fold: Fold) -> tuple[Floats, Floats]:
        half = fold.train[: len(fold.train) // 2]
        return critic(half, fold.tested), critic(fold.train, fold.tested)

    return read
