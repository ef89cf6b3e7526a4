"""Information of two vectors by neighbours, read in several ways and combined."""

from __future__ import annotations

from infoplane.analysis.estimators.canonical import canonical_readings
from infoplane.analysis.estimators.edges import edge_readings
from infoplane.analysis.estimators.entropies import LN2
from infoplane.analysis.estimators.rank_scores import rank_scores
from infoplane.analysis.estimators.readings import (
    Neighbours,
    Reading,
    ksg_reading,
    weighted_nats,
)
from infoplane.analysis.estimators.repeated_values import has_density, without_ties
from infoplane.analysis.estimators.residuals import residual_readings
from infoplane.analysis.kernels.neighbours import Distances
from infoplane.errors import EstimatorError
from infoplane.types.arrays import Floats

_LEAST_ROWS_PER_UNIT = 8
_MOST_UNITS_UNCORRECTED = 6
"""Of both sides together: with more, neighbours alone miss most of the information."""


def combined_bits(x: Floats, z: Floats, k: int) -> tuple[float, tuple[str, ...]]:
    """Combine KSG, residuals of location-scale fits and canonical features, by what each shows.

    `infoplane.analysis.estimators.knn` lists the readings and when each is taken.

    Args:
        x: shape ``(n, dx)``, standardised.
        z: shape ``(n, dz)``, standardised.
        k: neighbours.

    Returns:
        The estimate in bits and its notes.

    Raises:
        EstimatorError: too many units for so few rows.
    """
    n = len(x)
    neighbours = (min(max(1, round(0.6 * k)), n - 1), min(2 * k, n - 1))
    of_x = Distances(x)
    of_z = Distances(z)
    untied_x = _untied(of_x, z)
    untied_z = _untied(of_z, x)
    plain = ksg_reading(untied_x, untied_z, neighbours)
    if not enough_rows(x, z):
        _require_few_units(x, z)
        return plain.near / LN2, ("not corrected: too many units for so few rows",)
    residuals = residual_readings(untied_x, of_z, neighbours)
    residuals += residual_readings(untied_z, of_x, neighbours)
    if not residuals:
        return plain.near / LN2, (_why_no_residuals(x, z),)
    readings = [plain, *residuals]
    if x.shape[1] + z.shape[1] > 2:
        readings += _score_readings(rank_scores(x), rank_scores(z), neighbours)
        readings += canonical_readings(x, z, neighbours)
        readings += edge_readings(untied_x, of_z, neighbours)
        readings += edge_readings(untied_z, of_x, neighbours)
    nats = weighted_nats(readings, n)
    more = (nats - plain.near) / LN2
    note = (
        f"corrected by {more:+.3f} bits: what residuals of location-scale fits and canonical "
        "features tell beyond KSG"
    )
    return nats / LN2, (note,)


def enough_rows(x: Floats, z: Floats) -> bool:
    """Return whether two vectors, of shape ``(n, dim)``, have rows enough to be corrected."""
    return _LEAST_ROWS_PER_UNIT * (x.shape[1] + z.shape[1]) <= len(x)


def _require_few_units(x: Floats, z: Floats) -> None:
    """Refuse more units than neighbours alone can see, of two arrays of shape ``(n, dim)``."""
    units = x.shape[1] + z.shape[1]
    if units > _MOST_UNITS_UNCORRECTED:
        raise EstimatorError(
            f"{len(x)} rows are too few for {x.shape[1]} + {z.shape[1]} units: neighbours would "
            f"read about 0 bits whatever the truth, and the correction needs "
            f"{_LEAST_ROWS_PER_UNIT} rows for each unit ({units * _LEAST_ROWS_PER_UNIT}); give "
            "more rows, reduce the layer (reduce='pca:4'), or use vinfo or wide"
        )


def _why_no_residuals(x: Floats, z: Floats) -> str:
    """Return why nothing is left of a prediction, of two arrays of shape ``(n, dim)``."""
    if has_density(x) or has_density(z):
        return (
            "not corrected: one variable is a linear function of the other up to rounding, so that "
            "the information is infinite"
        )
    return "not corrected: rows of both variables repeat"


def _untied(rows: Distances, partners: Floats) -> Distances:
    """Return distances of rows whose repeats are moved apart, see `without_ties`."""
    apart = without_ties(rows.points, partners)
    return rows if apart is rows.points else Distances(apart)


def _score_readings(x: Floats, z: Floats, neighbours: Neighbours) -> list[Reading]:
    """Return the readings of normal scores, of shapes ``(n, dx)`` and ``(n, dz)``.

    A single unit's are a grid, which has no entropy to estimate.
    """
    of_x = Distances(x)
    of_z = Distances(z)
    untied_x = _untied(of_x, z)
    untied_z = _untied(of_z, x)
    readings = [ksg_reading(untied_x, untied_z, neighbours)]
    if min(x.shape[1], z.shape[1]) > 1:
        readings += residual_readings(untied_x, of_z, neighbours)
        readings += residual_readings(untied_z, of_x, neighbours)
    return readings
