"""The points of a plane as columns of an HDF5 file, which are read faster than JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import h5py
import numpy as np
from numpy.typing import NDArray

from infoplane.archive.guarded_file import Window
from infoplane.archive.guarded_read import read_array
from infoplane.archive.probe_file import array_entry
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
from infoplane.types.arrays import Array, Json

ADDED = ("bound", "unit", *NULL)
"""Columns that files of format 2.0 lack."""
POINTS = "points"
"""The group of the columns, and their key in ``/meta``."""


def put_points(file: h5py.File, points: Columns) -> Json:
    """Write the columns; return what the header must hold about them."""
    columns, texts = points
    group = file.create_group(POINTS)
    return {
        "arrays": {key: put_array(group, key, column) for key, column in columns.items()},
        "texts": texts,
    }


def read_points(
    file: h5py.File, window: Window, header: Mapping[str, Any], where: str
) -> tuple[tuple[Point, ...], Columns]:  # Any: JSON
    """Return the points in the columns, and the columns.

    Args:
        file: of the plane.
        window: guards it.
        header: of the columns, as `put_points` returned it.
        where: the file, for messages.

    Raises:
        DamagedArchive: a column is missing, of another length or type, or does not match its
            checksum.
        KeyError, TypeError, ValueError, InputError: a header or a value that no plane has.
    """
    columns: dict[str, Array] = {}
    for key in (*INTEGERS, *FLOATS, *PERHAPS, *NULL, *TEXTS):
        if key in header["arrays"] or key not in ADDED:
            columns[key] = _column(file, window, header["arrays"][key], key, where)
    lists = {key: _values(column, key, header["texts"]) for key, column in columns.items()}
    if len({len(values) for values in lists.values()}) != 1 or min(lists["step"], default=0) < 0:
        raise ValueError("columns of different lengths, or a negative step")
    _add_missing(lists)
    lists["estimate"] = estimates = objects_of(Estimate, lists)
    for estimate in estimates:
        estimate.__post_init__()  # raises the error of a wrong value
    texts = {key: header["texts"][key] for key in TEXTS if key in columns}
    return tuple(objects_of(Point, lists)), (columns, texts)


def _column(file: h5py.File, window: Window, entry: Json, key: str, where: str) -> Array:
    """One column, of its own type, shape ``(points,)``."""
    shape, dtype, crc = array_entry(entry)
    expected = "<f8"
    if key in INTEGERS or key in TEXTS:
        expected = "<i8" if key in INTEGERS else "<i4"
    if len(shape) != 1 or dtype != expected:
        raise ValueError(f"column {key!r} is {dtype} of shape {shape}")
    return read_array(file, f"{POINTS}/{key}", window, shape, dtype, crc, where)


def _values(column: Array, key: str, texts: Json) -> list[Any]:  # Any: numbers, texts, their lists
    """One column as values of Python."""
    if key in TEXTS:
        return _texts(column, texts[key], key)
    if key in PERHAPS or key in NULL:
        return _numbers(column)
    return list(column.tolist())


def _add_missing(lists: dict[str, list[Any]]) -> None:  # Any: as above
    """Add what files of format 2.0 lack, and the nulls, which have several columns."""
    n = len(lists["step"])
    if "bound" not in lists:
        lists["bound"] = [bound_of_sense(sense) for sense in lists["sense"]]
    lists.setdefault("unit", ["bits"] * n)
    lists["null"] = _nulls(lists, n)


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
    """The text of every row; raises ValueError or InputError for anything else."""
    values = [tuple(text) if isinstance(text, list) else text for text in texts]
    refuse_other(values, key)
    if len(column) and not 0 <= int(column.min()) <= int(column.max()) < len(values):
        raise ValueError(f"{key}: a place beyond the {len(values)} texts")
    return [values[place] for place in column.tolist()]
