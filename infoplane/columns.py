"""The points of a plane as columns of numbers, with lists of the texts that they point to."""

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
"""Columns of places in a list of different texts (of lists of texts for ``notes``), which ``/meta``
has.
"""
ABSENT = np.uint64(0x7FF8_0000_0000_0001)
"""Bits of the NaN, one that no processor makes, that stands for no number."""


Columns = tuple[dict[str, Array], dict[str, list[Any]]]


def columns_of(points: Sequence[Point]) -> Columns:
    """Return the points by column, and the texts whose places are in `TEXTS`.

    Together all that they say.

    Raises:
        InputError: a step or a number of rows that is no integer, a name that is no text.
    """
    columns: dict[str, Array] = {}
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
                refuse_other(texts[key], key)
            else:
                columns[key] = np.array(values, "<f8")  # None becomes some NaN
                columns[key].view("<u8")[[v is None for v in values]] = ABSENT
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
    """Return one object of a dataclass for each row of columns that have all its fields.

    A third of the time that making each takes, and no checks.

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


def refuse_other(values: Sequence[Any], key: str) -> None:  # Any: texts, or lists of them
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
            raise InputError(f"unexpected {str(value)[:60]!r}")
