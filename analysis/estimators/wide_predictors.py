"""Predict symbols from features: a vote of neighbours, and a logistic fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infoplane.analysis.estimators.wide_features import Rows
from infoplane.types.arrays import Codes, Floats


@dataclass(frozen=True, eq=False)
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

    def shares(self, rows: Rows) -> Floats:
        """Return the shares of the symbols in some rows, none of them 0, shape ``(classes,)``."""
        return symbol_shares(self.labels[rows], self.classes)


def symbol_shares(labels: Codes, classes: int) -> Floats:
    """Return the shares of symbols, drawn a little to each other, shape ``(classes,)``."""
    counts = np.bincount(labels, minlength=classes) + 0.5
    return np.asarray(counts / counts.sum())


def logistic_posterior(
    columns: Floats, labels: Codes, classes: int, rows: Rows, tested: Rows, penalty: float
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
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def votes(
    view: View, rows: Rows, tested: Rows, metric: int, neighbours: tuple[int, ...]
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
        found[k] = np.asarray((counts + base) / (used.shape[1] + 1))
    return found
