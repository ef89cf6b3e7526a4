"""Arrays of any library as arrays of numpy, without importing that library."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InputError

Array = NDArray[Any]  # Any: every dtype
Ids = NDArray[np.int64]
"""Whole numbers that stand for things: rows, samples, positions, classes, equal values."""
Mask = NDArray[np.bool_]
"""Which of many are meant."""
Codes = NDArray[np.int64]
"""Dense numbers 0..K-1 of equal rows, symbols or classes, shape ``(n,)``."""
Counts = NDArray[np.int64]
"""How many of each."""
Floats = NDArray[np.float64]
"""Numbers in double precision."""
Values = NDArray[np.floating[Any]]
"""Numbers in the precision in which they are stored."""
Keys = NDArray[np.uint64]
"""64 bits for every row, shape ``(n,)``; equal rows have equal ones."""
Digests = NDArray[np.uint64]
"""128 bits for every row, shape ``(n, 2)``; equal rows have equal ones."""
Shape = tuple[int, ...]
"""Lengths of the axes of an array."""
AnyPath = str | os.PathLike[str]
Json = dict[str, Any]  # Any: whatever JSON holds
"""An object of JSON: read from a file, or to be written to one."""


def to_numpy(array: object) -> Array:
    """Return an array on the host, in its own dtype but for bfloat16, which numpy does not have.

    The upcast to float32 is lossless. What has ``detach`` is a torch tensor.

    Raises:
        InputError: rows of several lengths, masked values, or a tensor that is no plain array.
    """
    if hasattr(array, "detach"):
        return _of_tensor(array)
    refuse_masked(array)
    try:
        found = np.asarray(array)
    except ValueError as error:
        raise InputError(f"expected one array, got rows of several lengths: {error}") from error
    return found.astype(np.float32) if found.dtype.name == "bfloat16" else found


def _of_tensor(tensor: Any) -> Array:  # Any: a tensor of torch, which is not imported here
    try:
        plain = tensor.detach().cpu()
        return np.asarray(plain.float() if "bfloat16" in str(plain.dtype) else plain)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"a {tensor.layout} tensor of {tensor.dtype} is no plain array: {error}; give its "
            ".to_dense(), .dequantize(), or pad it"
        ) from error


def refuse_masked(array: object) -> None:
    """Refuse an array of numpy of which some values are masked: what they hold means nothing.

    Raises:
        InputError: with how many there are.
    """
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise InputError(
            f"{int(np.ma.getmaskarray(array).sum())} values are masked: leave their rows out, or "
            "fill them with .filled(...)"
        )
