"""Units that are constant over the rows: they carry nothing and are left out, with a note."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from infoplane.types import Variable
from infoplane.types.arrays import Array


def live_units(v: Variable) -> tuple[Variable | None, tuple[str, ...]]:
    """Return a variable without its constant units, and a note on how many were left out.

    None where every unit is constant: such a layer carries no information.

    Example:
        >>> from infoplane.types import continuous
        >>> kept, notes = live_units(continuous([[0.0, 1.0], [0.0, 2.0]], "z"))
        >>> kept.values.shape, notes
        ((2, 1), ('1 of 2 units of z are constant: left out',))
    """
    live = live_columns(v)
    dead = v.dim - live.shape[1]
    if not dead:
        return v, ()
    if dead == v.dim:
        return None, (f"all {v.dim} units of {v.name} are constant: no information",)
    return replace(v, values=live), (f"{dead} of {v.dim} units of {v.name} are constant: left out",)


def live_columns(v: Variable) -> Array:
    """Return the columns that are not constant, shape ``(n, live)``; symbols as they are."""
    if v.kind == "discrete":
        return v.values
    live = (v.values != v.values[0]).any(axis=0)
    return v.values if live.all() else np.ascontiguousarray(v.values[:, live])
