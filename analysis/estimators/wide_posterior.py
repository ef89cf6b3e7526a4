"""Posterior probabilities of symbols from features.

Neighbours, a logistic fit and a table, mixed and held out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from infoplane.analysis.estimators.wide_predictors import (
    View,
    logistic_posterior,
    table_of_named,
    votes,
)
from infoplane.types.arrays import Floats, Ids

_NEIGHBOURS = (8, 16, 32, 64, 128, 256)
_PENALTIES = (0.01, 0.1, 1.0)
_SHARES = np.linspace(0.0, 1.0, 11)
_SHARPNESS = np.linspace(0.0, 1.5, 16)
_STRENGTHS = (1.0, 30.0, 1000.0)
_CLEAR = 2.5
_INNER = 4
Key = TypeVar("Key")


@dataclass(frozen=True)
class Tuning:
    """What the inner rows chose.

    Attributes:
        metric: which set of features the vote is by.
        neighbours: of the vote.
        penalty: inverse strength of the logistic penalty.
        share: of the vote in the mixture of both.
        strength: of the table of what follows the symbol that is named (`follow_table`).
        table_share: of that table in the mixture with the others.
        sharpness: exponent of the ratio to the shares of the symbols; 0 where nothing was learnt.
    """

    metric: int
    neighbours: int
    penalty: float
    share: float
    strength: float
    table_share: float
    sharpness: float


def tune(view: View, rows: Ids, inner: Ids) -> Tuning:
    """Choose how to predict the symbols of the inner rows from the others.

    Args:
        view: learnt on ``rows``.
        rows: to fit on, shape ``(k,)``.
        inner: to choose on, shape ``(i,)``.
    """
    came = (np.arange(len(inner)), view.labels[inner])
    voted: dict[tuple[int, int], Floats] = {}
    for metric in range(len(view.features)):
        for k, shares in votes(view, rows, inner, metric, _NEIGHBOURS).items():
            voted[metric, k] = shares[came]
    fits = {}
    for penalty in _PENALTIES:
        fit = logistic_posterior(view.scores, view.labels, view.classes, rows, inner, penalty)
        fits[penalty] = fit[came]
    metric, neighbours = _likeliest(voted)
    penalty = _likeliest(fits)
    vote, fit = voted[metric, neighbours], fits[penalty]
    share = _likeliest({float(share): share * vote + (1 - share) * fit for share in _SHARES})
    plain = Tuning(metric, neighbours, penalty, share, 1.0, 0.0, 1.0)
    best_of_both = _mixture(view, rows, inner, plain, neighbours)
    strength, table_share, mixture = _with_table(view, rows, inner, plain, best_of_both)
    sharpness = _sharpness(np.log(view.shares(rows)), mixture, view.labels[inner])
    return replace(plain, strength=strength, table_share=table_share, sharpness=sharpness)


def _likeliest(candidates: dict[Key, Floats]) -> Key:
    """Return the candidate with the largest mean logarithm of the probabilities it gave."""
    return max(candidates, key=lambda key: float(np.log(candidates[key]).mean()))


def _sharpness(base: Floats, mixture: Floats, truth: Ids) -> float:
    """Return the best exponent of the ratio to the shares, 0 where its gain is not clear.

    Args:
        base: logarithms of the shares of the symbols, shape ``(classes,)``.
        mixture: predicted probabilities, shape ``(i, classes)``.
        truth: the symbols that came, shape ``(i,)``.
    """
    index = np.arange(len(truth))
    gains = {}
    for sharpness in map(float, _SHARPNESS):
        gains[sharpness] = _tempered(mixture, base, sharpness)[index, truth] - base[truth]
    best = max(gains, key=lambda sharpness: float(gains[sharpness].mean()))
    gain = gains[best]
    clear = float(gain.mean()) > _CLEAR * float(gain.std()) / np.sqrt(len(gain))
    return best if clear else 0.0


def _with_table(
    view: View, rows: Ids, inner: Ids, plain: Tuning, mixture: Floats
) -> tuple[float, float, Floats]:
    """Choose the strength and the share of the table, and mix it in.

    The table never stands alone: few inner rows do not show what a wrong name costs.

    Args:
        view: learnt on ``rows``.
        rows: to fit on, shape ``(k,)``.
        inner: to choose on, shape ``(i,)``.
        plain: the choice without the table.
        mixture: probabilities of that choice, shape ``(i, classes)``.

    Returns:
        Strength, share, and probabilities, shape ``(i, classes)``.
    """
    index, truth = np.arange(len(inner)), view.labels[inner]
    table_at = table_of_named(view, rows, inner, plain.metric, plain.neighbours)
    best = (_STRENGTHS[0], 0.0, mixture)
    most = float(np.log(mixture[index, truth]).mean())
    for strength in _STRENGTHS:
        table = table_at(strength)
        for share in _SHARES[1:-1]:
            mixed = share * table + (1 - share) * mixture
            gain = float(np.log(mixed[index, truth]).mean())
            if gain > most:
                most, best = gain, (strength, float(share), mixed)
    return best


def gains(view: View, rows: Ids, tested: Ids, tuning: Tuning) -> Floats:
    """Return log2 of predicted over plain probability of the symbols of tested rows, ``(t,)``."""
    base = np.log(view.shares(rows))
    truth = view.labels[tested]
    if not tuning.sharpness:
        return np.zeros(len(tested))
    neighbours = round(tuning.neighbours * _INNER / (_INNER - 1))
    mixture = _mixture(view, rows, tested, tuning, neighbours)
    logs = _tempered(mixture, base, tuning.sharpness)
    return (logs[np.arange(len(tested)), truth] - base[truth]) / np.log(2)


def _mixture(view: View, rows: Ids, tested: Ids, tuning: Tuning, neighbours: int) -> Floats:
    vote = votes(view, rows, tested, tuning.metric, (neighbours,))[neighbours]
    fit = logistic_posterior(view.scores, view.labels, view.classes, rows, tested, tuning.penalty)
    mixture = tuning.share * vote + (1 - tuning.share) * fit
    if tuning.table_share:
        table_at = table_of_named(view, rows, tested, tuning.metric, neighbours)
        table = table_at(tuning.strength)
        mixture = tuning.table_share * table + (1 - tuning.table_share) * mixture
    return mixture


def _tempered(probabilities: Floats, base: Floats, sharpness: float) -> Floats:
    """Return logarithms of the probabilities, shape ``(t, classes)``, drawn towards the shares."""
    from scipy.special import log_softmax

    return log_softmax(base + sharpness * (np.log(probabilities) - base), axis=1)
