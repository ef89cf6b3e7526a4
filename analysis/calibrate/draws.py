"""Rows that several cases draw."""

from __future__ import annotations

import math

from numpy.random import Generator

from infoplane.analysis.calibrate.case import Sample
from infoplane.types import continuous
from infoplane.types.arrays import Floats


def pair(x: Floats, z: Floats) -> Sample:
    """Return two continuous variables, n rows each, as a sample."""
    return Sample(continuous(x, "a"), continuous(z, "b"))


def normally(n: int, rng: Generator) -> Floats:
    """Draw normal scalars, shape ``(n,)``."""
    return rng.normal(size=n)


def correlated(x: Floats, r: float, rng: Generator) -> Floats:
    """Draw normal values that have a correlation with standard normal ones, in the shape of x."""
    return r * x + math.sqrt(1 - r * r) * rng.normal(size=x.shape)
