"""Information of two vectors by a few functions of each.

They are their lengths, and canonical features.

What functions of X and of Z share is at most ``I(X;Z)``. Where the dependence lies in the lengths
(heavy tails share their scale) or turns with them (spirals), neighbours in all units do not see it,
and neighbours in two or three well chosen functions do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from infoplane.analysis.estimators.rank_scores import rank_scores
from infoplane.analysis.estimators.readings import (
    Neighbours,
    Reading,
    ksg_reading,
    mean_reading,
)
from infoplane.analysis.estimators.residuals import residual_readings
from infoplane.analysis.estimators.shells import log_lengths, shell_features, spherical
from infoplane.analysis.kernels.neighbours import Distances
from infoplane.types.arrays import Floats, Mask

_LEAST_ROWS_PER_FEATURE = 16
_PAIRS = (2, 3)


def canonical_readings(x: Floats, z: Floats, neighbours: Neighbours) -> list[Reading]:
    """Read the information of lengths, and of two and three pairs of canonical features.

    The directions are fitted to one half of the rows and read on the other, both ways round, so
    that what is read is no fit to the rows it is read on.

    Args:
        x: shape ``(n, dx)``, standardised.
        z: shape ``(n, dz)``, standardised.
        neighbours: fewer and more.

    Returns:
        Lower bounds; none where the features are more than a sixteenth of the rows.
    """
    x = spherical(x)
    z = spherical(z)
    units = min(x.shape[1], z.shape[1])
    if not units:
        return []
    readings = []
    if units > 1:
        lengths = (Distances(log_lengths(x)), Distances(log_lengths(z)))
        readings.append(ksg_reading(*lengths, neighbours))
    in_first = _halves(x, z)
    x = shell_features(x)
    z = shell_features(z)
    if max(x.shape[1], z.shape[1]) * _LEAST_ROWS_PER_FEATURE <= len(x):
        of_first = _readings_of_half(x, z, in_first, neighbours, units)
        of_second = _readings_of_half(x, z, ~in_first, neighbours, units)
        for first, second in zip(of_first, of_second, strict=True):
            if first and second:
                readings.append(mean_reading([*first, *second]))
    return [replace(reading, lower_bound=True) for reading in readings]


def _readings_of_half(
    x: Floats, z: Floats, half: Mask, neighbours: Neighbours, units: int
) -> list[list[Reading]]:
    """Fit to the rows outside a half and read those inside.

    Canonical variables more than the units that they are functions of have no density, and so no
    residuals to read.

    Args:
        x: features, shape ``(n, p)``.
        z: features, shape ``(n, q)``.
        half: shape ``(n,)``.
        neighbours: fewer and more.
        units: of the smaller variable.

    Returns:
        A list for every kind of reading, empty where the rows do not have it.
    """
    x_directions, z_directions = canonical_fit(x[~half], z[~half], max(_PAIRS))
    x_scores = rank_scores(x[half] @ x_directions)
    z_scores = rank_scores(z[half] @ z_directions)
    most = len(x_scores) - 1
    neighbours = (min(neighbours[0], most), min(neighbours[1], most))
    readings = []
    for pairs in _PAIRS:
        of_x = Distances(x_scores[:, :pairs])
        of_z = Distances(z_scores[:, :pairs])
        readings.append([ksg_reading(of_x, of_z, neighbours)])
        if pairs <= units:
            readings.append(residual_readings(of_x, of_z, neighbours))
            readings.append(residual_readings(of_z, of_x, neighbours))
    return readings


def canonical_fit(x: Floats, z: Floats, pairs: int) -> tuple[Floats, Floats]:
    """Fit canonical correlations, with a ridge of p/n on features of variance 1.

    Args:
        x: shape ``(n, p)``.
        z: shape ``(n, q)``.
        pairs: how many.

    Returns:
        Linear maps of the features to pairs of canonical variables, the strongest first, shapes
        ``(p, pairs)`` and ``(q, pairs)``.
    """
    x = x - x.mean(axis=0)
    z = z - z.mean(axis=0)
    x_root = _inverse_root(x)
    z_root = _inverse_root(z)
    left, _, right = np.linalg.svd(x_root @ (x.T @ z / len(x)) @ z_root)
    return x_root @ left[:, :pairs], z_root @ right[:pairs].T


def _inverse_root(features: Floats) -> Floats:
    """Return the inverse square root of a covariance and its ridge, ``(p, p)``.

    Args:
        features: centred, shape ``(n, p)``.
    """
    n, p = features.shape
    variances, directions = np.linalg.eigh(features.T @ features / n)
    return (directions / np.sqrt(np.maximum(variances, 0) + p / n)) @ directions.T


def _halves(x: Floats, z: Floats) -> Mask:
    """Return every other row in the order of the joint length, shape ``(n,)``, bool.

    Neither the order of the rows nor that of units or variables matters.
    """
    length = (x**2).sum(axis=1) + (z**2).sum(axis=1)
    cubes = (x**3).sum(axis=1) + (z**3).sum(axis=1)
    inside = np.zeros(len(x), bool)
    inside[np.lexsort((cubes, length))[::2]] = True
    return inside
