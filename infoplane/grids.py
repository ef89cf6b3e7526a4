"""The points of a plane as grids.

Checkpoints by layers, one for each estimator, quantity and sense.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infoplane.plane import Plane
from infoplane.types.arrays import Ids, Mask


@dataclass(frozen=True)
class Grid:
    """All points of one estimator, quantity and sense; of several at one place the last.

    Attributes:
        estimator, quantity, sense: of every point.
        layers: of the second axis: those of the plane, then any other that a point names.
        at: places in ``plane.points``, shape ``(steps, layers)``; -1 where there is no point.
        bits: their values; NaN where there is none.
        saturated: whether they are.
    """

    estimator: str
    quantity: str
    sense: str
    layers: tuple[str, ...]
    at: Ids
    bits: NDArray[np.float64]
    saturated: Mask


def grids_of(plane: Plane) -> list[Grid]:
    """Return the grids of a plane, in order of first appearance.

    The first axis is ``plane.steps``.
    """
    columns, texts = plane.columns
    values, codes = {"layer": list(plane.layers)}, {}
    for key in ("layer", "estimator", "quantity", "sense"):
        place = {
            text: k for k, text in enumerate(dict.fromkeys([*values.get(key, ()), *texts[key]]))
        }
        values[key], codes[key] = (
            list(place),
            np.array([place[text] for text in texts[key]], np.int64)[columns[key]],
        )
    steps = np.searchsorted(plane.steps, columns["step"])
    kinds = (codes["estimator"] * 2 + codes["quantity"]) * len(values["sense"]) + codes["sense"]
    _, firsts, kind = np.unique(kinds, return_index=True, return_inverse=True)
    saturated = np.array([p.estimate.saturated for p in plane.points], np.bool_)
    grids = []
    for k in np.argsort(firsts):
        members = np.flatnonzero(kind == k)
        at = np.full((len(plane.steps), len(values["layer"])), -1, np.int64)
        at[steps[members], codes["layer"][members]] = members
        estimator, quantity, sense = (
            values[key][codes[key][firsts[k]]] for key in ("estimator", "quantity", "sense")
        )
        bits = np.where(at < 0, np.nan, columns["bits"][at])
        grids.append(
            Grid(
                estimator,
                quantity,
                sense,
                tuple(values["layer"]),
                at,
                bits,
                (at >= 0) & saturated[at],
            )
        )
    return grids
