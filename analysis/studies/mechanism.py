"""What activations do while a curve falls: saturate, die, merge, leave the bins."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.measuring.arguments import Run, open_run, step_of
from infoplane.analysis.measuring.plane_point import finite_cells_of
from infoplane.contract import HasCodes, HasOutside
from infoplane.errors import InputError
from infoplane.rows import codes_of_digests
from infoplane.types import continuous
from infoplane.types.arrays import Floats

PANELS = {
    "saturated": "values near a bound",
    "zeros": "exact zeros",
    "duplicates": "rows equal to another",
    "used_cells": "occupied cells / rows",
    "clipped": "values outside the bins",
    "spread": "RMS distance of rows",
}
"""Panels of the mechanism figure: field and title."""

_BOUNDS = {
    "Tanh": (-1.0, 1.0),
    "Sigmoid": (0.0, 1.0),
    "Softsign": (-1.0, 1.0),
    "Hardtanh": (-1.0, 1.0),
    "Hardsigmoid": (0.0, 1.0),
}
_NEAR = 0.05


@dataclass(frozen=True)
class Mechanism:
    """One layer at one checkpoint; all shares in [0, 1].

    Attributes:
        saturated: share of values within 5 % of a bound of the activation (tanh, sigmoid, softsign
            ...); NaN for unbounded ones.
        zeros: share of exact zeros.
        dead: share of units that are constant over the rows.
        duplicates: share of rows whose activation equals that of an earlier row.
        used_cells: occupied cells of the estimator, over the number of rows.
        clipped: share of values beyond the bins' range.
        spread: root mean square distance between rows.
    """

    step: int
    layer: str
    saturated: float
    zeros: float
    dead: float
    duplicates: float
    used_cells: float
    clipped: float
    spread: float


def mechanism(archive: Run, *, estimator: str = "bin:szt") -> list[Mechanism]:
    """Return the mechanism panel's numbers for every layer and checkpoint.

    Args:
        archive: a run or its path.
        estimator: spec of a bin rule; ``used_cells`` and ``clipped`` are of its cells.

    When it lies: bounds are known of tanh, sigmoid, softsign and their hard forms, by the class of
    the module; ``saturated`` of another is NaN, also where it has a bound. ``duplicates`` counts
    rows that are equal bit for bit, copies in the probe included.

    Raises:
        InputError: no captured steps, or an estimator without cells.

    Example:
        >>> import tempfile, infoplane as ip
        >>> z, to = np.array([[0.0], [0.0], [3.0]]), tempfile.mkdtemp() + "/run"
        >>> (found,) = mechanism(ip.from_arrays({"l": z}, x=np.eye(3), to=to))
        >>> round(found.zeros, 2), round(found.duplicates, 2), round(found.clipped, 2)
        (0.67, 0.33, 0.33)
    """
    archive = open_run(archive)
    step_of(archive)
    bins = parse(estimator)
    if not isinstance(bins, HasCodes):
        raise InputError(f"{estimator} has no cells; give a bin rule")
    found = []
    for step, layer in finite_cells_of(archive, None, None):
        values = np.asarray(archive.z(step, layer), np.float64).reshape(archive.n_rows, -1)
        rows = continuous(values)
        exact = codes_of_digests(archive.row_digests(step, layer))
        found.append(
            Mechanism(
                step,
                layer,
                saturated=_share_near_bounds(values, archive.layer_info(layer).cls),
                zeros=float((values == 0).mean()),
                dead=float((values == values[:1]).all(axis=0).mean()),
                duplicates=1 - len(np.unique(exact)) / len(values),
                used_cells=len(np.unique(bins.codes(rows))) / len(values),
                clipped=bins.share_outside(rows) if isinstance(bins, HasOutside) else 0.0,
                spread=float(np.sqrt(2 * values.var(axis=0).sum())),
            )
        )
    return found


def _share_near_bounds(values: Floats, activation: str) -> float:
    """Return the share of values near a bound of the activation; NaN for an unbounded one."""
    if activation not in _BOUNDS:
        return math.nan
    low, high = _BOUNDS[activation]
    margin = _NEAR * (high - low) / 2
    return float(((values < low + margin) | (values > high - margin)).mean())
