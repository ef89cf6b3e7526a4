"""Labels of a probe as an array, rows first."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from infoplane.errors import InputError
from infoplane.types.arrays import Array, refuse_masked
from infoplane.user_warning import warn_user

Labels = Array | None


def label_of_one(y: object) -> Array:
    return as_labels([y.item() if isinstance(y, Tensor) and y.ndim == 0 else y])


def as_labels(y: object) -> Array:
    """Return labels as an array, rows first.

    Raises:
        InputError: a single value, rows of several lengths, or objects.
    """
    if isinstance(y, list) and y and all(isinstance(row, Tensor) for row in y):
        y = [row.detach().cpu().numpy() for row in y]
    if isinstance(y, Tensor):
        y = y.detach().cpu()
        y = y.float() if y.dtype in (torch.bfloat16, torch.float16) else y
    refuse_masked(y)
    try:
        labels = y.numpy().copy() if isinstance(y, Tensor) else np.array(y)
    except ValueError as error:
        raise InputError(
            f"labels must be one array with a value for every row, got a {type(y).__name__} of "
            "several lengths"
        ) from error
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels.flat):
        labels = labels.astype(np.str_)  # a column of a table
    if labels.ndim == 0 or labels.dtype.kind == "O":
        raise InputError(
            f"labels must be one array with a value for every row, got {_described(y)}: (x, y) "
            "with y of shape (n,) or (n, k); several label sets are y={name: array, ...}"
        )
    return labels


def warn_of_other_labels(of_probe: Labels, y: object) -> None:
    """Warn where ``y=`` takes the place of other labels, those of the probe.

    Args:
        of_probe: shape ``(n, ...)``; None where the probe has none.
        y: as the recorder takes it; the name of a rule is asked for in so many words.
    """
    if of_probe is None or y is None or isinstance(y, str):
        return
    given = y.values() if isinstance(y, Mapping) else [y]
    for labels in given:
        if not isinstance(labels, str) and np.array_equal(as_labels(labels), of_probe):
            return
    warn_user(
        "y= takes the place of the labels of the probe, which are others; to keep both give them "
        "names: y={'first': ..., 'second': ...}",
        RuntimeWarning,
    )


def _described(y: object) -> str:
    inside = f" of {type(y[0]).__name__}" if isinstance(y, (list, tuple)) and y else ""
    return f"a {type(y).__name__}{inside}"
