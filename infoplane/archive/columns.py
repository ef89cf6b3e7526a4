"""The points of a plane as columns of an HDF5 file: a quarter of the time that JSON takes, and as many points as there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from operator import index
from typing import Any, TypeVar, cast

import h5py
import numpy as np
from numpy.typing import NDArray

from infoplane.archive.guard import Window, read_array
from infoplane.archive.probe import array_entry
from infoplane.archive.publish import put_array
from infoplane.errors import InputError
from infoplane.plane import Point
from infoplane.types import Estimate, Null, bound_of_sense

T = TypeVar("T")

POINTS = "points"
"""The group of the columns, and the key of what ``/meta`` says of them."""
INTEGERS, FLOATS = ("step", "n"), ("bits",)
PERHAPS = ("low", "high", "stderr", "ceiling_bits", "coverage")
"""Floats that may not be there: `ABSENT` then."""
NULL = ("null_mean", "null_low", "null_high", "null_p", "null_draws")
"""Columns of `Estimate.null`, in files where some point has one."""
TEXTS = ("layer", "quantity", "estimator", "sense", "target", "notes", "bound", "unit")
"""Columns of places in a list of different texts (of lists of texts for ``notes``), which ``/meta`` has."""
ABSENT = np.uint64(0x7FF8_0000_0000_0001)
"""Bits of the NaN, one that no processor makes, that stands for no number."""


Columns = tuple[
    dict[str, NDArray[Any]], dict[str, list[Any]]
]  # Any: numbers; texts, or lists of them


def columns_of(points: Sequence[Point]) -> Columns:
    """The points by column, and the texts whose places are in `TEXTS`: together all that they say.

    Raises:
        InputError: a step or a number of rows that is no integer, a name that is no text.
    """
    columns: dict[str, NDArray[Any]] = {}  # Any: every stored dtype
    texts: dict[str, list[Any]] = {}  # Any: texts, or lists of them
    null = NULL if any(p.estimate.null is not None for p in points) else ()
    for key in (*INTEGERS, *FLOATS, *PERHAPS, *null, *TEXTS):
        values = [_value(p, key) for p in points]
        try:
            if key in INTEGERS:
                columns[key] = np.array([index(v) for v in values], "<i8")
            elif key in TEXTS:
                places = {value: k for k, value in enumerate(dict.fromkeys(values))}
                texts[key] = list(places)
                columns[key] = np.array([places[v] for v in values], "<i4")
                _refuse_other(texts[key], key)
            else:
                columns[key] = np.array(values, "<f8")  # None becomes some NaN
                columns[key].view("<u8")[[v is None for v in values]] = ABSENT
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{key} of the points of a plane: {error}") from error
    return columns, texts


def _value(point: Point, key: str) -> Any:  # Any: a number, a text, None
    if key in ("step", "layer", "quantity"):
        return getattr(point, key)
    if key in NULL:
        return None if point.estimate.null is None else getattr(point.estimate.null, key[5:])
    return getattr(point.estimate, key)


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
        DamagedArchive: a column is missing, of another length or type, or does not match its checksum.
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


def objects_of(kind: type[T], columns: Mapping[str, Sequence[object]]) -> list[T]:
    """One object of a dataclass for each row of these columns, which have all of its fields: a third of the time that making each takes, and no checks.

    Raises:
        KeyError: a field without a column. ValueError: columns of different lengths.
    """
    listed = [columns[f.name] for f in fields(kind)]  # type: ignore[arg-type]  # a dataclass
    objects = [kind.__new__(kind) for _ in listed[0]]
    states = [vars(one) for one in objects]
    for f, column in zip(fields(kind), listed, strict=True):  # type: ignore[arg-type]  # as above
        name = f.name
        for state, value in zip(states, column, strict=True):
            state[name] = value
    return objects


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
    """Raises ValueError for a place that is not in the list, or a list of something else."""
    values = [tuple(v) if isinstance(v, list) else v for v in texts]
    _refuse_other(values, key)
    if len(column) and not 0 <= int(column.min()) <= int(column.max()) < len(values):
        raise ValueError(f"{key}: a place beyond the {len(values)} texts")
    return [values[k] for k in column.tolist()]


def _refuse_other(values: Sequence[Any], key: str) -> None:  # Any: texts, or lists of them
    for value in values:
        texts = (
            value
            if key == "notes" and isinstance(value, tuple)
            else (value,)
            if key != "notes"
            else (None,)
        )
        if not all(isinstance(text, str) for text in texts) or (
            key == "quantity" and value not in ("i_xz", "i_zy")
        ):
            raise ValueError(f"unexpected {str(value)[:60]!r}")
