"""Arrays of any library as arrays of numpy, without importing that library."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    """
    if hasattr(array, "detach"):
        tensor = array.detach().cpu()
        return np.asarray(tensor.float() if "bfloat16" in str(tensor.dtype) else tensor)
    found = np.asarray(array)
    return found.astype(np.float32) if found.dtype.name == "bfloat16" else found
