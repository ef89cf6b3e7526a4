"""Batches and samples joined to one probe.

Padded where a mask says what padding is, refused where nothing does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from infoplane.errors import InputError
from infoplane.hooks.probing import spool
from infoplane.hooks.probing.inputs import (
    Inputs,
    as_inputs,
    has_rows,
    map_tensors,
    named_values,
    ragged,
)

LABELS = ("labels", "label", "y", "targets")
"""Keys of a mapping under which its labels are."""
IGNORED = -100
"""What losses ignore: the label of a position that padding adds."""
Labels = NDArray[np.generic] | None


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
    """A batch: ``x``, ``(x, y)``, ``((x1, x2), y)`` or a mapping.

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
    """Keyword arguments, and the labels that are among them."""
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
    """One row: ``x``, ``(x, label)``, ``((x1, x2), label)``, or a mapping.

    Raises:
        InputError: none of these.
    """
    if isinstance(sample, Mapping):
        label = next((key for key in LABELS if key in sample), None)
        x: object = {key: [value] for key, value in sample.items() if key != label}
        return Part(
            as_inputs(x, how.dtype), None if label is None else _label_of_one(sample[label])
        )
    if isinstance(sample, (tuple, list)) and len(sample) == 2:
        x = sample[0]
        inner: object = tuple([v] for v in x) if isinstance(x, tuple) else [x]
        if isinstance(x, Mapping):
            inner = {key: [value] for key, value in x.items()}
        return Part(as_inputs(inner, how.dtype), _label_of_one(sample[1]))
    alone = sample[0] if isinstance(sample, (tuple, list)) and len(sample) == 1 else sample
    return Part(as_inputs([alone], how.dtype), None)


def _label_of_one(y: object) -> NDArray[np.generic]:
    return as_labels([y.item() if isinstance(y, Tensor) and y.ndim == 0 else y])


def as_labels(y: object) -> NDArray[np.generic]:
    """Labels as an array, rows first.

    Raises:
        InputError: a single value, rows of several lengths, or objects.
    """
    if isinstance(y, list) and y and all(isinstance(v, Tensor) for v in y):
        y = [v.detach().cpu().numpy() for v in y]
    if isinstance(y, Tensor):
        y = y.detach().cpu()
        y = y.float() if y.dtype in (torch.bfloat16, torch.float16) else y
    try:
        labels = y.numpy().copy() if isinstance(y, Tensor) else np.array(y)
    except ValueError as error:
        raise InputError(
            f"labels must be one array with a value for every row, got a {type(y).__name__} of "
            "several lengths"
        ) from error
    if labels.ndim == 0 or labels.dtype.kind == "O":
        raise InputError(
            f"labels must be one array with a value for every row, got {_told(y)}: (x, y) with y "
            "of shape (n,) or (n, k)"
        )
    return labels


def _told(y: object) -> str:
    inside = f" of {type(y[0]).__name__}" if isinstance(y, (list, tuple)) and y else ""
    return f"a {type(y).__name__}{inside}"


def joined(parts: Sequence[Part], what: str, how: Reading) -> Part:
    """All rows of all parts, in order.

    Padded to one length where a mask tells padding from content.

    Args:
        parts: batches or samples.
        what: ``batch`` or ``sample``, for messages.
        how: which inputs have no rows.

    Raises:
        InputError: no part, parts of different structure, or of different lengths without a mask.
    """
    if not parts:
        raise InputError(f"the probe loader gave no {what}")
    for number, part in enumerate(parts):
        _require_equal_structure(parts[0], part, f"{what} {number}", how.fixed)
    tables = [dict(named_values(part.inputs)) for part in parts]
    padding = _Padding.of(tables)
    columns = {}
    for name, first in tables[0].items():
        if has_rows(first) and name not in how.fixed:
            columns[name] = padding.join(name, [table[name] for table in tables])
    inputs = map_tensors(columns.get, parts[0].inputs)
    notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
    return Part(inputs, _joined_labels(parts), notes + padding.notes(what))


def joined_in_turn(parts: Iterable[Part], what: str, how: Reading) -> Part:
    """All rows of parts that come one after the other.

    More than `spool.SPOOL_BYTES` of them go to disk as they come.

    Args:
        parts: batches or samples, made when they are asked for.
        what: ``batch`` or ``sample``, for messages.
        how: which inputs have no rows.

    Raises:
        InputError: as `joined`; rows of several shapes where they go to disk.
    """
    held: list[Part] = []
    size, coming = 0, iter(parts)
    for part in coming:
        held.append(part)
        size += sum(v.nbytes for _, v in named_values(part.inputs) if has_rows(v))
        if size > spool.SPOOL_BYTES:
            return _spooled(held, coming, what, how)
    return joined(held, what, how)


def _popped(held: list[Part]) -> Iterator[Part]:
    """What is held, each let go of as it is taken."""
    while held:
        yield held.pop(0)


def _spooled(held: list[Part], coming: Iterator[Part], what: str, how: Reading) -> Part:
    """The same from disk; what is held is let go of."""
    first = held[0]
    rowed = [n for n, v in named_values(first.inputs) if has_rows(v) and n not in how.fixed]
    files = {name: spool.Spool(name) for name in rowed}
    labels: list[Part] = []
    for number, part in enumerate(chain(_popped(held), coming)):
        _require_equal_structure(first, part, f"{what} {number}", how.fixed)
        table = dict(named_values(part.inputs))
        for name, file in files.items():
            file.append(table[name])
        labels.append(replace(part, inputs=()))
    columns = {name: file.tensor() for name, file in files.items()}
    notes = tuple(dict.fromkeys(note for part in labels for note in part.notes))
    inputs = map_tensors(columns.get, first.inputs)
    return Part(inputs, _joined_labels(labels), notes)


def _require_equal_structure(first: Part, part: Part, named: str, fixed: Sequence[str]) -> None:
    """Refuse a part, named ``batch 3``, that has other inputs than the first, or no labels."""
    wanted, table = dict(named_values(first.inputs)), dict(named_values(part.inputs))
    if other := sorted(wanted.keys() ^ table.keys()):
        raise InputError(
            f"{named} of the probe differs from the first: {other} is in one of them only"
        )
    if (part.y is None) != (first.y is None):
        raise InputError(
            f"{named} of the probe differs from the first: one has labels, the other has none"
        )
    for name, value in table.items():
        before = wanted[name]
        rowed = has_rows(before) and name not in fixed
        if has_rows(before) != has_rows(value) or not (rowed or _same(before, value)):
            raise InputError(
                f"probe input {name!r} is {value!r} in {named} and {before!r} in the first: what "
                "is no tensor with rows must be the same in all"
            )


def _same(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.equal(a, b)
    return type(a) is type(b) and a == b


@dataclass(frozen=True, eq=False)
class _Padding:
    """How batches of different lengths come to one.

    Attributes:
        masks: the attention mask of every part, shape ``(rows, length)``; none where no mask tells
            what padding is.
        left: whether rows are padded on their left.
    """

    masks: tuple[Tensor, ...]
    left: bool

    @classmethod
    def of(cls, tables: Sequence[dict[str, Any]]) -> _Padding:
        """The padding that the masks among the inputs describe."""
        for name, first in tables[0].items():
            if "mask" not in name or not has_rows(first) or first.ndim != 2:
                continue
            masks = [table[name] for table in tables]
            if all(bool(((m == 0) | (m == 1)).all()) for m in masks):
                starts = any(bool((m[:, 0] == 0).any()) for m in masks if m.shape[1])
                ends = all(bool((m[:, -1] == 1).all()) for m in masks if m.shape[1])
                return cls(tuple(masks), starts and ends)
        return cls((), False)

    def notes(self, what: str) -> tuple[str, ...]:
        lengths = sorted({m.shape[1] for m in self.masks})
        if len(lengths) < 2:
            return ()
        return (
            f"{what}es of {lengths[0]} to {lengths[-1]} positions were padded to {lengths[-1]} by "
            "their mask".replace("samplees", "samples"),
        )

    def join(self, name: str, tensors: Sequence[Tensor]) -> Tensor:
        """One tensor of all rows.

        Raises:
            InputError: lengths differ, and no mask of these lengths says what padding is.
        """
        shapes = sorted({tuple(t.shape[1:]) for t in tensors})
        if len(shapes) == 1:
            return torch.cat(list(tensors))
        rest = {shape[1:] for shape in shapes}
        follows = len(self.masks) == len(tensors) and all(
            t.shape[:2] == m.shape for t, m in zip(tensors, self.masks, strict=True)
        )
        if len(rest) != 1 or not follows:
            raise InputError(ragged(name, shapes))
        length, value = max(shape[0] for shape in shapes), self._value(tensors)
        return torch.cat([self._padded(t, length, value) for t in tensors])

    def _value(self, tensors: Sequence[Tensor]) -> float:
        """What the parts themselves hold where the mask is 0; 0 where nothing is masked."""
        for tensor, mask in zip(tensors, self.masks, strict=True):
            masked = tensor[mask == 0]
            if len(masked):
                return float(masked.reshape(-1)[0])
        return 0.0

    def _padded(self, tensor: Tensor, length: int, value: float) -> Tensor:
        rows, own, *rest = tensor.shape
        more = tensor.new_full((rows, length - own, *rest), value)
        return torch.cat([more, tensor] if self.left else [tensor, more], dim=1)


def _joined_labels(parts: Sequence[Part]) -> Labels:
    labels = [part.y for part in parts if part.y is not None]
    if not labels:
        return None
    shapes = sorted({y.shape[1:] for y in labels})
    if len(shapes) == 1:
        return np.concatenate(labels)
    if any(len(shape) != 1 for shape in shapes) or labels[0].dtype.kind not in "iu":
        raise InputError(
            f"labels of the probe have rows of {len(shapes)} shapes ({shapes[:4]}): give one shape"
        )
    length = max(shape[0] for shape in shapes)
    wide = [np.full((len(y), length), IGNORED, dtype=np.int64) for y in labels]
    for target, y in zip(wide, labels, strict=True):
        target[:, : y.shape[1]] = y
    return np.concatenate(wide)
