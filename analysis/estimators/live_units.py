"""Units that are constant over the rows: they carry nothing and are left out, with a note."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from infoplane.types import Variable


def live_units(v: Variable) -> tuple[Variable | None, tuple[str, ...]]:
    """Return a variable without its constant units, and a note on how many were left out.

    None where every unit is constant: such a layer carries no information.

    Example:
        >>> from infoplane.types import continuous
        >>> kept, notes = live_units(continuous([[0.0, 1.0], [0.0, 2.0]], "z"))
        >>> kept.values.shape, notes
        ((2, 1), ('1 of 2 units of z are constant: left out',))
    """
    if v.kind == "discrete":
        return v, ()
    live = np.asarray((v.values != v.values[0]).any(axis=0))
    if live.all():
        return v, ()
    dead = int((~live).sum())
    note = f"{dead} of {v.dim} units of {v.name} are constant: left out"
    if dead == v.dim:
        return None, (f"all {v.dim} units of {v.name} are constant: no information",)
    return replace(v, values=np.ascontiguousarray(v.values[:, live])), (note,)
