"""The points of a plane as columns of an HDF5 file.

A quarter of the time that JSON takes, and as many points as there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, cast

import h5py
import numpy as np
from numpy.typing import NDArray

from infoplane.archive.guard import Window, read_array
from infoplane.archive.probe import array_entry
from infoplane.archive.publish import put_array
from infoplane.columns import (
    ABSENT,
    FLOATS,
    INTEGERS,
    NULL,
    PERHAPS,
    TEXTS,
    Columns,
    objects_of,
    refuse_other,
)
from infoplane.plane import Point
from infoplane.types import Estimate, Null, bound_of_sense

POINTS = "points"
"""The group of the columns, and the key of what ``/meta`` says of them."""


def put_points(file: h5py.File, points: Columns) -> dict[str, Any]:  # Any: JSON
    """Write the columns; what the header must say of them."""
    columns, texts = points
    group = file.create_group(POINTS)
    return {
        "arrays": {key: put_array(group, key, column) for key, column in columns.items()},
        "texts": texts,
    }


def read_points(
    file: h5py.File, window: Window, said: Mapping[str, Any], where: str
) -> tuple[tuple[Point, ...], Columns]:  # Any: JSON
    """The points of the columns that the header speaks of, and these.

    Raises:
        DamagedArchive: a column is missing, of another length or type, or does not match its
            checksum.
        KeyError, TypeError, ValueError, InputError: a header or a value that no plane has.
    """
    columns: dict[str, NDArray[Any]] = {}  # Any: every stored dtype
    lists: dict[str, list[Any]] = {}  # Any: numbers, texts, lists of texts
    old = [key for key in ("bound", "unit", *NULL) if key not in said["arrays"]]
    for key in (*INTEGERS, *FLOATS, *PERHAPS, *NULL, *TEXTS):
        if key in old:
            continue
        shape, dtype, crc = array_entry(said["arrays"][key], where)
        wanted = "<i8" if key in INTEGERS else "<i4" if key in TEXTS else "<f8"
        if len(shape) != 1 or dtype != wanted:
            raise ValueError(f"column {key!r} is {dtype} of shape {shape}")
        columns[key] = column = read_array(
            file, f"{POINTS}/{key}", window, shape, dtype, crc, where
        )
        lists[key] = (
            _texts(column, said["texts"][key], key)
            if key in TEXTS
            else _numbers(column)
            if key in (*PERHAPS, *NULL)
            else column.tolist()
        )
    if len({len(values) for values in lists.values()}) != 1 or min(lists["step"], default=0) < 0:
        raise ValueError("columns of different lengths, or a negative step")
    if "bound" in old:
        lists["bound"] = [bound_of_sense(sense) for sense in lists["sense"]]
    if "unit" in old:
        lists["unit"] = ["bits"] * len(lists["step"])
    lists["null"] = _nulls(lists, len(lists["step"]))
    estimates = objects_of(Estimate, {f.name: lists[f.name] for f in fields(Estimate)})
    odd = np.flatnonzero(~np.isfinite(columns["bits"]) | (columns["n"] < 1))
    for k in (
        *odd[:1],
        *(
            k
            for key in ("sense", "target", "bound", "unit")
            if key not in old
            for k in np.unique(columns[key], return_index=True)[1]
        ),
    ):
        estimates[k].__post_init__()  # says what is wrong with it
    points = objects_of(
        Point,
        {
            "step": lists["step"],
            "layer": lists["layer"],
            "quantity": lists["quantity"],
            "estimate": estimates,
        },
    )
    return tuple(points), (
        columns,
        {key: said["texts"][key] for key in TEXTS if key not in old},
    )


def _nulls(lists: Mapping[str, list[Any]], n: int) -> list[Null | None]:  # Any: as in `read_points`
    if "null_mean" not in lists:
        return [None] * n
    rows = zip(*(lists[key] for key in NULL), strict=True)
    return [
        None if row[0] is None else Null(row[0], row[1], row[2], row[3], int(row[4]))
        for row in rows
    ]


def _numbers(column: NDArray[np.float64]) -> list[float | None]:
    absent = column.view(np.uint64) == ABSENT
    if absent.all():
        return [None] * len(column)
    values = column.astype(object)
    values[absent] = None
    return cast("list[float | None]", values.tolist())


def _texts(
    column: NDArray[np.int32], texts: Sequence[Any], key: str
) -> list[Any]:  # Any: texts, or lists of them
    """Raise ValueError or InputError for a place that is not in the list.

    A list of something else is refused too.
    """
    values = [tuple(v) if isinstance(v, list) else v for v in texts]
    refuse_other(values, key)
    if len(column) and not 0 <= int(column.min()) <= int(column.max()) < len(values):
        raise ValueError(f"{key}: a place beyond the {len(values)} texts")
    return [values[k] for k in column.tolist()]
