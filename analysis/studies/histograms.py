"""How activations are distributed over training, per layer and per unit.

The geometry that bins and kernels see.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infoplane.analysis.measuring.arguments import Run, open_run, require_whole
from infoplane.analysis.measuring.choose import evenly_spread
from infoplane.archive import Archive
from infoplane.errors import InputError
from infoplane.types.arrays import Counts, Floats

BINS, UNITS = 40, 16


@dataclass(frozen=True)
class Histograms:
    """Counts of one layer's values over the probe rows, at every checkpoint.

    In equal cells that stand still over the run.

    Attributes:
        layer: whose.
        steps: checkpoints where it was captured.
        edges: shape ``(bins + 1,)``, from the smallest to the largest value of the run; the last
            cell holds its right edge.
        whole: shape ``(steps, bins)``, all units together: every row sums to ``rows * units of the
            layer``.
        units: indices of the units kept in ``per_unit``: all of them, or evenly spaced ones of a
            wide layer.
        per_unit: shape ``(steps, len(units), bins)``: every last axis sums to ``rows``.
        width: units the layer has, after its reduction where it has one.
    """

    layer: str
    steps: tuple[int, ...]
    edges: Floats
    whole: Counts
    units: tuple[int, ...]
    per_unit: Counts
    width: int

    def shares(self, unit: int | None = None) -> Floats:
        """Return share of values per cell, shape ``(steps, bins)``, every row sums to 1.

        They are of one unit (its index in the layer) when given.

        Raises:
            InputError: a unit that was not kept.
        """
        if unit is not None and unit not in self.units:
            raise InputError(
                f"unit {unit} of {self.layer} was not kept; there are {list(self.units)}"
            )
        counts = self.whole if unit is None else self.per_unit[:, self.units.index(unit)]
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def histograms(archive: Run, layer: str, *, bins: int = BINS, units: int = UNITS) -> Histograms:
    """Return the histograms of one layer over training, from its stored values.

    Args:
        archive: a run or its path.
        layer: one of its layers.
        bins: equal cells between the smallest and the largest value of the run; a layer that never
            moves gets cells of a width around it.
        units: units kept one by one at most, evenly spaced over the layer.

    Raises:
        InputError: no such layer, never captured, fewer than 2 bins or 1 unit, or values that are
            not finite.
    """
    archive = open_run(archive)
    require_whole(2, bins=bins)
    require_whole(1, units=units)
    steps = tuple(step for step in archive.steps if archive.has(step, layer))
    if not steps:
        raise InputError(f"{archive.path}: layer {layer!r} was never captured")
    low, high = np.inf, -np.inf
    for step in steps:
        values = _values(archive, step, layer)
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    edges = equal_edges(low, high, bins)
    width = values.shape[1]
    chosen = evenly_spread(range(width), units)
    whole, per_unit = [], []
    for step in steps:
        values = _values(archive, step, layer)
        whole.append(np.histogram(values, edges)[0])
        per_unit.append([np.histogram(values[:, unit], edges)[0] for unit in chosen])
    counts, of_units = np.array(whole, np.int64), np.array(per_unit, np.int64)
    return Histograms(layer, steps, edges, counts, tuple(chosen), of_units, width)


def equal_edges(low: float, high: float, bins: int) -> Floats:
    """Return edges of equal cells, shape ``(bins + 1,)``.

    Args:
        low, high: the ends; a width around them is made up where both are equal.
        bins: number of cells.
    """
    if high == low:
        half = max(abs(low), 1.0) / 2
        low, high = low - half, high + half
    return np.asarray(np.linspace(low, high, bins + 1))


def _values(archive: Archive, step: int, layer: str) -> Floats:
    values = np.asarray(archive.z(step, layer), np.float64).reshape(archive.n_rows, -1)
    if not np.isfinite(values).all():
        raise InputError(
            f"{layer} at step {step} holds NaN or infinity; find the step where they appear first"
        )
    return values
