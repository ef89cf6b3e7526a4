"""Labels of samples: one for each; labels with more axes are refused with a remedy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from infoplane.errors import InputError
from infoplane.positions.masks import zeros_and_ones
from infoplane.row_info import DEFAULT_LABEL
from infoplane.types.arrays import Array, to_numpy


def named_labels(y: object, given: object) -> dict[str, object]:
    """Return the label sets of ``y=`` by name, or those of the probe where ``y`` is None."""
    if y is None:
        return {} if given is None else {DEFAULT_LABEL: given}
    if isinstance(y, Mapping):
        return {str(name): value for name, value in y.items()}
    return {y if isinstance(y, str) else DEFAULT_LABEL: y}


def sample_labels(
    y: object, given: Array | None, samples: int, y_kind: str | None
) -> dict[str, Array]:
    """Return the label sets of ``y=``, or of the probe where ``y`` is None.

    Args:
        y: an array ``(n,)``, or a mapping of names to these.
        given: labels of the probe.
        samples: how many there are, n.
        y_kind: ``discrete`` or ``continuous``, where the user gives it.

    Raises:
        InputError: rules that need tokens, or labels that are not one per sample.
    """
    found = {}
    for name, value in named_labels(y, given).items():
        if isinstance(value, str):
            raise InputError(
                f"labels {value!r} are made from tokens: give rows='token' too, or an array"
            )
        values = to_numpy(value)
        if values.shape[:1] != (samples,):
            raise InputError(
                f"labels {name!r}: expected one for each of {samples} samples, got shape "
                f"{values.shape}"
            )
        refuse_more_axes(values, y_kind)
        found[name] = values
    return found


def refuse_more_axes(values: Array, y_kind: str | None) -> None:
    """Refuse class labels of shape ``(n, T)``, which would become one joint symbol for a sample.

    Raises:
        InputError: with the remedy.
    """
    per_sample = int(np.prod(values.shape[1:], dtype=np.int64)) if values.ndim > 1 else 1
    continuous = y_kind == "continuous" or (values.dtype.kind == "f" and y_kind is None)
    if per_sample == 1 or continuous:
        return
    if values.dtype.kind in "iubf" and values.ndim == 2 and _one_hot(values):
        remedy = "they are one-hot: give y.argmax(1)"
    elif values.dtype.kind == "f" and (values != np.round(values)).any():
        remedy = "they hold fractions (soft labels?): use their argmax as classes, y.argmax(1)"
    else:
        remedy = (
            "give rows='token' where there is one label for each position, or one label per "
            "sample: y of shape (n,), or for several labels of a sample a name for each, "
            "y={'first': y[:, 0], ...}"
        )
    raise InputError(
        f"labels of shape {values.shape} are {per_sample} for each of {len(values)} samples: "
        f"{remedy}"
    )


def _one_hot(values: Array) -> bool:
    return zeros_and_ones(values) and bool((values.sum(axis=1) == 1).all())
