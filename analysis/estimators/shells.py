"""Directions, lengths and shells of the rows of a vector."""

from __future__ import annotations

import numpy as np
from numpy.polynomial.hermite_e import hermeval

from infoplane.analysis.estimators.rank_scores import rank_scores
from infoplane.types.arrays import Floats

_DEGREE = 3
_SINGULAR = 1e-10


def spherical(values: Floats) -> Floats:
    """Centre, scale and turn rows so that their directions are about even, ``(n, rank)``.

    Medians, moments of order 1/2 and correlations of normal scores exist whatever the tails are.
    """
    values = values[:, np.ptp(values, axis=0) > 0]
    if not values.shape[1]:
        return values
    centred = values - np.median(values, axis=0)
    scales = np.sqrt(np.abs(centred)).mean(axis=0) ** 2
    scores = rank_scores(values)
    scores = scores / np.sqrt((scores**2).mean(axis=0))
    variances, directions = np.linalg.eigh(scores.T @ scores / len(scores))
    kept = variances > _SINGULAR * variances[-1]
    return centred / scales @ (directions[:, kept] / np.sqrt(variances[kept]))


def shell_features(rows: Floats) -> Floats:
    """Return the functions of a row whose linear maps turn and scale with its length.

    They are ``h_j(s)`` and ``e_i h_j(s)``: e is the row's direction, s the normal score of its
    length and ``h_j`` the Hermite polynomial of degree j, up to 3.

    Args:
        rows: shape ``(n, dim)``, of `spherical`.

    Returns:
        Shape ``(n, 4 dim + 3)``, each of mean 0 and variance 1.
    """
    lengths = np.sqrt((rows**2).mean(axis=1))
    directions = rows / np.maximum(lengths, np.finfo(np.float64).tiny)[:, None]
    scores = rank_scores(lengths)
    features = []
    for degree in range(_DEGREE + 1):
        polynomial = hermeval(scores, np.eye(_DEGREE + 1)[degree])[:, None]
        features.append(directions * polynomial)
        if degree:
            features.append(polynomial)
    columns = np.concatenate(features, axis=1)
    columns -= columns.mean(axis=0)
    return columns / np.maximum(columns.std(axis=0), 1e-12)


def log_lengths(rows: Floats) -> Floats:
    """Return the logarithms of lengths, shape ``(n, 1)``; that of a length 0 is the least other."""
    squares = (rows**2).sum(axis=1)
    return np.log(np.maximum(squares, squares[squares > 0].min()))[:, None] / 2
