"""Nine more noisy curves, noise on both sides, written down before any estimator had seen them.

Three shapes that the first eighteen (`curve_cases`) do not have: leaves that cross in one point,
straight pieces with sharp bends, and a crown in space.
"""

from __future__ import annotations

import math

import numpy as np

from infoplane.analysis.calibrate.curve_cases import Curve, cases_of
from infoplane.types.arrays import Floats

_TURN = 2 * math.pi


def _rose(t: Floats) -> Floats:
    """Three leaves that meet in the origin."""
    radius = np.cos(1.5 * _TURN * t)
    return np.column_stack([radius * np.cos(_TURN * t / 2), radius * np.sin(_TURN * t / 2)])


def _zigzag(t: Floats) -> Floats:
    """Five straight pieces of equal length."""
    corners = np.array([[-1.0, 0.0], [-0.6, 0.8], [-0.2, 0.0], [0.2, 0.8], [0.6, 0.0], [1.0, 0.8]])
    along = np.linspace(0.0, 1.0, len(corners))
    return np.column_stack([np.interp(t, along, side) for side in corners.T])


def _crown(t: Floats) -> Floats:
    angle = _TURN * t
    return np.column_stack([np.cos(angle), np.sin(angle), 0.5 * np.sin(3 * angle)])


CURVES = (
    Curve("rose of three leaves", _rose, both=True),
    Curve("zigzag", _zigzag, both=True),
    Curve("crown", _crown, both=True),
)

CASES = cases_of(CURVES)
