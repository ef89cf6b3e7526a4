"""Labels of the rows as an archive has them: classes as int64, targets as floats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from infoplane.archive import layout
from infoplane.errors import InputError
from infoplane.kinds import IGNORED, ignored_rows, looks_like_classes, stray_label
from infoplane.positions.samples import refuse_more_axes
from infoplane.types import Kind
from infoplane.types.arrays import Array, Ids, to_numpy
from infoplane.user_warning import warn_user


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
    labels = rows_array(values, "y")
    refuse_more_axes(labels, y_kind)
    names: tuple[str, ...] | None = None
    if labels.dtype.kind in "USO" and y_kind == "continuous":
        raise InputError("y_kind='continuous' but y holds texts: give the amounts as numbers")
    if labels.dtype.kind in "USO":
        labels, names = _codes_of_strings(labels)
    elif labels.dtype.kind == "f":
        labels = _checked_floats(labels, y_kind)
    elif labels.dtype.kind in "iub":
        labels = _checked_integers(labels, y_kind)
    else:
        raise InputError(
            f"y: expected integers, booleans, strings or floats, got dtype {labels.dtype}"
        )
    kind: Kind = "continuous" if labels.dtype.kind == "f" else "discrete"
    return LabelArray(name, layout.storable(labels, name), kind, names)


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


def _codes_of_strings(labels: Array) -> tuple[Ids, tuple[str, ...]]:
    if labels.dtype.kind == "O" and not all(
        isinstance(label, (str, np.str_)) for label in labels.reshape(-1)
    ):
        raise InputError("y: expected integers, booleans, strings or floats, got mixed objects")
    names, codes = np.unique(labels.astype(str), return_inverse=True)
    missing = np.asarray(names[codes] == "")
    if missing.any() and len(names) > 1:
        warn_user(
            f"y: {int(missing.sum())} of {labels.size} labels are empty texts: counted as one more "
            "class; where they mean none, leave these rows out of x, y and the layers"
        )
    return codes.reshape(labels.shape).astype(np.int64), tuple(str(name) for name in names)


def _checked_integers(labels: Array, y_kind: str | None) -> Array:
    if y_kind == "continuous":
        return labels.astype(np.float64)
    ignored = int(ignored_rows(labels).sum())
    if ignored:
        raise InputError(
            f"y: {ignored} of {len(labels)} labels are {IGNORED}, which losses ignore and which is "
            "no class; leave these rows out of x, y and the layers"
        )
    stray = stray_label(labels)
    if stray is not None:
        last = len(np.unique(labels)) - 2
        warn_user(
            f"y: {int((labels == stray).sum())} of {labels.size} labels are {stray}, beside "
            f"classes 0 to {last}: counted as one more class; where it means none, leave these "
            "rows out of x, y and the layers"
        )
    return labels.view(np.int64) if labels.dtype == np.uint64 else labels.astype(np.int64)


def _checked_floats(labels: Array, y_kind: str | None) -> Array:
    if y_kind is None:
        classes = ""
        if looks_like_classes(labels):
            classes = f" (here {len(np.unique(labels))} different whole numbers)"
        raise InputError(
            "y holds floats: state y_kind='continuous' for a regression target, "
            f"or y_kind='discrete' for class labels stored as floats{classes}"
        )
    if not np.isfinite(labels).all():
        bad = int((~np.isfinite(labels)).reshape(len(labels), -1).any(axis=1).sum())
        raise InputError(
            f"y holds NaN or infinity in {bad} of {len(labels)} rows; every probe row needs a "
            "label: leave these rows out"
        )
    if y_kind == "continuous":
        return labels
    if not (labels == np.round(labels)).all():
        raise InputError(
            "y_kind='discrete' but y holds fractions (soft labels?): use their argmax as classes, "
            "or y_kind='continuous'"
        )
    if np.abs(labels).max(initial=0) >= 2.0**63:
        raise InputError("y_kind='discrete' but y holds numbers beyond 64 bits: number the classes")
    return _checked_integers(labels.astype(np.int64), y_kind)
