"""What activations do while a curve falls: saturate, die, merge, leave the bins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from infoplane.analysis.measuring.open_run import open_run
from infoplane.contract import HasCodes, HasOutside
from infoplane.errors import InputError
from infoplane.rows import codes_of_digests
from infoplane.types import continuous

if TYPE_CHECKING:
    from infoplane.archive import Archive

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


def mechanism(archive: Archive | str | Path, *, estimator: str = "bin:szt") -> list[Mechanism]:
    """Return the mechanism panel's numbers for every layer and checkpoint.

    Cells are those of ``estimator``.

    Raises:
        InputError: no captured steps, or an estimator without cells.
    """
    from infoplane.analysis.estimators.spec import parse

    archive = open_run(archive)
    if not archive.steps:
        raise InputError(f"{archive.path}: no captured steps yet")
    cells = parse(estimator)
    if not isinstance(cells, HasCodes):
        raise InputError(f"{estimator} has no cells; give a bin rule")
    found = []
    for step in archive.steps:
        for info in archive.infos:
            if not archive.has(step, info.name):
                continue
            z = np.asarray(archive.z(step, info.name), np.float64).reshape(archive.n_rows, -1)
            exact = codes_of_digests(archive.row_digests(step, info.name))
            low, high = _BOUNDS.get(info.cls, (np.nan, np.nan))
            margin = _NEAR * (high - low) / 2
            found.append(
                Mechanism(
                    step,
                    info.name,
                    float(((z < low + margin) | (z > high - margin)).mean())
                    if info.cls in _BOUNDS
                    else float("nan"),
                    float((z == 0).mean()),
                    float((z == z[:1]).all(axis=0).mean()),
                    1 - len(np.unique(exact)) / len(z),
                    len(np.unique(cells.codes(continuous(z)))) / len(z),
                    cells.share_outside(continuous(z)) if isinstance(cells, HasOutside) else 0.0,
                    float(np.sqrt(2 * z.var(axis=0).sum())),
                )
            )
    return found
