"""The probe set: fixed rows in fixed batches, held as tensors.

Probing draws no random number and reads no loader.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, default_collate

from infoplane.errors import InputError, UnsupportedModel
from infoplane.hooks.network.isolate import random_state_kept, seed_all
from infoplane.hooks.probing import spool
from infoplane.hooks.probing.batches import (
    Part,
    Reading,
    is_sample,
    part_of_batch,
    part_of_mapping,
    part_of_sample,
)
from infoplane.hooks.probing.generators import loader_kept, read_apart
from infoplane.hooks.probing.inputs import Inputs, as_inputs, has_rows, map_tensors, named_values
from infoplane.hooks.probing.joined_parts import joined, joined_in_turn
from infoplane.hooks.probing.labels import as_labels
from infoplane.kinds import kind_of_inputs
from infoplane.types import Kind
from infoplane.types.arrays import Array, Ids

Forward = Callable[[nn.Module, Any], object]  # Any: the inputs as the user's model takes them


@dataclass(frozen=True, eq=False)
class Probe:
    """Rows that are shown to the network at every capture.

    Attributes:
        inputs: a tensor, a tuple (positional arguments) or a dict (keyword arguments) of tensors,
            rows first. What is no tensor, or a tensor of no axis, holds for all rows.
        y: labels, shape ``(n, ...)``, or None.
        fixed: names of inputs without a row axis (the edges of a graph): every batch gets them
            whole.
        notes: what was done to make it that the user should know.
    """

    inputs: Inputs
    y: Array | None
    fixed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rows = {name: len(tensor) for name, tensor in self.tensors().items()}
        if not rows or len(set(rows.values())) != 1:
            raise InputError(
                f"all probe inputs need the same number of rows, got {rows}; what holds for all "
                "rows goes in as a number, a tuple of numbers or a tensor of no axis"
            )
        if self.n == 0:
            raise InputError("the probe has no rows")
        if self.y is not None and len(self.y) != self.n:
            raise InputError(
                f"the probe has {self.n} inputs and {len(self.y)} labels; they must pair"
            )

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(next(iter(self.tensors().values())))

    def tensors(self) -> dict[str, Tensor]:
        """Return the input tensors that have rows, by name."""
        named = named_values(self.inputs)
        return {name: value for name, value in named if has_rows(value) and name not in self.fixed}

    def constants(self) -> dict[str, object]:
        """Return what holds for all rows, by name: numbers, strings, None, tensors of no axis."""
        return {name: value for name, value in named_values(self.inputs) if not has_rows(value)}

    def changed(self, change: Callable[[str, Tensor], Tensor]) -> Probe:
        """Return the probe with each input that has rows changed by ``change(name, tensor)``.

        Labels are left out.
        """
        rowed = self.tensors()

        def change_rows(name: str, tensor: Tensor) -> Tensor:
            return change(name, tensor) if name in rowed else tensor

        return replace(self, inputs=map_tensors(change_rows, self.inputs), y=None)

    def take(self, rows: slice | Ids) -> Probe:
        """Return some of its rows."""
        index = torch.from_numpy(rows) if isinstance(rows, np.ndarray) else rows
        taken = self.changed(lambda _, tensor: tensor[index])
        return replace(taken, y=None if self.y is None else self.y[rows])

    def kind_of_inputs(self, stated: str | None) -> Kind:
        """Return whether inputs are symbols or amounts, see `infoplane.kinds.kind_of_inputs`."""
        kinds = []
        for tensor in self.tensors().values():
            kinds.append("f" if tensor.is_floating_point() or tensor.is_complex() else "i")
        return kind_of_inputs(kinds, stated)

    def batches(self, size: int, device: torch.device) -> Iterator[tuple[slice, Inputs]]:
        """Yield fixed consecutive batches on ``device``.

        The layout is part of the result, since it moves the last bits.

        A last batch of one row joins the batch before it: batch statistics need two rows, and
        ``squeeze()`` takes the row axis from one.
        """
        starts = list(range(0, self.n, size))
        if len(starts) > 1 and size > 1 and self.n - starts[-1] == 1:
            starts.pop()
        for start, stop in zip(starts, [*starts[1:], self.n], strict=True):
            rows = slice(start, stop)
            yield rows, map_tensors(partial(self._part, rows, device), self.inputs)

    def whole(self, device: torch.device) -> Inputs:
        """Return all rows as one batch on ``device``."""
        return next(self.batches(self.n, device))[1]

    def _part(self, rows: slice, device: torch.device, name: str, tensor: Tensor) -> Tensor:
        whole = name in self.fixed or not tensor.ndim
        part = tensor if whole else tensor[rows]
        return part.to(device, copy=True)  # a copy: the model may write into its input

    def array(self) -> Array:
        """Return the inputs as one array.

        As given when there is one tensor, else the flattened columns side by side.
        """
        arrays = list(map(to_numpy, self.tensors().values()))
        if len(arrays) == 1:
            return arrays[0]
        flat = [array.reshape(self.n, -1) for array in arrays]
        if sum(array.nbytes for array in flat) <= spool.SPOOL_BYTES:
            return np.concatenate(flat, axis=1)
        return _joined_on_disk(flat).numpy()


def _joined_on_disk(flat: Sequence[Array]) -> Tensor:
    """Columns side by side, in a file: some rows of each ``(n, columns)`` at a time."""
    file, count = spool.Spool("x"), len(flat[0])
    rows = max(1, count // 256)
    for start in range(0, count, rows):
        block = [array[start : start + rows] for array in flat]
        file.append(torch.from_numpy(np.concatenate(block, axis=1)))
    return file.tensor()


def to_numpy(tensor: Tensor) -> Array:
    """Return the values on the host; half precisions become float32, which is lossless.

    The memory may be that of the tensor.
    """
    half = tensor.dtype in (torch.bfloat16, torch.float16)
    dtype = torch.float32 if half else tensor.dtype
    return tensor.detach().to("cpu", dtype).contiguous().numpy()


def call(model: nn.Module, inputs: Inputs, forward: Forward | None = None) -> object:
    """Run the model on inputs, in the way that their type asks for.

    ``model(x)``, ``model(*xs)``, ``model(**xs)``, or the user's ``forward(model, inputs)``.

    Args:
        model: the network.
        inputs: a tensor, a tuple, or a mapping of arguments.
        forward: how to call it instead.
    """
    if forward is not None:
        return forward(model, inputs)
    try:
        if isinstance(inputs, dict):
            return model(**inputs)
        return model(*inputs) if isinstance(inputs, tuple) else model(inputs)
    except NotImplementedError as error:
        if 'missing the required "forward"' not in str(error):
            raise
        raise UnsupportedModel(
            f"{error}: say how it is called, e.g. forward=lambda model, x: model.net(x)"
        ) from error


def make_probe(
    given: object, fixed: Sequence[str] = (), *, dtype: torch.dtype | None = None
) -> Probe:
    """Return a `Probe` from inputs with or without labels.

    A loader, a data set, a list of samples is read; so is a callable that returns one of these.

    Args:
        given: ``x``, ``(x, y)``, a mapping, a ``DataLoader`` or other iterable of batches, a data
            set or list of samples, or a callable. ``x`` is a tensor, an array, a tuple of them
            (several arguments) or a mapping (keyword arguments); numbers, strings and None among
            several arguments are passed on to the network. In a mapping the entries ``labels``,
            ``label``, ``y`` or ``targets`` are the labels. Loaders are read once, now, with the
            random state put back, also of generators that a loader or data set holds. Batches of
            different lengths are padded where they have an attention mask, and refused where they
            have none.
        fixed: names of inputs without a row axis, those of a tuple by their number: every batch
            gets them whole.
        dtype: in which the network computes: what numpy arrays of floats become.

    Raises:
        InputError: it is none of these, has no rows, or rows do not pair.
    """
    if isinstance(given, Probe):
        return given
    with random_state_kept():  # even an unshuffled DataLoader draws from the global stream
        given = read_apart(made(given))
        with loader_kept(given):
            seed_all(0)  # a shuffled loader gives the same rows to a training that goes on
            part = _read(given, Reading(dtype, tuple(fixed)))
    have = [name for name, _ in named_values(part.inputs)]
    if fixed and (isinstance(part.inputs, Tensor) or set(fixed) - set(have)):
        raise InputError(
            f"fixed={tuple(fixed)} names no input of the probe beside its rows; it has {have}"
        )
    return Probe(part.inputs, part.y, tuple(fixed), part.notes)


def made(given: object) -> object:
    """Return the probe that a callable makes, with the random state put back; others as given."""
    plain = isinstance(given, (Tensor, Mapping, nn.Module)) or hasattr(given, "__iter__")
    if not callable(given) or plain or isinstance(given, Dataset):
        return given
    with random_state_kept():
        return given()


def _read(given: object, how: Reading) -> Part:
    """Read what the user gave as a probe.

    Raises:
        InputError: it is no probe.
    """
    if isinstance(given, (Tensor, np.ndarray)) or hasattr(given, "to_numpy"):
        return Part(as_inputs(given, how.dtype), None)
    if isinstance(given, Mapping):
        return part_of_mapping(given, how)
    if isinstance(given, tuple):
        return _read_pair(given, how)
    if isinstance(given, Dataset) or type(given).__module__.startswith("datasets."):
        rows = given if isinstance(given, Iterable) else _rows_of(given)
        return joined_in_turn((part_of_sample(sample, how) for sample in rows), "sample", how)
    if isinstance(given, list):
        return _read_list(given, how)
    if isinstance(given, Iterable):
        return _read_in_turn(given, how)
    raise InputError(
        "probe must be x, (x, y), a mapping of tensors, a DataLoader, a data set or a callable, "
        f"got {type(given).__name__}"
    )


def _rows_of(data: Any) -> Iterator[object]:  # Any: a data set of torch or of `datasets`
    """Every row of a data set that is read by number."""
    for place in range(len(data)):
        yield data[place]


def _read_pair(given: tuple[object, ...], how: Reading) -> Part:
    """``(x, y)`` as the user wrote it.

    A list is rows, unless its items are inputs that pair with y.
    """
    if len(given) == 2 and isinstance(given[0], list) and given[1] is not None:
        y = as_labels(given[1])
        if len(given[0]) == len(y):
            return Part(as_inputs(given[0], how.dtype), y)
    return part_of_batch(given, how)


def _read_in_turn(given: Iterable[object], how: Reading) -> Part:
    """What a loader gives, item by item; the first says whether these are batches or samples."""
    items = iter(given)
    first = next(items, None)
    if first is None:
        raise InputError("the probe loader gave no batch")
    alone = is_sample(first) and not _makes_batches(given)
    read = part_of_sample if alone else part_of_batch
    parts = (read(item, how) for item in chain([first], items))
    return joined_in_turn(parts, "sample" if alone else "batch", how)


def _makes_batches(given: object) -> bool:
    """Whether a loader joins samples in torch's way; another function may pass them on alone."""
    if not isinstance(given, DataLoader) or given.batch_sampler is None:
        return False
    return given.collate_fn is default_collate


def _read_list(items: list[object], how: Reading) -> Part:
    """A list: ``[x, y]``, rows of numbers, samples, or batches.

    Raises:
        InputError: bare tensors of one shape, which may be rows or batches.
    """
    arrays = [item for item in items if isinstance(item, (Tensor, np.ndarray))]
    if len(items) == 2 and len(arrays) == 2:
        return _read_pair((items[0], items[1]), how)
    if items and _is_numeric(items[0]):
        return Part(as_inputs(items, how.dtype), None)
    shapes = {tuple(array.shape) for array in arrays}
    if len(items) > 1 and len(shapes) == 1 and len(arrays) == len(items):
        (shape,) = shapes
        if len(shape) > 1:
            raise InputError(
                f"the probe is a list of {len(items)} arrays of shape {shape}, which may be rows "
                "or batches of rows: give torch.stack(list) or torch.cat(list)"
            )
        return Part(as_inputs(items, how.dtype), None)
    if items and all(is_sample(item) for item in items):
        return joined([part_of_sample(item, how) for item in items], "sample", how)
    return joined([part_of_batch(item, how) for item in items], "batch", how)


def _is_numeric(value: object) -> bool:
    """Whether a value is a number, or lists of numbers."""
    if isinstance(value, list) and value:
        return _is_numeric(value[0])
    return isinstance(value, (bool, int, float, np.generic))


def batch_size_for(bytes_per_row: int, *, budget: int = 32 * 2**20) -> int:
    """Return the largest power of two of rows, at most 4096, that fits in ``budget`` bytes."""
    fits = max(1, budget // max(bytes_per_row, 1))
    return int(min(4096, 2 ** int(math.log2(fits))))
