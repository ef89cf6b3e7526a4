"""Labels of the rows as an archive has them: classes as int64, targets as floats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from infoplane.archive import layout
from infoplane.errors import InputError
from infoplane.kinds import IGNORED, ignored_rows, looks_like_classes
from infoplane.positions.samples import refuse_more_axes
from infoplane.types import Kind
from infoplane.types.arrays import Array, Ids, to_numpy


@dataclass(frozen=True, eq=False)
class LabelArray:
    """One label set.

    Attributes:
        name: of the label set.
        values: shape ``(n,)`` or ``(n, k)``, int64 or floats.
        kind: what they are.
        class_names: the strings behind classes that came as strings.
    """

    name: str
    values: Array
    kind: Kind
    class_names: tuple[str, ...] | None = None


def label_array(name: str, values: ArrayLike, y_kind: str | None) -> LabelArray:
    """Return labels as they are stored.

    Args:
        name: of the label set.
        values: shape ``(n,)`` or ``(n, k)``: strings, integers and booleans are classes.
        y_kind: ``discrete`` or ``continuous``; needed for floats.

    Raises:
        InputError: floats without ``y_kind``, labels that are no class, objects, NaN.
    """
    if y_kind not in (None, "discrete", "continuous"):
        raise InputError(f"y_kind must be 'discrete' or 'continuous', got {y_kind!r}")
    v = rows_array(values, "y")
    refuse_more_axes(v, y_kind)
    names: tuple[str, ...] | None = None
    if v.dtype.kind in "USO" and y_kind == "continuous":
        raise InputError("y_kind='continuous' but y holds texts: give the amounts as numbers")
    if v.dtype.kind in "USO":
        v, names = _codes_of_strings(v)
    elif v.dtype.kind == "f":
        v = _checked_floats(v, y_kind)
    elif v.dtype.kind in "iub":
        v = _checked_integers(v, y_kind)
    else:
        raise InputError(f"y: expected integers, booleans, strings or floats, got dtype {v.dtype}")
    kind: Kind = "continuous" if v.dtype.kind == "f" else "discrete"
    return LabelArray(name, layout.storable(v, name), kind, names)


def rows_array(values: ArrayLike, what: str) -> Array:
    """Return rows as an array of numpy.

    Raises:
        InputError: rows of several shapes, or a single value.
    """
    try:
        found = to_numpy(values)
    except ValueError as error:
        raise InputError(
            f"{what}: expected a rectangular array, got rows of different shapes"
        ) from error
    if found.ndim == 0:
        raise InputError(f"{what}: expected rows, got a single value")
    return found


def _codes_of_strings(v: Array) -> tuple[Ids, tuple[str, ...]]:
    if v.dtype.kind == "O" and not all(isinstance(s, (str, np.str_)) for s in v.reshape(-1)):
        raise InputError("y: expected integers, booleans, strings or floats, got mixed objects")
    names, codes = np.unique(v.astype(str), return_inverse=True)
    return codes.reshape(v.shape).astype(np.int64), tuple(str(name) for name in names)


def _checked_integers(v: Array, y_kind: str | None) -> Array:
    if y_kind == "continuous":
        return v.astype(np.float64)
    ignored = int(ignored_rows(v).sum())
    if ignored:
        raise InputError(
            f"y: {ignored} of {len(v)} labels are {IGNORED}, which losses ignore and which is no "
            "class; leave these rows out of x, y and the layers"
        )
    return v.view(np.int64) if v.dtype == np.uint64 else v.astype(np.int64)


def _checked_floats(v: Array, y_kind: str | None) -> Array:
    if y_kind is None:
        classes = (
            f" (here {len(np.unique(v))} different whole numbers)" if looks_like_classes(v) else ""
        )
        raise InputError(
            "y holds floats: state y_kind='continuous' for a regression target, "
            f"or y_kind='discrete' for class labels stored as floats{classes}"
        )
    if not np.isfinite(v).all():
        bad = int((~np.isfinite(v)).reshape(len(v), -1).any(axis=1).sum())
        raise InputError(
            f"y holds NaN or infinity in {bad} of {len(v)} rows; every probe row needs a label: "
            "leave these rows out"
        )
    if y_kind == "continuous":
        return v
    if not (v == np.round(v)).all():
        raise InputError(
            "y_kind='discrete' but y holds fractions (soft labels?): use their argmax as classes, "
            "or y_kind='continuous'"
        )
    if np.abs(v).max(initial=0) >= 2.0**63:
        raise InputError("y_kind='discrete' but y holds numbers beyond 64 bits: number the classes")
    return _checked_integers(v.astype(np.int64), y_kind)
