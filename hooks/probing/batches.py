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
from infoplane.hooks.probing.inputs import (
    Inputs,
    as_inputs,
)
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
    if isinstance(batch, PackedSequence):
        raise InputError(
            "the probe is a PackedSequence, which has no row axis: give the padded ids and their "
            "lengths, pad_packed_sequence(packed, batch_first=True), pack them in forward=, and "
            "say mask="
        )
    if not isinstance(batch, (tuple, list)):
        return Part(as_inputs(batch, how.dtype), None)
    if len(batch) == 1:
        return Part(as_inputs(_several(batch[0], None), how.dtype), None)
    if len(batch) != 2:
        raise InputError(
            f"probe must be (x, y), got a tuple of {len(batch)}; several inputs go into one tuple: "
            "((x1, x2), y)"
        )
    x, y = batch
    labels = None if y is None else as_labels(y)
    return Part(as_inputs(_several(x, labels), how.dtype), labels)


def _several(x: object, y: Labels) -> object:
    """A list of tensors that each have the rows of the batch is several inputs.

    Another list is rows.
    """
    if not isinstance(x, list) or not x or not all(isinstance(t, (Tensor, np.ndarray)) for t in x):
        return x
    rows = {len(t) if t.ndim else 0 for t in x}
    wanted = rows if y is None else {len(y)}
    return tuple(x) if rows == wanted and len(rows) == 1 else x


def part_of_mapping(batch: Mapping[Any, Any], how: Reading) -> Part:
    """Read keyword arguments, and the labels that are among them."""
    label = next((key for key in LABELS if key in batch), None)
    inputs = as_inputs({key: value for key, value in batch.items() if key != label}, how.dtype)
    if label is None:
        return Part(inputs, None)
    note = (
        f"{label!r} of the batch are taken as y, and the network is called without them; "
        f"probe=({{..., {label!r}: ...}}, y) gives them to the network too"
    )
    return Part(inputs, as_labels(batch[label]), (note,))


def is_sample(item: object) -> bool:
    """Whether an item of a list is one row and no batch.

    Its label is a single value, or it is a mapping of plain lists.
    """
    if isinstance(item, Mapping):
        label = next((item[key] for key in LABELS if key in item), None)
        if label is not None:
            return _is_single(label)
        return all(_is_single(v) or _is_flat(v) for v in item.values())
    return isinstance(item, (tuple, list)) and len(item) == 2 and _is_single(item[1])


def _is_single(value: object) -> bool:
    single = isinstance(value, (bool, int, float, str, np.generic))
    return single or (isinstance(value, (Tensor, np.ndarray)) and value.ndim == 0)


def _is_flat(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, (bool, int, float)) for v in value)


def part_of_sample(sample: object, how: Reading) -> Part:
    """Read one row: ``x``, ``(x, label)``, ``((x1, x2), label)``, or a mapping.

    Raises:
        InputError: none of these.
    """
    if isinstance(sample, Mapping):
        label = next((key for key in LABELS if key in sample), None)
        x: object = {key: [value] for key, value in sample.items() if key != label}
        return Part(as_inputs(x, how.dtype), None if label is None else label_of_one(sample[label]))
    if isinstance(sample, (tuple, list)) and len(sample) == 2:
        x = sample[0]
        inner: object = tuple([v] for v in x) if isinstance(x, tuple) else [x]
        if isinstance(x, Mapping):
            inner = {key: [value] for key, value in x.items()}
        return Part(as_inputs(inner, how.dtype), label_of_one(sample[1]))
    alone = sample[0] if isinstance(sample, (tuple, list)) and len(sample) == 1 else sample
    return Part(as_inputs([alone], how.dtype), None)
