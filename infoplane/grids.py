"""The points of a plane as grids of checkpoints by layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infoplane.plane import Plane
from infoplane.types.arrays import Ids, Mask


@dataclass(frozen=True)
class Grid:
    """All points of one estimator, quantity and sense; the last where a place has several.

    Attributes:
        estimator, quantity, sense: of every point.
        layers: of the second axis: those of the plane, then any other that a point names.
        at: indices into ``plane.points``, shape ``(steps, layers)``; -1 where there is no point.
        bits: their values; NaN where there is no point.
        saturated: whether they are saturated.
    """

    estimator: str
    quantity: str
    sense: str
    layers: tuple[str, ...]
    at: Ids
    bits: NDArray[np.float64]
    saturated: Mask


def grids_of(plane: Plane) -> list[Grid]:
    """Return a grid for every estimator, quantity and sense, in order of first appearance."""
    layers = tuple(dict.fromkeys([*plane.layers, *(point.layer for point in plane.points)]))
    row = {step: place for place, step in enumerate(plane.steps)}
    column = {name: place for place, name in enumerate(layers)}
    places: dict[tuple[str, str, str], Ids] = {}
    for index, point in enumerate(plane.points):
        kind = (point.estimator, point.quantity, point.sense)
        if kind not in places:
            places[kind] = np.full((len(row), len(column)), -1, np.int64)
        places[kind][row[point.step], column[point.layer]] = index
    bits = np.array([point.bits for point in plane.points])
    saturated = np.array([point.estimate.saturated for point in plane.points])
    grids = []
    for names, at in places.items():
        there = at >= 0
        values = np.where(there, bits[at], np.nan)
        grids.append(Grid(*names, layers, at, values, there & saturated[at]))
    return grids
