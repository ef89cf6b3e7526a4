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
    columns, texts = plane.columns
    layers = list(dict.fromkeys([*plane.layers, *texts["layer"]]))
    axis = {name: place for place, name in enumerate(layers)}
    layer_of_text = np.array([axis[name] for name in texts["layer"]], np.int64)
    layer_of_point = layer_of_text[columns["layer"]]
    step_of_point = np.searchsorted(plane.steps, columns["step"])
    codes = []
    for key in ("estimator", "quantity", "sense"):
        first = [texts[key].index(text) for text in texts[key]]  # a file may name one twice
        codes.append(np.array(first, np.int64)[columns[key]])
    keys = np.stack(codes, axis=1)
    kinds, firsts, kind_of_point = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    saturated = np.array([point.estimate.saturated for point in plane.points], np.bool_)
    grids = []
    for kind in np.argsort(firsts):
        members = np.flatnonzero(kind_of_point.reshape(-1) == kind)
        at = np.full((len(plane.steps), len(layers)), -1, np.int64)
        at[step_of_point[members], layer_of_point[members]] = members
        estimator, quantity, sense = kinds[kind]
        grids.append(
            Grid(
                texts["estimator"][estimator],
                texts["quantity"][quantity],
                texts["sense"][sense],
                tuple(layers),
                at,
                np.where(at < 0, np.nan, columns["bits"][at]),
                (at >= 0) & saturated[at],
            )
        )
    return grids
