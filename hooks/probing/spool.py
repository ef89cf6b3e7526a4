"""Rows of a probe on disk: what is larger than memory is read batch by batch from a file."""

from __future__ import annotations

import tempfile
import warnings

import numpy as np
import torch
from torch import Tensor

from infoplane.errors import InputError
from infoplane.types.arrays import Array, Shape

SPOOL_BYTES = 1 << 30
"""A loader with more bytes than these is not held in memory."""
_BLOCK_BYTES = 16 << 20


class Spool:
    """One input of a probe, written row by row into a temporary file without a name.

    The file lies in the folder that `tempfile.gettempdir` gives (``TMPDIR``) and is gone with the
    process.

    Args:
        name: of the input, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name, self._rows = name, 0
        self._shape: Shape | None = None
        self._dtype: torch.dtype | None = None
        self._file = tempfile.TemporaryFile(prefix="infoplane-probe-")  # noqa: SIM115  # open as long as its rows are mapped

    def __del__(self) -> None:
        self._file.close()  # what is mapped stays

    def append(self, rows: Tensor) -> None:
        """Write some rows.

        Raises:
            InputError: rows of another shape or dtype than those before.
        """
        own = tuple(rows.shape[1:])
        if self._shape is None:
            self._shape, self._dtype = own, rows.dtype
        if own != self._shape or rows.dtype != self._dtype:
            raise InputError(
                f"probe input {self._name!r} has rows of shape {own} ({rows.dtype}) behind rows of "
                f"shape {self._shape} ({self._dtype}): a loader that does not fit into memory "
                "needs rows of one shape"
            )
        as_bytes = rows.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        self._file.write(as_bytes.numpy().data)
        self._rows += len(rows)

    def tensor(self) -> Tensor:
        """Return all rows, mapped into memory page by page as they are read."""
        assert self._shape is not None and self._dtype is not None
        self._file.flush()
        flat: Array = np.memmap(self._file, np.uint8, "r")
        return mapped_tensor(flat).view(self._dtype).reshape(self._rows, *self._shape)


def mapped_tensor(array: Array) -> Tensor:
    """Return a tensor over an array that is mapped from a file; it is read only."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array)


def cast_on_disk(name: str, array: Array, dtype: torch.dtype) -> Tensor:
    """Return a mapped array of floats in the dtype in which the network computes.

    Args:
        name: of the input.
        array: shape ``(n, ...)``, on disk.
        dtype: of the network.
    """
    spool = Spool(name)
    rows = max(1, _BLOCK_BYTES // max(array[:1].nbytes, 1))
    for start in range(0, len(array), rows):
        spool.append(mapped_tensor(array[start : start + rows]).to(dtype))
    return spool.tensor()
