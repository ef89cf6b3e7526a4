"""What a network may be called with.

Tensors with rows, what holds for all rows, and structures of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from infoplane.errors import InputError
from infoplane.hooks.probing.spool import cast_on_disk, mapped_tensor
from infoplane.hooks.probing.structures import PASSED_ON_TYPES, is_structure, parts_of, rebuilt
from infoplane.types.arrays import refuse_masked

Inputs = (
    Tensor | tuple[Any, ...] | dict[str, Any]
)  # Any: tensors, constants, and structures of them
"""One argument, positional arguments, or keyword arguments."""


def map_tensors(
    f: Callable[[str, Tensor], Any], value: Any, name: str = ""
) -> Any:  # Any: a structure of tensors
    """Return ``value`` with every tensor in it replaced by what ``f`` gives.

    Args:
        f: gets name and tensor.
        value: a tensor, or a structure of them.
        name: of ``value``.

    Example:
        >>> map_tensors(lambda name, t: t + 1, {"x": torch.zeros(1), "scale": 2.0})
        {'x': tensor([1.]), 'scale': 2.0}
    """
    if isinstance(value, Tensor):
        return f(name or "x", value)
    if not is_structure(value):
        return value
    mapped = {}
    for key, part in parts_of(value).items():
        own = f"{name}.{key}" if name else str(key)
        mapped[key] = map_tensors(f, part, own)
    return rebuilt(value, mapped)


def named_values(inputs: Inputs) -> Iterator[tuple[str, Any]]:  # Any: tensors and constants
    """Yield every tensor and constant with its name.

    ``x`` for one argument, ``meta.id`` inside a structure.
    """
    if isinstance(inputs, Tensor):
        yield "x", inputs
        return
    for key, value in parts_of(inputs).items():
        if is_structure(value):
            for inner, part in named_values(value):
                yield f"{key}.{inner}", part
        else:
            yield str(key), value


def has_rows(value: object) -> bool:
    """Whether a value is a tensor with a row axis; a tensor of no axis holds for all rows."""
    return isinstance(value, Tensor) and value.ndim > 0


def as_inputs(x: object, dtype: torch.dtype | None = None) -> Inputs:
    """Return what the network is called with.

    Args:
        x: a tensor, array or list of rows: one argument; a tuple: several; a mapping: keyword
            arguments. Numbers, strings and None among several are passed on as they are, as are
            tensors of no axis: they hold for all rows.
        dtype: in which the network computes: what arrays of floats become, since numpy's default is
            seldom the network's.

    Raises:
        InputError: something that is none of these, named.
    """
    if isinstance(x, Mapping):
        return {str(key): as_argument(str(key), value, dtype) for key, value in x.items()}
    if isinstance(x, tuple) and not isinstance(x, PackedSequence):
        return tuple(as_argument(str(place), value, dtype) for place, value in enumerate(x))
    if is_structure(x) and not isinstance(x, (tuple, list)):  # one argument that holds several
        return (as_argument("0", x, dtype),)
    if isinstance(x, str) or (isinstance(x, list) and any(isinstance(row, str) for row in x)):
        raise InputError(
            "the probe holds texts, and a network takes numbers: give token ids, for example "
            "dict(tokenizer(texts, padding=True, return_tensors='pt'))"
        )
    value = as_argument("x", x, dtype)
    if not has_rows(value):
        raise InputError(f"probe inputs need a row axis, got a single {type(x).__name__}")
    return value  # type: ignore[no-any-return]  # a tensor, checked above


def as_argument(name: str, value: Any, dtype: torch.dtype | None = None) -> Any:  # Any: see above
    """Return one argument in the form in which the network gets it.

    Args:
        name: for messages.
        value: as it was given.
        dtype: in which the network computes, for floats.

    Raises:
        InputError: nothing that can be cut into batches or passed on.
    """
    _refuse_rowless(name, value)
    if isinstance(value, Tensor):
        return value.detach() if _is_mapped(value) else value.detach().clone()
    if isinstance(value, PASSED_ON_TYPES):
        return value
    if isinstance(value, np.memmap) and value.filename is not None:  # none of a copy in memory
        return _from_file(name, value, dtype)
    if isinstance(value, (np.ndarray, np.generic)):
        return _from_array(name, np.array(value), dtype)
    if is_structure(value) and not isinstance(value, list):
        arguments = {}
        for key, part in parts_of(value).items():
            arguments[key] = as_argument(f"{name}.{key}", part, dtype)
        return rebuilt(value, arguments)
    if isinstance(value, list):
        return _from_list(name, value, dtype)
    hint = "leave it out, or make it inside forward=lambda model, inputs: ..."
    if hasattr(value, "to_numpy"):
        hint = "give its .to_numpy()"
    raise InputError(
        f"probe input {name!r} is a {type(value).__name__}: expected tensors or arrays with rows, "
        f"or numbers, strings, None and structures of them, which are passed on; {hint}"
    )


def _refuse_rowless(name: str, value: object) -> None:
    """Refuse what has no plain rows, with what to give in its place."""
    if isinstance(value, PackedSequence):
        raise InputError(
            f"probe input {name!r} is a PackedSequence, which has no row axis: give the padded ids "
            "and their lengths, pad_packed_sequence(packed, batch_first=True), pack them in "
            "forward=lambda model, inputs: ..., and give mask="
        )
    refuse_masked(value)
    if isinstance(value, Tensor) and value.is_meta:
        raise InputError(
            f"probe input {name!r} is on the meta device, where tensors have no values"
        )
    if isinstance(value, Tensor) and (value.is_nested or value.layout != torch.strided):
        raise InputError(
            f"probe input {name!r} is a nested or sparse tensor; pad it, or give it dense"
        )
    if (isinstance(value, Tensor) and value.ndim and value.is_complex()) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "c"
    ):
        raise InputError(
            f"probe input {name!r} is complex: give torch.view_as_real({name}), and "
            "forward=lambda model, x: model(torch.view_as_complex(x))"
        )


def _is_mapped(tensor: Tensor) -> bool:
    """Whether a tensor is mapped from a file, as by ``torch.from_file(..., shared=True)``."""
    return tensor.device.type == "cpu" and tensor.untyped_storage().filename is not None


def _from_file(name: str, array: np.memmap[Any, Any], dtype: torch.dtype | None) -> Tensor:
    """A tensor over a mapped file: rows are read when a batch needs them."""
    if array.dtype.kind not in "biufc" or not array.flags.c_contiguous or not array.ndim:
        return _from_array(name, np.array(array), dtype)
    tensor = mapped_tensor(array)
    if not tensor.is_floating_point():
        return tensor
    wanted = torch.get_default_dtype() if array.dtype == np.float64 else tensor.dtype
    wanted = dtype or wanted
    return tensor if wanted == tensor.dtype else cast_on_disk(name, array, wanted)


def _from_list(name: str, rows: Sequence[Any], dtype: torch.dtype | None) -> Tensor:
    """A tensor of a list of rows: tensors, arrays or lists of numbers of one shape.

    Raises:
        InputError: rows of several shapes, or no numbers.
    """
    if rows and all(isinstance(row, Tensor) for row in rows):
        shapes = sorted({tuple(row.shape) for row in rows})
        if len(shapes) > 1:
            raise InputError(ragged(name, shapes))
        return torch.stack([row.detach() for row in rows])
    try:
        array = np.array(rows)
    except ValueError as error:
        lengths = sorted({len(row) if hasattr(row, "__len__") else 0 for row in rows})
        raise InputError(ragged(name, lengths)) from error
    return _from_array(name, array, dtype)


def ragged(name: str, shapes: Sequence[object]) -> str:
    """Return the message for rows, samples or batches of several shapes."""
    return (
        f"probe input {name!r} has rows of {len(shapes)} shapes or lengths "
        f"({', '.join(map(str, shapes[:4]))}): pad them to one (padding='max_length' of a "
        "tokenizer), or give batches with an attention mask, by which they are padded here"
    )


def _from_array(name: str, array: np.ndarray[Any, Any], dtype: torch.dtype | None) -> Tensor:
    if array.dtype.kind not in "biufc":
        texts = array.dtype.kind in "US"
        kind = "str" if texts else str(array.dtype)
        how = ", texts by dict(tokenizer(texts, padding=True, return_tensors='pt'))"
        raise InputError(
            f"probe input {name!r}: probe inputs must be tensors or numeric arrays, got an array "
            f"of {kind}; leave it out, or turn it into numbers{how if texts else ''}"
        )
    tensor = torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape))
    if array.dtype.kind != "f":
        return tensor
    if dtype is not None:
        return tensor.to(dtype)
    return tensor.to(torch.get_default_dtype()) if array.dtype == np.float64 else tensor
