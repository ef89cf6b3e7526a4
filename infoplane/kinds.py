"""Kinds of inputs and labels: symbols or amounts; and labels that mean "none"."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from infoplane.errors import InputError
from infoplane.types import Kind
from infoplane.types.arrays import Array, Mask

IGNORED = -100
"""The label that torch's losses leave out (``ignore_index``)."""
UNLABELLED = -1
"""What scikit-learn writes where there is no label."""
VOID = 255
"""What data sets of segmented images write where there is no class."""


def kind_of_inputs(dtype_kinds: Iterable[str], stated: str | None = None) -> Kind:
    """Return what the inputs are: as stated, else ``discrete`` where any of them holds integers.

    Integers name things (tokens, categories): their order and distances mean nothing. Pixels and
    counts that come as integers are amounts: state ``x_kind="continuous"``.

    Args:
        dtype_kinds: numpy's one-letter kind of every input array.
        stated: ``discrete`` or ``continuous`` by the user; None for the rule.

    Raises:
        InputError: another word.

    Example:
        >>> kind_of_inputs(["f"]), kind_of_inputs(["i", "f"]), kind_of_inputs(["u"], "continuous")
        ('continuous', 'discrete', 'continuous')
    """
    if stated == "continuous":
        return "continuous"
    if stated not in (None, "discrete"):
        raise InputError(f"x_kind must be 'discrete' or 'continuous', got {stated!r}")
    integers = any(kind in "iub" for kind in dtype_kinds)
    return "discrete" if integers or stated == "discrete" else "continuous"


def ignored_rows(y: Array) -> Mask:
    """Return which class labels are `IGNORED`, shape ``(n,)``.

    Classes are whole numbers, one for each row. Where other labels are negative too, -100 is a
    class like any other.
    """
    none = np.zeros(len(y), bool)
    if y.dtype.kind not in "if" or y.size != len(y) or not bool((y == np.round(y)).all()):
        return none
    ignored = np.asarray(y == IGNORED).reshape(-1)
    return ignored if bool((y.reshape(-1)[~ignored] >= 0).all()) else none


def stray_label(y: Array) -> int | None:
    """Return the class label that may mean none: -1 or 255 beside classes 0, 1, ... K-1.

    None where there is no such label. Three classes -1, 0 and 1 are classes.

    Args:
        y: integers, shape ``(n,)``.

    Example:
        >>> stray_label(np.array([0, 1, 2, -1])), stray_label(np.array([-1, 0, 1]))
        (-1, None)
    """
    found = np.unique(y).tolist()
    for stray, fewest in ((UNLABELLED, 3), (VOID, 2)):
        others = [label for label in found if label != stray]
        byte = len(others) == VOID  # every value of a byte is a class
        if len(found) > len(others) >= fewest and not byte and others == list(range(len(others))):
            return stray
    return None


def rows_without_label(label_sets: Iterable[Array]) -> Mask | None:
    """Return the rows that some label set leaves out, shape ``(n,)``; None where all have labels.

    A set that leaves out every row decides nothing: it is no set of labels, and is refused later.

    Args:
        label_sets: of the same n rows, see `ignored_rows`.
    """
    found = None
    for labels in label_sets:
        ignored = ignored_rows(labels)
        if ignored.any() and not ignored.all():
            found = ignored if found is None else found | ignored
    return found


def looks_like_classes(y: Array) -> bool:
    """Return whether floats look like classes: whole numbers, each of several rows."""
    whole = y.dtype.kind == "f" and bool(np.isfinite(y).all()) and bool((y == np.round(y)).all())
    return whole and len(np.unique(y)) <= max(2, len(y) // 4)
