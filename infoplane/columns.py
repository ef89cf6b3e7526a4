"""The points of a plane as columns of numbers; texts are places in lists of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from operator import index
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from infoplane.errors import InputError
from infoplane.types.arrays import Array

if TYPE_CHECKING:
    from infoplane.plane import Point

T = TypeVar("T")

INTEGERS, FLOATS = ("step", "n"), ("bits",)
PERHAPS = ("low", "high", "stderr", "ceiling_bits", "coverage")
"""Floats that may not be there: `ABSENT` then."""
NULL = ("null_mean", "null_low", "null_high", "null_p", "null_draws")
"""Columns of `Estimate.null`, in files where some point has one."""
TEXTS = ("layer", "quantity", "estimator", "sense", "target", "notes", "bound", "unit")
"""Columns of places in lists of texts (for ``notes``, of lists of texts) in ``/meta``."""
ABSENT = np.uint64(0x7FF8_0000_0000_0001)
"""Bits of a NaN that means no number; no processor makes this one."""


Columns = tuple[dict[str, Array], dict[str, list[Any]]]


def columns_of(points: Sequence[Point]) -> Columns:
    """Return the points by column, and the lists of texts whose places are in `TEXTS`.

    Raises:
        InputError: a step or a number of rows that is no integer, a name that is no text.
    """
    columns: dict[str, Array] = {}
    texts: dict[str, list[Any]] = {}  # Any: texts, or lists of them
    null = NULL if any(point.estimate.null is not None for point in points) else ()
    for key in (*INTEGERS, *FLOATS, *PERHAPS, *null, *TEXTS):
        values = [_value(point, key) for point in points]
        try:
            if key in INTEGERS:
                columns[key] = np.array(list(map(index, values)), "<i8")
            elif key in TEXTS:
                texts[key] = list(dict.fromkeys(values))
                places = {text: place for place, text in enumerate(texts[key])}
                columns[key] = np.array([places[text] for text in values], "<i4")
                refuse_other(texts[key], key)
            else:
                columns[key] = np.array(values, "<f8")  # None becomes some NaN
                columns[key].view("<u8")[[value is None for value in values]] = ABSENT
        except (TypeError, ValueError, OverflowError, InputError) as error:
            raise InputError(f"{key} of the points of a plane: {error}") from error
    return columns, texts


def _value(point: Point, key: str) -> Any:  # Any: a number, a text, None
    if key in ("step", "layer", "quantity"):
        return getattr(point, key)
    if key in NULL:
        return None if point.estimate.null is None else getattr(point.estimate.null, key[5:])
    return getattr(point.estimate, key)


def objects_of(kind: type[T], columns: Mapping[str, Sequence[object]]) -> list[T]:
    """Return one object of a dataclass for each row of columns, without its checks.

    Args:
        kind: the dataclass.
        columns: by name, one for each field.

    Raises:
        KeyError: a field without a column. ValueError: columns of different lengths.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # a dataclass
    objects = [kind.__new__(kind) for _ in columns[names[0]]]
    states = [vars(one) for one in objects]
    for name in names:
        for state, value in zip(states, columns[name], strict=True):
            state[name] = value
    return objects


def refuse_other(values: Sequence[Any], key: str) -> None:  # Any: texts, or lists of them
    for value in values:
        if key == "notes":
            sound = isinstance(value, tuple) and all(isinstance(text, str) for text in value)
        else:
            sound = isinstance(value, str)
        if not sound or (key == "quantity" and value not in ("i_xz", "i_zy")):
            raise InputError(f"unexpected {str(value)[:60]!r}")
