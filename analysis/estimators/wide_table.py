"""What symbols follow the one that neighbours name.

A table, counted on rows that do not vote for themselves.

Where a layer tells its class and the labels are a noisy function of the class, the neighbours of a
row name the class well, but their shares scatter: of k neighbours by ``(classes - 1) / 2k`` nats. A
table has all rows of the class to count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infoplane.analysis.estimators.wide_features import Rows
from infoplane.analysis.estimators.wide_predictors import View, votes
from infoplane.types.arrays import Codes, Floats

_MOST_ROWS = 4000


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
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Named:
    """The symbols that neighbours name, of rows to count and of rows to predict.

    Attributes:
        counted: shape ``(k,)``.
        labels: the symbols that the counted rows have, shape ``(k,)``.
        tested: shape ``(t,)``.
        base: shares of the symbols, shape ``(classes,)``.
    """

    counted: Codes
    labels: Codes
    tested: Codes
    base: Floats

    def probabilities(self, strength: float) -> Floats:
        """Return those of the tested rows' symbols by the table, shape ``(t, classes)``."""
        return follow_table(self.counted, self.labels, self.base, strength)[self.tested]


def name_symbols(view: View, rows: Rows, tested: Rows, metric: int, neighbours: int) -> Named:
    """Name the symbols that are most frequent among the neighbours, compared with their shares.

    Args:
        view: learnt on ``rows``.
        rows: the neighbours, and those to count, shape ``(k,)``.
        tested: to predict, shape ``(t,)``.
        metric: which set of features finds neighbours.
        neighbours: how many.
    """
    base, counted = view.shares(rows), rows[:_MOST_ROWS]
    names = [
        np.argmax(votes(view, rows, asked, metric, (neighbours,))[neighbours] / base, axis=1)
        for asked in (counted, tested)
    ]
    return Named(names[0], view.labels[counted], names[1], base)
