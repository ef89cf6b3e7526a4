"""The probe set: fixed rows in fixed batches, held as tensors, so that probing draws no random number and reads no loader."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
    """

    inputs: Inputs
    y: NDArray[np.generic] | None

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
        """The input tensors by name."""
        if isinstance(self.inputs, Tensor):
            return {"x": self.inputs}
        return (
            dict(self.inputs)
            if isinstance(self.inputs, dict)
            else {str(i): t for i, t in enumerate(self.inputs)}
        )

    def take(self, rows: slice | NDArray[np.int64] | Tensor) -> Probe:
        """Some of its rows."""
        index = torch.from_numpy(rows) if isinstance(rows, np.ndarray) else rows
        return Probe(
            _map(self.inputs, lambda t: t[index]),
            None
            if self.y is None
            else self.y[rows if not isinstance(rows, Tensor) else rows.numpy()],
        )

    def kind_of_inputs(self, stated: str | None = None) -> Kind:
        """Return whether the inputs are symbols or amounts, see `infoplane.kinds.kind_of_inputs`."""
        floats = [t.is_floating_point() or t.is_complex() for t in self.tensors().values()]
        return kind_of_inputs(["f" if real else "i" for real in floats], stated)

    def batches(self, size: int, device: torch.device) -> Iterator[tuple[slice, Inputs]]:
        """Fixed consecutive batches on ``device``: the layout is part of the result, since it moves the last bits."""
        for start in range(0, self.n, size):
            rows = slice(start, min(start + size, self.n))
            yield rows, _map(self.inputs, partial(_part, rows, device))

    def array(self) -> NDArray[np.generic]:
        """The inputs as one array: as given when there is one tensor, else the flattened columns side by side."""
        arrays = [to_numpy(t) for t in self.tensors().values()]
        return (
            arrays[0]
            if len(arrays) == 1
            else np.concatenate([a.reshape(self.n, -1) for a in arrays], axis=1)
        )


def _part(rows: slice, device: torch.device, t: Tensor) -> Tensor:
    return t[rows].to(device, copy=True)  # a copy: the model may write into its input


def _map(inputs: Inputs, f: Callable[[Tensor], Tensor]) -> Inputs:
    if isinstance(inputs, Tensor):
        return f(inputs)
    if isinstance(inputs, dict):
        return {k: f(t) for k, t in inputs.items()}
    return tuple(f(t) for t in inputs)


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


def make_probe(given: object) -> Probe:
    """A `Probe` from ``x``, ``(x, y)``, a mapping of tensors, a ``DataLoader`` or other iterable of batches, or a callable that returns one of these.

    ``x`` may be a tensor, an array, a tuple of them (several arguments) or a mapping (keyword arguments). In a mapping the entries
    ``labels``, ``label``, ``y`` or ``targets`` are the labels. A loader is read once, now, with the random state put back.

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
            return _from_pair(given)
        if (
            isinstance(given, list)
            and len(given) == 2
            and all(isinstance(v, (Tensor, np.ndarray)) for v in given)
        ):
            return _from_pair(tuple(given))
        if hasattr(given, "__iter__"):
            return _join([_from_pair(tuple(b) if isinstance(b, list) else b) for b in given])
    raise InputError(
        f"probe must be x, (x, y), a mapping of tensors, a DataLoader or a callable, got {type(given).__name__}"
    )


def _from_pair(given: object) -> Probe:
    if isinstance(given, tuple) and len(given) == 2:
        x, y = given
        return Probe(_inputs(x), None if y is None else _labels(y))
    if isinstance(given, tuple):
        raise InputError(
            f"probe must be (x, y), got a tuple of {len(given)}; several inputs go into one tuple: ((x1, x2), y)"
        )
    if isinstance(given, Mapping):
        label = next((k for k in _LABELS if k in given), None)
        return Probe(
            _inputs({k: v for k, v in given.items() if k != label}),
            None if label is None else _labels(given[label]),
        )
    return Probe(_inputs(given), None)


def _inputs(x: object) -> Inputs:
    if isinstance(x, Mapping):
        return {
            str(k): _tensor(v) for k, v in x.items() if isinstance(v, (Tensor, np.ndarray, list))
        }
    return tuple(_tensor(v) for v in x) if isinstance(x, tuple) else _tensor(x)


def _tensor(v: object) -> Tensor:
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
    if t.ndim == 0:
        raise InputError("probe inputs need a row axis, got a single number")
    return t


def _labels(y: object) -> NDArray[np.generic]:
    return to_numpy(y) if isinstance(y, Tensor) else np.array(y)


def _join(probes: list[Probe]) -> Probe:
    if not probes:
        raise InputError("the probe loader gave no batch")
    first = probes[0].inputs
    keys = list(probes[0].tensors())
    joined = [torch.cat([p.tensors()[k] for p in probes]) for k in keys]
    inputs: Inputs = (
        joined[0]
        if isinstance(first, Tensor)
        else dict(zip(keys, joined))
        if isinstance(first, dict)
        else tuple(joined)
    )
    y = None if probes[0].y is None else np.concatenate([p.y for p in probes if p.y is not None])
    return Probe(inputs, y)


def batch_size_for(bytes_per_row: int, n: int, *, budget: int = 32 * 2**20) -> int:
    """The largest power of two of rows, at most 4096, whose activations fit in ``budget`` bytes."""
    fits = max(1, budget // max(bytes_per_row, 1))
    return int(min(4096, 2 ** int(math.log2(fits))))
