"""Labels of positions: given for each position or sample, or made from the tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infoplane.errors import InputError
from infoplane.positions.label_rules import made_labels
from infoplane.positions.masks import Sequences
from infoplane.positions.samples import named_labels
from infoplane.types.arrays import Array, Mask, to_numpy


@dataclass(frozen=True, eq=False)
class LabelSet:
    """One label for every position.

    Attributes:
        name: in axes and legends.
        values: shape ``(n, T)``, or ``(n, T, k)`` of a regression target.
        present: shape ``(n, T)``: whether the position has a label.
    """

    name: str
    values: Array
    present: Mask


def label_sets(
    y: object, given: object, shape: tuple[int, int], sequences: Sequences | None, ignore_index: int
) -> list[LabelSet]:
    """Return the label sets of ``y=``, or of the probe where ``y`` is None.

    Args:
        y: the name of a rule, an array, or a mapping of names to these.
        given: labels of the probe.
        ignore_index: the integer label that means none.
        shape: samples and positions ``(n, T)``.
        sequences: the tokens, where the rows are tokens.

    Raises:
        InputError: an unknown rule, or labels that pair with neither samples nor positions.
    """
    return [
        _label_set(name, value, shape, sequences, ignore_index)
        for name, value in named_labels(y, given).items()
    ]


def _label_set(
    name: str, value: object, shape: tuple[int, int], sequences: Sequences | None, ignore_index: int
) -> LabelSet:
    if isinstance(value, str):
        return LabelSet(name, *made_labels(value, sequences))
    values = to_numpy(value)
    if values.shape[:1] == shape[:1] and (values.ndim == 1 or values.shape[1:] == (1,)):
        values = np.repeat(values.reshape(-1, 1), shape[1], axis=1)  # one label per sample
    elif values.ndim > 2 and values.shape[:1] == shape[:1] and values[0].size == shape[1]:
        values = values.reshape(shape)  # one label per pixel of a grid
    if values.shape[:2] != shape:
        raise InputError(
            f"labels {name!r} of shape {values.shape} pair with neither the {shape[0]} samples nor "
            f"their {shape[1]} positions each"
        )
    return LabelSet(name, values, is_present(values, ignore_index))


def is_present(values: Array, ignore_index: int) -> Mask:
    """Return which positions have a label, ``(n, T)``: no ``ignore_index``, NaN or None."""
    if values.dtype.kind == "f":
        present = ~np.isnan(values) & (values != ignore_index)
    elif values.dtype.kind in "iu":
        present = values != ignore_index
    elif values.dtype.kind == "O":
        flat = [value is not None for value in values.reshape(-1)]
        present = np.array(flat, np.bool_).reshape(values.shape)
    else:
        present = np.ones(values.shape, np.bool_)
    all_present: Mask = present.reshape(*values.shape[:2], -1).all(axis=2)
    return all_present
