"""The probe set: fixed rows in fixed batches, held as tensors, so that probing draws no random number and reads no loader."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from infoplane.errors import InputError
from infoplane.hooks.isolate import random_state_kept
from infoplane.kinds import kind_of_inputs
from infoplane.types import Kind

Inputs = Tensor | tuple[Tensor, ...] | dict[str, Tensor]
Forward = Callable[[nn.Module, Any], object]  # Any: the inputs as the user's model takes them
_LABELS = ("labels", "label", "y", "targets")


@dataclass(frozen=True, eq=False)
class Probe:
    """Rows that are shown to the network at every capture.

    Attributes:
        inputs: a tensor, a tuple of tensors (positional arguments) or a dict of tensors (keyword arguments), rows first.
        y: labels, shape ``(n, ...)``, or None.
        fixed: names of inputs without a row axis (the edges of a graph): every batch gets them whole.
    """

    inputs: Inputs
    y: NDArray[np.generic] | None
    fixed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rows = {name: len(t) for name, t in self.tensors().items()}
        if not rows or len(set(rows.values())) != 1:
            raise InputError(f"all probe inputs need the same number of rows, got {rows}")
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
        """The input tensors that have rows, by name."""
        if isinstance(self.inputs, Tensor):
            return {"x": self.inputs}
        items = self.inputs.items() if isinstance(self.inputs, dict) else enumerate(self.inputs)
        return {str(name): t for name, t in items if str(name) not in self.fixed}

    def changed(self, change: Callable[[str, Tensor], Tensor]) -> Probe:
        """The same probe with every input that has rows changed by ``change(name, tensor)``; without labels."""
        rowed = self.tensors()
        return Probe(
            _map(self.inputs, lambda name, t: change(name, t) if name in rowed else t),
            None,
            self.fixed,
        )

    def take(self, rows: slice | NDArray[np.int64] | Tensor) -> Probe:
        """Some of its rows."""
        index = torch.from_numpy(rows) if isinstance(rows, np.ndarray) else rows
        y = self.y
        if y is not None:
            y = y[rows if not isinstance(rows, Tensor) else rows.numpy()]
        return replace(self.changed(lambda _, t: t[index]), y=y)

    def kind_of_inputs(self, stated: str | None = None) -> Kind:
        """Return whether the inputs are symbols or amounts, see `infoplane.kinds.kind_of_inputs`."""
        floats = [t.is_floating_point() or t.is_complex() for t in self.tensors().values()]
        return kind_of_inputs(["f" if real else "i" for real in floats], stated)

    def batches(self, size: int, device: torch.device) -> Iterator[tuple[slice, Inputs]]:
        """Fixed consecutive batches on ``device``: the layout is part of the result, since it moves the last bits."""
        for start in range(0, self.n, size):
            rows = slice(start, min(start + size, self.n))
            yield rows, _map(self.inputs, partial(self._part, rows, device))

    def _part(self, rows: slice, device: torch.device, name: str, t: Tensor) -> Tensor:
        part = t if name in self.fixed else t[rows]
        return part.to(device, copy=True)  # a copy: the model may write into its input

    def array(self) -> NDArray[np.generic]:
        """The inputs as one array: as given when there is one tensor, else the flattened columns side by side."""
        arrays = [to_numpy(t) for t in self.tensors().values()]
        return (
            arrays[0]
            if len(arrays) == 1
            else np.concatenate([a.reshape(self.n, -1) for a in arrays], axis=1)
        )


def _map(inputs: Inputs, f: Callable[[str, Tensor], Tensor]) -> Inputs:
    if isinstance(inputs, Tensor):
        return f("x", inputs)
    if isinstance(inputs, dict):
        return {k: f(k, t) for k, t in inputs.items()}
    return tuple(f(str(i), t) for i, t in enumerate(inputs))


def to_numpy(t: Tensor) -> NDArray[np.generic]:
    """A numpy copy on the host; half precisions become float32, which is lossless."""
    t = t.detach()
    return (
        t.to(
            "cpu",
            torch.float32 if t.dtype in (torch.bfloat16, torch.float16) else t.dtype,
            copy=True,
        )
        .contiguous()
        .numpy()
    )


def call(model: nn.Module, inputs: Inputs, forward: Forward | None = None) -> object:
    """Run the model: ``model(x)``, ``model(*xs)``, ``model(**xs)`` by the type of the inputs, or the user's ``forward(model, inputs)``."""
    if forward is not None:
        return forward(model, inputs)
    if isinstance(inputs, dict):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)


def make_probe(given: object, fixed: Sequence[str] = ()) -> Probe:
    """A `Probe` from ``x``, ``(x, y)``, a mapping of tensors, a ``DataLoader`` or other iterable of batches, or a callable that returns one of these.

    ``x`` may be a tensor, an array, a tuple of them (several arguments) or a mapping (keyword arguments). In a mapping the entries
    ``labels``, ``label``, ``y`` or ``targets`` are the labels. A loader is read once, now, with the random state put back.
    ``fixed`` names inputs without a row axis, those of a tuple by their number: every batch gets them whole.

    Raises:
        InputError: it is none of these, has no rows, or rows do not pair.
    """
    if isinstance(given, Probe):
        return given
    with random_state_kept():  # even an unshuffled DataLoader draws from the global stream
        if (
            callable(given)
            and not isinstance(given, (Tensor, Mapping))
            and not hasattr(given, "__iter__")
        ):
            given = given()
        if isinstance(given, (Tensor, np.ndarray, Mapping, tuple)):
            return _from_pair(given, fixed)
        if (
            isinstance(given, list)
            and len(given) == 2
            and all(isinstance(v, (Tensor, np.ndarray)) for v in given)
        ):
            return _from_pair(tuple(given), fixed)
        if hasattr(given, "__iter__"):
            batches = [_from_pair(tuple(b) if isinstance(b, list) else b, fixed) for b in given]
            return _join(batches)
    raise InputError(
        f"probe must be x, (x, y), a mapping of tensors, a DataLoader or a callable, got {type(given).__name__}"
    )


def _from_pair(given: object, fixed: Sequence[str]) -> Probe:
    if isinstance(given, tuple) and len(given) == 2:
        x, y = given
        return _probe(x, y, fixed)
    if isinstance(given, tuple):
        raise InputError(
            f"probe must be (x, y), got a tuple of {len(given)}; several inputs go into one tuple: ((x1, x2), y)"
        )
    if isinstance(given, Mapping):
        label = next((k for k in _LABELS if k in given), None)
        inputs = {k: v for k, v in given.items() if k != label}
        return _probe(inputs, None if label is None else given[label], fixed)
    return _probe(given, None, fixed)


def _probe(x: object, y: object, fixed: Sequence[str]) -> Probe:
    inputs = _inputs(x, fixed)
    have = ["x"]
    if not isinstance(inputs, Tensor):
        have = list(inputs) if isinstance(inputs, dict) else [str(i) for i in range(len(inputs))]
    if fixed and (isinstance(inputs, Tensor) or set(fixed) - set(have)):
        raise InputError(
            f"fixed={tuple(fixed)} names no input of the probe beside its rows; it has {have}"
        )
    return Probe(inputs, None if y is None else labels_of(y), tuple(fixed))


def _inputs(x: object, fixed: Sequence[str]) -> Inputs:
    if isinstance(x, Mapping):
        kept = {str(k): v for k, v in x.items() if isinstance(v, (Tensor, np.ndarray, list))}
        return {k: _tensor(v, fixed=k in fixed) for k, v in kept.items()}
    if isinstance(x, tuple):
        return tuple(_tensor(v, fixed=str(i) in fixed) for i, v in enumerate(x))
    return _tensor(x)


def _tensor(v: object, *, fixed: bool = False) -> Tensor:
    if isinstance(v, Tensor):
        t = v.detach().clone()
    else:
        try:
            t = torch.from_numpy(np.array(v))
        except TypeError as error:
            raise InputError(
                f"probe inputs must be tensors or numeric arrays, got {type(v).__name__}"
            ) from error
        if t.dtype == torch.float64:
            t = t.to(
                torch.get_default_dtype()
            )  # numpy's default is not the network's; a double network takes tensors
    if t.ndim == 0 and not fixed:
        raise InputError("probe inputs need a row axis, got a single number")
    return t


def labels_of(y: object) -> NDArray[np.generic]:
    """Labels as a numpy array of its own."""
    return to_numpy(y) if isinstance(y, Tensor) else np.array(y)


def _join(probes: list[Probe]) -> Probe:
    if not probes:
        raise InputError("the probe loader gave no batch")
    first = probes[0]
    keys = list(first.tensors())
    joined = {k: torch.cat([p.tensors()[k] for p in probes]) for k in keys}
    inputs = _map(first.inputs, lambda name, t: joined.get(name, t))
    y = None if first.y is None else np.concatenate([p.y for p in probes if p.y is not None])
    return Probe(inputs, y, first.fixed)


def batch_size_for(bytes_per_row: int, n: int, *, budget: int = 32 * 2**20) -> int:
    """The largest power of two of rows, at most 4096, whose activations fit in ``budget`` bytes."""
    fits = max(1, budget // max(bytes_per_row, 1))
    return int(min(4096, 2 ** int(math.log2(fits))))
