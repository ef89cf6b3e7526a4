"""Predict symbols from features: a vote of neighbours, a logistic fit, and a table.

The table counts what symbols follow the one that neighbours name, on rows that do not vote for
themselves. Where a layer tells its class and the labels are a noisy function of the class, the
neighbours of a row name the class well, but their shares scatter: of k neighbours by
``(classes - 1) / 2k`` nats. A table has all rows of the class to count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from infoplane.types.arrays import Codes, Floats, Ids

_MOST_COUNTED = 4000
"""Rows from which the table is counted."""


@dataclass(frozen=True)
class View:
    """What a predictor is given, learnt on some of the rows.

    Attributes:
        scores: for the logistic fit, shape ``(n, r)``.
        features: for neighbours, several sets to choose from, shape ``(n, m)`` each.
        labels: symbols to predict, shape ``(n,)``.
        classes: how many symbols there are.
    """

    scores: Floats
    features: tuple[Floats, ...]
    labels: Codes
    classes: int

    def shares(self, rows: Ids) -> Floats:
        """Return the shares of the symbols in some rows, none of them 0, shape ``(classes,)``."""
        return symbol_shares(self.labels[rows], self.classes)


def symbol_shares(labels: Codes, classes: int) -> Floats:
    """Return the shares of symbols, drawn a little to each other, shape ``(classes,)``."""
    counts = np.bincount(labels, minlength=classes) + 0.5
    return counts / counts.sum()


def logistic_posterior(
    columns: Floats, labels: Codes, classes: int, rows: Ids, tested: Ids, penalty: float
) -> Floats:
    """Return probabilities of the symbols of tested rows by a logistic fit, ``(t, classes)``.

    Args:
        columns: predictors, shape ``(n, r)``.
        labels: symbols, shape ``(n,)``.
        classes: how many symbols there are.
        rows: to fit on, shape ``(k,)``.
        tested: to predict, shape ``(t,)``.
        penalty: inverse strength of the L2 penalty.
    """
    from sklearn.linear_model import LogisticRegression

    found = np.full((len(tested), classes), 1e-9)
    seen = np.unique(labels[rows])
    if len(seen) == 1:
        found[:, seen] = 1.0
        return found
    fit = LogisticRegression(C=penalty, max_iter=200, tol=1e-3)
    fit.fit(columns[rows], labels[rows])
    found[:, fit.classes_] += fit.predict_proba(columns[tested])
    return found / found.sum(axis=1, keepdims=True)


def votes(
    view: View, rows: Ids, tested: Ids, metric: int, neighbours: tuple[int, ...]
) -> dict[int, Floats]:
    """Return the shares of symbols among the nearest other rows, for each number of them.

    Args:
        view: features and symbols.
        rows: to vote, shape ``(k,)``.
        tested: to predict, shape ``(t,)``.
        metric: which set of features.
        neighbours: numbers of them.

    Returns:
        Shape ``(t, classes)`` for each number.
    """
    known, asked = view.features[metric][rows], view.features[metric][tested]
    distances = (known**2).sum(axis=1)[None, :] - 2 * asked @ known.T
    distances[tested[:, None] == rows[None, :]] = np.inf  # no row votes for itself
    most = min(max(neighbours), len(rows) - 1)
    nearest = np.argpartition(distances, most - 1, axis=1)[:, :most]
    order = np.take_along_axis(distances, nearest, axis=1).argsort(axis=1)
    labels = view.labels[rows][np.take_along_axis(nearest, order, axis=1)]  # (t, most)
    base = view.shares(rows)
    found = {}
    for k in neighbours:
        used = labels[:, : min(k, most)]
        counts = np.stack([(used == label).sum(axis=1) for label in range(view.classes)], axis=1)
        found[k] = (counts + base) / (used.shape[1] + 1)
    return found


def follow_table(named: Codes, labels: Codes, base: Floats, strength: float) -> Floats:
    """Return the probability of a symbol where neighbours name another, ``(classes, classes)``.

    Counts are drawn to what one number tells: the named symbol or, independently of it, any.

    Args:
        named: the symbol that neighbours name, shape ``(n,)``.
        labels: the symbol that a row has, shape ``(n,)``.
        base: shares of the symbols, shape ``(classes,)``.
        strength: of the pull, in rows.
    """
    classes = len(base)
    counts = np.zeros((classes, classes))
    np.add.at(counts, (named, labels), 1.0)
    by_chance = float(base[named].mean())
    agreed = float((named == labels).mean())
    kept = (agreed - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
    kept = min(max(kept, 0.0), 1.0)
    simple = kept * np.eye(classes) + (1 - kept) * base
    drawn = counts + strength * simple
    return drawn / drawn.sum(axis=1, keepdims=True)


def table_of_named(
    view: View, rows: Ids, tested: Ids, metric: int, neighbours: int
) -> Callable[[float], Floats]:
    """Return what gives probabilities of the tested rows' symbols, ``(t, classes)``, by a strength.

    Neighbours name the symbols that are most frequent among them, compared with their shares.

    Args:
        view: learnt on ``rows``.
        rows: the neighbours, and those to count, shape ``(k,)``.
        tested: to predict, shape ``(t,)``.
        metric: which set of features finds neighbours.
        neighbours: how many.
    """
    base, counted = view.shares(rows), rows[:_MOST_COUNTED]
    names = [
        np.argmax(votes(view, rows, asked, metric, (neighbours,))[neighbours] / base, axis=1)
        for asked in (counted, tested)
    ]
    return lambda strength: follow_table(names[0], view.labels[counted], base, strength)[names[1]]
