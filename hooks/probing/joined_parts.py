"""Batches and samples joined to one probe; large ones on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from infoplane.errors import InputError
from infoplane.hooks.probing import spool
from infoplane.hooks.probing.batches import Part, Reading
from infoplane.hooks.probing.inputs import has_rows, map_tensors, named_values
from infoplane.hooks.probing.labels import Labels
from infoplane.hooks.probing.padding import Padding
from infoplane.kinds import IGNORED


def joined(parts: Sequence[Part], what: str, how: Reading) -> Part:
    """Return all rows of all parts, in order.

    They are padded to one length where a mask tells padding from content.

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
    padding = Padding.of(tables)
    columns = {}
    for name in _names_with_rows(parts[0], how):
        columns[name] = padding.join(name, [table[name] for table in tables])
    inputs = map_tensors(columns.get, parts[0].inputs)
    return Part(inputs, _joined_labels(parts, padding), _notes(parts) + padding.notes(what))


def joined_in_turn(parts: Iterable[Part], what: str, how: Reading) -> Part:
    """Return all rows of parts that come one after the other.

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
        size += sum(value.nbytes for _, value in named_values(part.inputs) if has_rows(value))
        if size > spool.SPOOL_BYTES:
            return _spooled(held, coming, what, how)
    return joined(held, what, how)


def _names_with_rows(part: Part, how: Reading) -> list[str]:
    """Names of the inputs that have a row axis."""
    named = named_values(part.inputs)
    return [name for name, value in named if has_rows(value) and name not in how.fixed]


def _popped(held: list[Part]) -> Iterator[Part]:
    """What is held, each let go of as it is taken."""
    while held:
        yield held.pop(0)


def _spooled(held: list[Part], coming: Iterator[Part], what: str, how: Reading) -> Part:
    """The same from disk; what is held is let go of.

    Args:
        held: the parts so far; emptied.
        coming: further parts.
        what: ``batch`` or ``sample``, for messages.
        how: which inputs have no rows.
    """
    first = held[0]
    files = {name: spool.Spool(name) for name in _names_with_rows(first, how)}
    labels: list[Part] = []
    for number, part in enumerate(chain(_popped(held), coming)):
        _require_equal_structure(first, part, f"{what} {number}", how.fixed)
        table = dict(named_values(part.inputs))
        for name, file in files.items():
            file.append(table[name])
        labels.append(replace(part, inputs=()))
    columns = {name: file.tensor() for name, file in files.items()}
    inputs = map_tensors(columns.get, first.inputs)
    return Part(inputs, _joined_labels(labels, Padding((), False)), _notes(labels))


def _notes(parts: Sequence[Part]) -> tuple[str, ...]:
    """What was done to any part, each said once."""
    notes: dict[str, None] = {}
    for part in parts:
        notes |= dict.fromkeys(part.notes)
    return tuple(notes)


def _require_equal_structure(first: Part, part: Part, named: str, fixed: Sequence[str]) -> None:
    """Refuse a part, named ``batch 3``, that has other inputs than the first, or no labels."""
    wanted = dict(named_values(first.inputs))
    table = dict(named_values(part.inputs))
    unpaired = sorted(wanted.keys() ^ table.keys())
    if unpaired:
        raise InputError(
            f"{named} of the probe differs from the first: {unpaired} is in one of them only"
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


def _same(value: object, other: object) -> bool:
    if isinstance(value, Tensor) and isinstance(other, Tensor):
        return torch.equal(value, other)
    return type(value) is type(other) and value == other


def _joined_labels(parts: Sequence[Part], padding: Padding) -> Labels:
    """The labels of all parts; those of token positions are padded with labels that say "none".

    Args:
        parts: batches or samples.
        padding: of their inputs: labels of the same positions are padded on the same side.
    """
    labels = [part.y for part in parts if part.y is not None]
    if not labels:
        return None
    shapes = sorted({block.shape[1:] for block in labels})
    if len(shapes) == 1:
        return np.concatenate(labels)
    if any(len(shape) != 1 for shape in shapes) or labels[0].dtype.kind not in "iu":
        raise InputError(
            f"labels of the probe have rows of {len(shapes)} shapes ({shapes[:4]}): give one shape"
        )
    length = max(shape[0] for shape in shapes)
    of_tokens = [block.shape for block in labels] == [mask.shape for mask in padding.masks]
    padded = []
    for block in labels:
        missing = length - block.shape[1]
        sides = (missing, 0) if padding.left and of_tokens else (0, missing)
        wide = np.pad(block.astype(np.int64), ((0, 0), sides), constant_values=IGNORED)
        padded.append(wide)
    return np.concatenate(padded)
