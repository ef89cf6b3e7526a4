"""Rows that several cases draw, and maps of them.

Maps that have an inverse change the shape of rows and no information.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr

from infoplane.analysis.calibrate.case import Sample
from infoplane.types import continuous, discrete
from infoplane.types.arrays import Codes, Floats

Map = Callable[[Floats], Floats]

_HALVINGS = 60


def pair(x: Floats, z: Floats) -> Sample:
    """Return two continuous variables, n rows each, as a sample."""
    return Sample(continuous(x, "a"), continuous(z, "b"))


def with_labels(z: Floats, y: Codes) -> Sample:
    """Return a layer and its labels, n rows each, as a sample."""
    return Sample(continuous(z, "z"), discrete(y, "y"))


def normally(n: int, rng: Generator) -> Floats:
    """Draw normal scalars, shape ``(n,)``."""
    return rng.normal(size=n)


def correlated(x: Floats, r: float, rng: Generator) -> Floats:
    """Draw normal values that have a correlation with standard normal ones, in the shape of x."""
    return r * x + math.sqrt(1 - r * r) * rng.normal(size=x.shape)


def polar(angle: Floats, radius: Floats | float = 1.0) -> Floats:
    """Return points of the plane, shape ``(n, 2)``, by angles and radii of shape ``(n,)``."""
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def unchanged(rows: Floats) -> Floats:
    """Return the rows as they are."""
    return rows


def turned_by_radius(first: int, second: int, speed: float) -> Map:
    """Turn two coordinates by an angle of ``speed`` times the squared length of the row.

    The length of a row does not change under the turn, so that the map has an inverse.
    """

    def spiral(rows: Floats) -> Floats:
        angle = speed * (rows**2).sum(axis=1)
        cosine = np.cos(angle)
        sine = np.sin(angle)
        turned = rows.copy()
        turned[:, first] = cosine * rows[:, first] - sine * rows[:, second]
        turned[:, second] = sine * rows[:, first] + cosine * rows[:, second]
        return turned

    return spiral


def wiggly_first(x: Floats) -> Floats:
    """Bend the first variable of the wiggly task: increasing, with waves."""
    return x + 0.4 * np.sin(x) + 0.2 * np.sin(1.7 * x + 1) + 0.03 * np.sin(3.3 * x - 2.5)


def wiggly_second(y: Floats) -> Floats:
    """Bend the second variable of the wiggly task: increasing, with waves."""
    return y - 0.4 * np.sin(0.4 * y) + 0.17 * np.sin(1.3 * y + 3.5) + 0.02 * np.sin(4.3 * y - 2.5)


def roll_of_uniform(u: Floats) -> Floats:
    """Roll a uniform scalar, shape ``(n, 1)``, up in the plane, shape ``(n, 2)``."""
    angle = 1.5 * math.pi * (1 + 2 * u[:, 0])
    return polar(angle, angle) / 21


def two_peaks(weight: float, first: float, second: float) -> Map:
    """Map a standard normal to a mixture of N(first, 1), of that weight, and N(second, 1).

    The quantile of the mixture at the rank of the value, by bisection.
    """

    def quantile(x: Floats) -> Floats:
        rank = ndtr(x)
        low = np.full_like(x, min(first, second) - 10)
        high = np.full_like(x, max(first, second) + 10)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            reached = weight * ndtr(middle - first) + (1 - weight) * ndtr(middle - second)
            low = np.where(reached < rank, middle, low)
            high = np.where(reached < rank, high, middle)
        return (low + high) / 2

    return quantile
