"""Information by what one variable leaves of the other once it has predicted it.

For every function ``f`` and every positive ``s``, with ``R = (Z - f(X)) / s(X)``,

    I(X;Z) = h(Z) - h(R) - d E log s(X) + I(X;R),

exactly: given X, Z and R determine each other. Neighbours see all of ``I(X;Z)`` at once only where
a ball of k neighbours is smaller than the dependence is sharp; they fall short where it is strong
or where there are many units. Of the right side they need to see little: two entropies, each at a
scale of its own, and what a location-scale fit has not explained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma

from infoplane.analysis.estimators.readings import (
    Neighbours,
    Reading,
    ksg_reading,
    reaches,
)
from infoplane.analysis.estimators.repeated_values import has_density
from infoplane.analysis.kernels.neighbours import Distances
from infoplane.types.arrays import Floats

_SINGULAR = 1e-10
DETERMINED = 1e-12


@dataclass(frozen=True)
class Whitened:
    """Rows whose live directions are uncorrelated and of variance 1.

    Attributes:
        rows: shape ``(n, rank)``.
        log_volume: logarithm of the volume by which the map shrinks, so that
            ``h(original) = h(rows) + log_volume`` on the span of the rows.
        least: the smallest variance that was kept.
    """

    rows: Floats
    log_volume: float
    least: float


def residual_readings(x: Distances, z: Distances, neighbours: Neighbours) -> list[Reading]:
    """Read the information by what X leaves of Z.

    Nothing where X determines Z up to rounding, or where rows of Z repeat: they have no entropy.

    Args:
        x: distances of the predictor, of shape ``(n, dx)``.
        z: of the predicted, of shape ``(n, dz)``.
        neighbours: fewer and more.
    """
    if not has_density(z.points):
        return []
    predictor = whiten(x.points)
    predicted = whiten(z.points)
    if not predictor.rows.shape[1] * predicted.rows.shape[1]:
        return []
    left = whiten(linear_residuals(predictor.rows, predicted.rows))
    if left.rows.shape[1] < predicted.rows.shape[1] or left.least < DETERMINED:
        return []
    log_scale = log_scale_of(predictor.rows, left.rows)
    scaled = whiten(left.rows / np.exp(log_scale)[:, None])
    units = predicted.rows.shape[1]
    shrunk = left.log_volume + scaled.log_volume + units * float(log_scale.mean())
    of_rest = Distances(scaled.rows)
    whole = ball_entropies(Distances(predicted.rows), neighbours)
    rest = ball_entropies(of_rest, neighbours)
    entropies = (whole[0] - rest[0] - shrunk, whole[1] - rest[1] - shrunk)
    return [Reading(entropies, ksg_reading(x, of_rest, neighbours).information)]


def whiten(z: Floats) -> Whitened:
    """Turn and scale rows, ``(n, dim)``, to unit variance in every direction they have."""
    centred = z - z.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    kept = (variances > 0) & (variances > _SINGULAR * variances[-1])
    deviations = np.sqrt(variances[kept])
    rows = centred @ (directions[:, kept] / deviations)
    least = float(min(variances[kept], default=0.0))
    return Whitened(rows, float(np.log(deviations).sum()), least)


def linear_residuals(x: Floats, z: Floats) -> Floats:
    """Return what least squares leave of z, scaled to the variance that it has without the fit.

    Args:
        x: shape ``(n, dx)``.
        z: shape ``(n, dz)``.
    """
    basis, _ = np.linalg.qr(np.column_stack([np.ones(len(x)), x]))
    leverage = np.minimum((basis**2).sum(axis=1), 1 - 1e-9)
    left = z - basis @ (basis.T @ z)
    return left / np.sqrt(1 - leverage)[:, None]


def log_scale_of(x: Floats, left: Floats) -> Floats:
    """Return the log of the scale of residuals, a quadratic of the log distance of x, ``(n,)``.

    Heavy tails share their scale: given X, a Student vector is one whose scale grows with ``|X|``.
    """
    distance = np.log1p((x**2).mean(axis=1))
    distance = (distance - distance.mean()) / max(float(distance.std()), 1e-12)
    basis = np.column_stack([np.ones(len(x)), distance, distance**2])
    sizes = np.log((left**2).mean(axis=1) + 1e-12)
    found, *_ = np.linalg.lstsq(basis, sizes, rcond=None)
    return basis @ found / 2


def ball_entropies(rows: Distances, neighbours: Neighbours) -> tuple[float, float]:
    """Return Kozachenko and Leonenko's entropies, less the constant of the dimension, in nats."""
    found = []
    for reach in reaches([rows], neighbours):
        apart = reach.distances > 0
        logs = rows.dim * np.log(reach.distances[apart]) - digamma(reach.neighbours[apart])
        found.append(float(logs.mean()))
    return found[0], found[1]
