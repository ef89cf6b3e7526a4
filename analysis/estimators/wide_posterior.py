"""Posterior probabilities of symbols from features.

Neighbours beside a logistic fit, held out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infoplane.analysis.estimators.wide_features import Codes, Floats, Rows

_NEIGHBOURS = (8, 16, 32, 64, 128, 256)
_PENALTIES = (0.01, 0.1, 1.0)
_SHARES = np.linspace(0.0, 1.0, 11)
_SHARPNESS = np.linspace(0.0, 1.5, 16)
_CLEAR = 2.5
_INNER = 4


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
        counts = np.bincount(self.labels[rows], minlength=self.classes) + 0.5
        return np.asarray(counts / counts.sum())


@dataclass(frozen=True)
class Tuning:
    """What the inner rows chose.

    Attributes:
        metric: which set of features the vote is by.
        neighbours: of the vote.
        penalty: inverse strength of the logistic penalty.
        share: of the vote in the mixture of both.
        sharpness: exponent of the ratio to the shares of the symbols; 0 where nothing was learnt.
    """

    metric: int
    neighbours: int
    penalty: float
    share: float
    sharpness: float


def tune(view: View, rows: Rows, inner: Rows) -> Tuning:
    """Choose how to predict the symbols of the inner rows from the others.

    Args:
        view: learnt on ``rows``.
        rows: to fit on, shape ``(k,)``.
        inner: to choose on, shape ``(i,)``.
    """
    truth = view.labels[inner]
    index = np.arange(len(inner))
    votes: dict[tuple[int, int], Floats] = {}
    for metric in range(len(view.features)):
        for k, shares in _votes(view, rows, inner, metric, _NEIGHBOURS).items():
            votes[metric, k] = shares[index, truth]
    fits = {}
    for tried in _PENALTIES:
        fit = logistic_posterior(view.scores, view.labels, view.classes, rows, inner, tried)
        fits[tried] = fit[index, truth]
    metric, neighbours = max(votes, key=lambda vote: float(np.log(votes[vote]).mean()))
    penalty = max(fits, key=lambda c: float(np.log(fits[c]).mean()))
    mixtures = {
        float(share): share * votes[metric, neighbours] + (1 - share) * fits[penalty]
        for share in _SHARES
    }
    share = max(mixtures, key=lambda s: float(np.log(mixtures[s]).mean()))
    chosen = Tuning(metric, neighbours, penalty, share, 1.0)
    mixture = _mixture(view, rows, inner, chosen, neighbours)
    base = np.log(view.shares(rows))
    gains = {
        float(sharpness): (_tempered(mixture, base, float(sharpness))[index, truth] - base[truth])
        for sharpness in _SHARPNESS
    }
    sharpness = max(gains, key=lambda s: float(gains[s].mean()))
    best = gains[sharpness]
    clear = float(best.mean()) > _CLEAR * float(best.std()) / np.sqrt(len(best))
    return Tuning(metric, neighbours, penalty, share, sharpness if clear else 0.0)


def gains(view: View, rows: Rows, tested: Rows, tuning: Tuning) -> Floats:
    """Return log2 of predicted over plain probability of the symbols of tested rows, ``(t,)``."""
    base = np.log(view.shares(rows))
    truth = view.labels[tested]
    if not tuning.sharpness:
        return np.zeros(len(tested))
    neighbours = round(tuning.neighbours * _INNER / (_INNER - 1))
    mixture = _mixture(view, rows, tested, tuning, neighbours)
    logs = _tempered(mixture, base, tuning.sharpness)
    return np.asarray((logs[np.arange(len(tested)), truth] - base[truth]) / np.log(2))


def _mixture(view: View, rows: Rows, tested: Rows, tuning: Tuning, neighbours: int) -> Floats:
    vote = _votes(view, rows, tested, tuning.metric, (neighbours,))[neighbours]
    fit = logistic_posterior(view.scores, view.labels, view.classes, rows, tested, tuning.penalty)
    return np.asarray(tuning.share * vote + (1 - tuning.share) * fit)


def _tempered(probabilities: Floats, base: Floats, sharpness: float) -> Floats:
    """Return logarithms of the probabilities, shape ``(t, classes)``, drawn towards the shares."""
    from scipy.special import log_softmax

    return np.asarray(log_softmax(base + sharpness * (np.log(probabilities) - base), axis=1))


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


def _votes(
    view: View, rows: Rows, tested: Rows, metric: int, neighbours: tuple[int, ...]
) -> dict[int, Floats]:
    """Return the shares of symbols among the nearest rows, for each number, ``(t, classes)``."""
    known, asked = view.features[metric][rows], view.features[metric][tested]
    distances = (known**2).sum(axis=1)[None, :] - 2 * asked @ known.T
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
