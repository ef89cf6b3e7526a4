"""Batches and samples joined to one probe.

They are padded where a mask says what padding is, refused where nothing does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from infoplane.errors import InputError
from infoplane.hooks.probing.inputs import Inputs, as_inputs
from infoplane.hooks.probing.labels import Labels, as_labels, label_of_one

LABELS = ("labels", "label", "y", "targets")
"""Keys of a mapping under which its labels are."""


@dataclass(frozen=True)
class Reading:
    """How a probe is read.

    Attributes:
        dtype: in which the network computes, for arrays of floats.
        fixed: names of inputs without a row axis.
    """

    dtype: torch.dtype | None = None
    fixed: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of a probe: one batch of a loader, or one sample.

    Attributes:
        inputs: as of `infoplane.hooks.probing.probe.Probe`.
        y: labels of these rows, or None.
        notes: what was done that the user should know.
    """

    inputs: Inputs
    y: Labels
    notes: tuple[str, ...] = ()


def part_of_batch(batch: object, how: Reading) -> Part:
    """Read a batch: ``x``, ``(x, y)``, ``((x1, x2), y)`` or a mapping.

    Loaders make lists of what were tuples.

    Raises:
        InputError: none of these.
    """
    if isinstance(batch, Mapping):
        return part_of_mapping(batch, how)
    if not isinstance(batch, (tuple, list)) or isinstance(batch, PackedSequence):
        return Part(as_inputs(batch, how.dtype), None)
    if len(batch) == 1:
        return Part(as_inputs(_several(batch[0], None), how.dtype), None)
    if len(batch) != 2:
        raise InputError(
            f"probe must be (x, y), got a tuple of {len(batch)}; several inputs go into one tuple: "
            "((x1, x2), y)"
        )
    inputs, labels = batch
    labels = None if labels is None else as_labels(labels)
    return Part(as_inputs(_several(inputs, labels), how.dtype), labels)


def _several(inputs: object, labels: Labels) -> object:
    """A list of tensors that each have the rows of the batch is several inputs.

    Another list is rows.
    """
    if not isinstance(inputs, list) or not all(map(_is_array, inputs)):
        return inputs
    rows = {len(tensor) if tensor.ndim else 0 for tensor in inputs}
    if len(rows) != 1 or (labels is not None and rows != {len(labels)}):
        return inputs
    return tuple(inputs)


def _is_array(value: object) -> bool:
    return isinstance(value, (Tensor, np.ndarray))


TAKEN_AS_LABELS = "is taken as the labels y"
"""Part of the note on labels that were found in a batch."""


def part_of_mapping(batch: Mapping[Any, Any], how: Reading) -> Part:
    """Read keyword arguments, and the labels that are among them."""
    label = _label_key(batch)
    inputs = as_inputs(_without(label, batch), how.dtype)
    if label is None:
        return Part(inputs, None)
    note = (
        f"batch[{label!r}] {TAKEN_AS_LABELS}, and the network is called without it; "
        f"probe=({{..., {label!r}: ...}}, y) gives them to the network too"
    )
    return Part(inputs, as_labels(batch[label]), (note,))


def _without(label: str | None, batch: Mapping[Any, Any]) -> dict[Any, Any]:
    """The entries of a mapping that are no labels."""
    return {key: value for key, value in batch.items() if key != label}


def _label_key(batch: Mapping[Any, Any]) -> str | None:
    """The key of the labels in a mapping; None where it has none."""
    return next((key for key in LABELS if key in batch), None)


def is_sample(item: object) -> bool:
    """Whether an item of a list is one row and no batch.

    Its label is a single value, or it is a mapping of plain lists, or of token ids of one text.
    """
    if isinstance(item, Mapping):
        if any(str(key).endswith("input_ids") and _is_line(item[key]) for key in item):
            return True
        label = item.get(_label_key(item))
        if label is not None:
            return _is_single(label)
        return all(_is_single(value) or _is_flat(value) for value in item.values())
    return isinstance(item, (tuple, list)) and len(item) == 2 and _is_single(item[1])


def _is_single(value: object) -> bool:
    if isinstance(value, (Tensor, np.ndarray)):
        return value.ndim == 0
    return isinstance(value, (bool, int, float, str, np.generic))


def _is_line(value: object) -> bool:
    return value.ndim == 1 if isinstance(value, (Tensor, np.ndarray)) else _is_flat(value)


def _is_flat(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, (int, float)) for part in value)


def part_of_sample(sample: object, how: Reading) -> Part:
    """Read one row: ``x``, ``(x, label)``, ``((x1, x2), label)``, or a mapping.

    Raises:
        InputError: none of these.
    """
    if isinstance(sample, Mapping):
        label = _label_key(sample)
        labels = None if label is None else label_of_one(sample[label])
        return Part(as_inputs(_as_batch(_without(label, sample)), how.dtype), labels)
    if isinstance(sample, (tuple, list)) and len(sample) == 2:
        return Part(as_inputs(_as_batch(sample[0]), how.dtype), label_of_one(sample[1]))
    if isinstance(sample, (tuple, list)) and len(sample) == 1:
        (sample,) = sample
    return Part(as_inputs([sample], how.dtype), None)


def _as_batch(row: object) -> object:
    """One row of inputs as a batch of one."""
    if isinstance(row, Mapping):
        return {key: [value] for key, value in row.items()}
    if isinstance(row, tuple):
        return tuple([value] for value in row)
    return [row]
