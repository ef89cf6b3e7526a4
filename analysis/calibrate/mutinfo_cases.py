"""Sweeps of 0 to 10 nats over the low-dimensional distributions of Butakov et al. (mutinfo).

Every distribution spreads its information evenly over d pairs of units, d = 1, 2, 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.random import Generator
from scipy.special import digamma, lambertw, ndtr

from infoplane.analysis.calibrate.case import Case, Family, Sample
from infoplane.analysis.calibrate.draws import pair
from infoplane.analysis.calibrate.truths import student_bits
from infoplane.types import continuous, discrete
from infoplane.types.arrays import Floats

_LN2 = math.log(2)
_NATS = range(11)
_DIMENSIONS = (1, 2, 3)


def correlation_of(nats: float) -> float:
    """Return the correlation of a normal pair of that information."""
    return math.sqrt(-math.expm1(-2 * nats))


def half_width_of(nats: float) -> float:
    """Return the half width e of uniform noise on a uniform.

    E - ln 2e nats, or 1/(4e) below 1/2.
    """
    if nats < 0.5:
        return math.inf if nats == 0 else 0.25 / nats
    return float(-np.real(lambertw(-0.5 * math.exp(-nats))))


def shape_of(nats: float) -> float:
    """Return the shape a of a gamma rate of an exponential: psi(a) - ln a + 1/a nats."""
    from scipy.optimize import brentq

    def excess(log_shape: float) -> float:
        shape = math.exp(log_shape)
        return float(digamma(shape) - log_shape + 1 / shape) - nats

    return math.exp(float(brentq(excess, -20.0, 20.0, xtol=1e-14)))


def _family(dim: int) -> Family:
    return "1-D" if dim == 1 else "vector"


@dataclass(frozen=True, eq=False)
class Sweep:
    """A distribution that can be had with any information.

    Attributes:
        name: of the distribution.
        draw: ``(n, dim, nats of one pair, rng)`` to both sides, shape ``(n, dim)`` each.
        how: where the truth comes from, in words.
    """

    name: str
    draw: Callable[[int, int, float, Generator], tuple[Floats, Floats]]
    how: str

    def case(self, nats: int, dim: int) -> Case:
        """Build the case of so many nats over so many pairs of units."""

        def draw(n: int, rng: Generator) -> Sample:
            return pair(*self.draw(n, dim, nats / dim, rng))

        name = f"{self.name} {dim}+{dim}, {nats} nats"
        return Case(name, _family(dim), draw, lambda: nats / _LN2, self.how, dim == 1)


def _normals(n: int, dim: int, nats: float, rng: Generator) -> tuple[Floats, Floats]:
    x = rng.normal(size=(n, dim))
    left = math.exp(-nats)  # the deviation that X leaves of Y
    return x, correlation_of(nats) * x + left * rng.normal(size=(n, dim))


def _uniforms(n: int, dim: int, nats: float, rng: Generator) -> tuple[Floats, Floats]:
    x, y = _normals(n, dim, nats, rng)
    return np.asarray(ndtr(x)), np.asarray(ndtr(y))


def _smoothed(n: int, dim: int, nats: float, rng: Generator) -> tuple[Floats, Floats]:
    x = rng.random((n, dim))
    noise = rng.uniform(-1, 1, (n, dim))
    half_width = half_width_of(nats)
    if half_width > 1:
        return x, x / half_width + noise
    return x, x + half_width * noise


def _gamma_exponentials(n: int, dim: int, nats: float, rng: Generator) -> tuple[Floats, Floats]:
    """Draw the logarithms of rates and of exponentials with these rates."""
    log_waiting = np.log(rng.exponential(size=(n, dim)))
    if nats == 0:
        return rng.normal(size=(n, dim)), log_waiting
    shape = shape_of(nats)
    # Gamma(a) is Gamma(a + 1) times U^(1/a); its logarithm exists where the value underflows.
    log_rate = np.log(rng.gamma(shape + 1, size=(n, dim))) + np.log(rng.random((n, dim))) / shape
    return log_rate, log_waiting - log_rate


SWEEPS = (
    Sweep("correlated normal", _normals, "-d/2 ln(1 - r^2) nats"),
    Sweep("correlated uniform", _uniforms, "-d/2 ln(1 - r^2) nats: ranks of normals"),
    Sweep("smoothed uniform", _smoothed, "d(e - ln 2e) nats (e <= 1/2), d/(4e) nats (e > 1/2)"),
    Sweep("log gamma-exponential", _gamma_exponentials, "d(psi(a) - ln a + 1/a) nats"),
)


def student_sweep(nats: int, dim: int, dof: int) -> Case:
    """Build correlated normals over one chi; the correlation makes up what the chi leaves open."""
    common = student_bits(0.0, dof, dim) * _LN2
    correlation = correlation_of((nats - common) / dim)
    left = math.exp(-(nats - common) / dim)

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.normal(size=(n, dim))
        y = correlation * x + left * rng.normal(size=(n, dim))
        chi = np.sqrt(rng.chisquare(dof, size=(n, 1)) / dof)
        return pair(x / chi, y / chi)

    name = f"correlated Student (dof={dof}) {dim}+{dim}, {nats} nats"
    how = "Gaussian term + constant of dof and d"
    return Case(name, "heavy-tailed", draw, lambda: nats / _LN2, how, dim == 1)


def quantised_case(nats: float) -> Case:
    """Build a normal and the cell of it.

    As many equal cells as exceed the entropy, less one part.

    All cells are equal but the last, whose share makes the entropy the one wanted.
    """
    shares = shares_of_entropy(nats)

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.normal(size=n)
        cell = np.searchsorted(np.cumsum(shares)[:-1], ndtr(x))
        return Sample(continuous(x, "a"), discrete(cell, "b"))

    name = f"quantised normal 1+label, {nats:g} nats"
    return Case(name, "label", draw, lambda: nats / _LN2, "H of the cell", True)


def shares_of_entropy(nats: float) -> Floats:
    """Return the most even shares with that entropy: all equal but the last, which is smaller."""
    from scipy.optimize import brentq

    count = max(1, math.ceil(math.exp(nats) - 1e-12))
    if count == 1:
        return np.ones(1)

    def shares(last: float) -> Floats:
        return np.append(np.full(count - 1, (1 - last) / (count - 1)), last)

    def excess(last: float) -> float:
        parts = shares(last)
        return float(-(parts * np.log(parts)).sum()) - nats

    if excess(1 / count) <= 0:
        return shares(1 / count)
    return shares(float(brentq(excess, 1e-300, 1 / count)))


CASES = (
    *(sweep.case(nats, dim) for sweep, dim, nats in product(SWEEPS, _DIMENSIONS, _NATS)),
    *(student_sweep(nats, dim, dof) for dof, dim, nats in product((1, 2), _DIMENSIONS, _NATS[1:])),
    *map(quantised_case, _NATS),
)
