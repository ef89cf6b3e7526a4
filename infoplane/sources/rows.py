"""Arrays of any library as rows that are read block by block, as a recorder stores them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from infoplane.errors import InputError
from infoplane.types.arrays import Array, Shape, to_numpy
from infoplane.user_warning import warn_user

BLOCK_BYTES = 8 << 20
ALIGNED_ROWS = 64


@dataclass(frozen=True, eq=False)
class Rows:
    """A layer's activation of shape ``(n, *features)``, in memory or on disk.

    Attributes:
        name: for messages.
        array: anything with a shape whose slices are arrays: numpy, torch, h5py, zarr, a memory
            map.
        shape: ``(n, *features)``.
        store_dtype: what is stored; half precisions are widened to float32, which is lossless.
        own_dtype: dtype of the array, by its name in torch.
    """

    name: str
    array: Any  # Any: an array of any library
    shape: Shape
    store_dtype: np.dtype[Any]
    own_dtype: str

    @property
    def block_rows(self) -> int:
        """Rows that are read at a time."""
        row_bytes = max(1, math.prod(self.shape[1:]) * self.store_dtype.itemsize)
        return max(1, BLOCK_BYTES // row_bytes // ALIGNED_ROWS) * ALIGNED_ROWS

    def blocks(self) -> Iterator[Array]:
        """Yield the rows in order, a few MiB at a time."""
        for start in range(0, self.shape[0], self.block_rows):
            yield self.take(start, start + self.block_rows)

    def take(self, start: int, stop: int) -> Array:
        """Return some of the rows.

        Raises:
            InputError: the array cannot be read there.
        """
        stop = min(stop, self.shape[0])
        try:
            part = to_numpy(self.array[start:stop])
        except (InputError, MemoryError):
            raise
        except Exception as error:  # libraries raise many kinds for a damaged file
            raise InputError(f"{self.name}: rows {start}:{stop} cannot be read: {error}") from error
        return np.ascontiguousarray(part, dtype=self.store_dtype)


Layers = Mapping[str, Rows]
"""By name, in order of execution."""


def as_rows(array: Any, name: str) -> Rows:  # Any: checked here
    """Return an array as rows of numbers, after checking that it holds them.

    Raises:
        InputError: no row axis, no rows, or not numbers.
    """
    layout = str(getattr(array, "layout", ""))  # of torch; arrays of jax have another one
    sparse = layout.startswith("torch.") and layout != "torch.strided"
    sparse = sparse or hasattr(array, "tocsr")  # of scipy
    if sparse or getattr(array, "is_nested", False):
        raise InputError(f"{name}: a nested or sparse tensor; pad it, or give it dense")
    bare = not hasattr(array, "shape") or not hasattr(array, "dtype")
    if bare or (hasattr(array, "to_numpy") and str(array.dtype) == "object"):
        array = _of_column(array, name) if hasattr(array, "to_numpy") else _listed(array, name)
    shape, dtype = tuple(int(size) for size in array.shape), str(array.dtype).split(".")[-1]
    if not shape or shape[0] == 0:
        raise InputError(f"{name}: expected an array (rows, units), got shape {shape}")
    return Rows(name, array, shape, _stored(dtype, array, name), dtype)


def _stored(dtype: str, array: Any, name: str) -> np.dtype[Any]:  # Any: an array of any library
    if dtype in ("float16", "bfloat16"):
        return np.dtype(np.float32)
    if dtype == "bool":
        return np.dtype(np.uint8)
    try:
        known = np.dtype(dtype)
    except TypeError:
        known = np.dtype(object)
    if known.kind not in "fiu" or known.itemsize > 8:
        remedy = "; rows of different lengths cannot be stored" if known.kind == "O" else ""
        raise InputError(
            f"{name}: expected real numbers of at most 64 bits, got dtype {array.dtype}{remedy}"
        )
    return known.newbyteorder("<")


def _of_column(column: Any, name: str) -> Array:  # Any: of pandas or Arrow
    """Return a column of a table as an array; one of lists has as many units as every list."""
    values = column.to_pylist() if hasattr(column, "to_pylist") else column.to_numpy()
    lists = isinstance(values, list) or values.dtype == object
    if lists and len(values) and all(np.ndim(value) > 0 for value in values):
        return _listed([np.asarray(value).tolist() for value in values], name)
    return np.asarray(values)


def _listed(array: object, name: str) -> Array:
    if not isinstance(array, Sequence):
        raise InputError(f"{name}: expected an array, got {type(array).__name__}")
    ranks = {len(part.shape) if hasattr(part, "shape") else 0 for part in array}
    if ranks == {1}:
        raise InputError(f"{name}: a list of {len(array)} vectors: join rows by np.stack")
    if ranks - {0}:
        raise InputError(
            f"{name}: a {type(array).__name__} of {len(array)} arrays: join batches by "
            "np.concatenate; give several calls of one layer as a tuple, and of an output of "
            "several parts the one that is the layer"
        )
    try:
        return np.asarray(array)
    except ValueError as error:
        raise InputError(
            f"{name}: rows of different lengths cannot be stored; pad them to one length"
        ) from error


def warn_of_one_memory(steps: Mapping[int, Layers]) -> None:
    """Warn where all layers of two steps are one memory.

    Args:
        steps: layers by name; what is read from files has no address and is not compared.
    """
    first_of: dict[tuple[object, ...], int] = {}
    for step, layers in steps.items():
        addresses = tuple(_address(rows.array) for rows in layers.values())
        if None in addresses:
            continue
        earlier = first_of.setdefault(addresses, step)
        if earlier != step:
            warn_user(
                f"steps {earlier} and {step} are the same memory in every layer, so they hold the "
                "same values: copy a buffer that is filled anew at every step (array.copy(), "
                "tensor.clone())",
                RuntimeWarning,
            )


def _address(array: Any) -> object:  # Any: an array of any library
    """Where an array lies, and how it is laid out there; None where that is unknown."""
    interface = getattr(array, "__array_interface__", None)
    if isinstance(interface, Mapping):
        return interface["data"][0], interface["shape"], interface.get("strides")
    if hasattr(array, "data_ptr"):
        try:
            return array.data_ptr(), tuple(array.shape), tuple(array.stride())
        except RuntimeError:  # a tensor without memory of its own
            return None
    return None
