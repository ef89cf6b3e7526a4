"""Eighteen noisy curves, and nine late ones, written down before any estimator had seen them.

Six shapes, three noises. The late ones are of three shapes that these do not have: leaves that
cross in one point, straight pieces with sharp bends, and a crown in space.

X is the point of a curve at a uniform parameter, Z the same point plus normal noise. Of the last
three shapes, and of the late ones, X carries noise of its own, as strong: a layer and a later one,
both drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.random import Generator
from scipy.special import logsumexp

from infoplane.analysis.calibrate.case import Case, Sample
from infoplane.analysis.calibrate.draws import pair, polar
from infoplane.types.arrays import Floats

_TURN = 2 * math.pi
_ROWS = 10_000
_NODES = 1500
_BLOCK = 500
NOISES = (0.03, 0.1, 0.3)


@dataclass(frozen=True)
class Curve:
    """A curve of the unit interval.

    Attributes:
        name: of the shape.
        at: parameters, shape ``(n,)``, to points, shape ``(n, dim)``.
        both: whether X carries noise as well.
    """

    name: str
    at: Callable[[Floats], Floats]
    both: bool = False


def curve_case(curve: Curve, sd: float) -> Case:
    """Build X = f(T), Z = f(T) + sd N, T uniform; X has noise too where the curve says so."""

    def noisy(parameters: Floats, rng: Generator) -> Sample:
        points = curve.at(parameters)
        x = points + sd * rng.normal(size=points.shape) if curve.both else points
        return pair(x, points + sd * rng.normal(size=points.shape))

    def truth() -> float:
        even = (np.arange(_ROWS) + 0.5) / _ROWS
        return _bits_of(noisy(even, np.random.default_rng(2026)), curve, sd)

    sides = "both sides" if curve.both else "one side"
    return Case(
        f"{curve.name}, noise {sd:g} on {sides}",
        "vector",
        lambda n, rng: noisy(rng.random(n), rng),
        truth,
        "log ratio over rows, densities along the curve by quadrature",
        False,
    )


def _bits_of(sample: Sample, curve: Curve, sd: float) -> float:
    """Return the mean log ratio over rows in bits, densities by the midpoint rule."""
    nodes = curve.at((np.arange(_NODES) + 0.5) / _NODES)
    x = sample.a.values
    z = sample.b.values
    total = 0.0
    for start in range(0, _ROWS, _BLOCK):
        rows = slice(start, start + _BLOCK)
        of_z = _log_kernel(z[rows], nodes, sd)  # (block, nodes)
        if curve.both:
            of_x = _log_kernel(x[rows], nodes, sd)
            log_ratio = _log_mean(of_x + of_z) - _log_mean(of_x) - _log_mean(of_z)
        else:
            own = -((z[rows] - x[rows]) ** 2).sum(axis=1) / (2 * sd * sd)
            log_ratio = own - _log_mean(of_z)
        total += float(log_ratio.sum())
    return total / _ROWS / math.log(2)


def _log_kernel(points: Floats, nodes: Floats, sd: float) -> Floats:
    """Return the log of the noise's density but for its constant, shape ``(points, nodes)``."""
    squares = ((points[:, None] - nodes[None]) ** 2).sum(axis=2)
    return -squares / (2 * sd * sd)


def _log_mean(logs: Floats) -> Floats:
    return np.asarray(logsumexp(logs, axis=1)) - math.log(logs.shape[1])


def _twisted_cubic(t: Floats) -> Floats:
    along = 2 * t - 1
    return np.column_stack([along, along**2, along**3])


def _seam(t: Floats) -> Floats:
    """Return the seam of a tennis ball."""
    angle = _TURN * t
    return np.column_stack(
        [
            0.75 * np.cos(angle) + 0.25 * np.cos(3 * angle),
            0.75 * np.sin(angle) - 0.25 * np.sin(3 * angle),
            math.sqrt(0.75) * np.sin(2 * angle),
        ]
    )


def _zigzag(t: Floats) -> Floats:
    """Five straight pieces of equal length."""
    corners = np.array([[-1.0, 0.0], [-0.6, 0.8], [-0.2, 0.0], [0.2, 0.8], [0.6, 0.0], [1.0, 0.8]])
    along = np.linspace(0.0, 1.0, len(corners))
    return np.column_stack([np.interp(t, along, side) for side in corners.T])


def _crown(t: Floats) -> Floats:
    angle = _TURN * t
    return np.column_stack([polar(angle), 0.5 * np.sin(3 * angle)])


CURVES = (
    Curve("cardioid", lambda t: polar(_TURN * t, 1 - np.cos(_TURN * t))),
    Curve(
        "Lissajous curve 3:2",
        lambda t: np.column_stack([np.sin(3 * _TURN * t + 0.5), np.sin(2 * _TURN * t)]),
    ),
    Curve("twisted cubic", _twisted_cubic),
    Curve("growing spiral", lambda t: polar(1.5 * _TURN * t, np.exp(1.5 * (t - 1))), both=True),
    Curve("seam of a ball", _seam, both=True),
    Curve("conical spiral", lambda t: np.column_stack([polar(2 * _TURN * t, t), 2 * t]), both=True),
)

LATE_CURVES = (
    Curve(
        "rose of three leaves", lambda t: polar(_TURN * t / 2, np.cos(1.5 * _TURN * t)), both=True
    ),
    Curve("zigzag", _zigzag, both=True),
    Curve("crown", _crown, both=True),
)


def cases_of(curves: Sequence[Curve]) -> tuple[Case, ...]:
    """Return every curve with every noise."""
    return tuple(curve_case(curve, sd) for curve, sd in product(curves, NOISES))


CASES = cases_of(CURVES)
LATE_CASES = cases_of(LATE_CURVES)
