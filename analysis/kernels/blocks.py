"""Rows that may not fit into memory.

Read in blocks, centred and sorted once, in memory or in a temporary file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from infoplane.analysis.kernels.threads import in_order
from infoplane.contract import Rows
from infoplane.types.arrays import Codes, Floats, Mask, Values

LOOK_ROWS = 4096
BLOCK_BYTES = 1 << 27
_CACHED = 1 << 16  # values that are worked on at a time


class Held:
    """An array as `Rows`."""

    def __init__(self, z: Values) -> None:
        self.z = z
        self.dtype = z.dtype
        self.shape: tuple[int, int] = (z.shape[0], z.shape[1])

    def blocks(self, rows: int) -> Iterator[Values]:
        """Yield slices of at most so many rows."""
        for start in range(0, len(self.z), rows):
            yield self.z[start : start + rows]


def starting(blocks: Iterable[Values]) -> Iterator[tuple[int, Values]]:
    """Yield blocks, each with the number of its first row."""
    start = 0
    for block in blocks:
        yield start, block
        start += len(block)


def fits_float32(largest: float, rates: Floats) -> Mask:
    """Return the rates for which products of float32 rows are exact to 7e-6 nats, 1e-5 bit."""
    return 2 * float(np.finfo(np.float32).eps) * largest * 4 * rates < 7e-6


def rows_per_block(dim: int, itemsize: int) -> int:
    """Return how many rows make a block of about 128 MiB."""
    return max(LOOK_ROWS, BLOCK_BYTES // max(1, dim * itemsize))


def mean_of(rows: Rows) -> Floats:
    """Return the mean row in float64, shape ``(dim,)``."""
    total = np.zeros(rows.shape[1])
    for block in rows.blocks(LOOK_ROWS):
        total += block.sum(axis=0, dtype=np.float64)
    return total / rows.shape[0]


class Centred:
    """Sorted rows with their mean taken off, in memory.

    Args:
        rows: shape ``(n, dim)``.
        order: sorts them, shape ``(n,)``.
        dtype: in which they are held.

    Attributes:
        size: rows that are read at a time: all.
        norms: squared norms of the sorted rows, shape ``(n,)``.
        largest: the largest squared norm, in float64.
    """

    def __init__(self, rows: Rows, order: Codes, dtype: type[np.floating[Any]]) -> None:
        self.size = rows.shape[0]
        self.norms = np.empty(self.size, dtype)
        self._values = np.empty(rows.shape, dtype)
        place = _inverse(order)
        mean = mean_of(rows)

        def part(start_and_block: tuple[int, Values]) -> float:
            start, block = start_and_block
            centred = block - mean
            narrow = centred.astype(dtype, copy=False)
            here = place[start : start + len(block)]
            self._values[here] = narrow
            self.norms[here] = squared_norms(narrow)
            return float(squared_norms(centred).max())

        self.largest = max(in_order(part, _in_cache(rows)), default=0.0)

    def rows(self, start: int, stop: int) -> Values:
        """Return some of the sorted rows."""
        return self._values[start:stop]

    def close(self) -> None:
        """Do nothing: memory goes with the object."""


class Spilled:
    """As `Centred`, in a temporary file without a name.

    It needs disk instead of memory and vanishes with the process, however that ends.
    """

    def __init__(self, rows: Rows, order: Codes, dtype: type[np.floating[Any]]) -> None:
        self._dim = rows.shape[1]
        self._dtype = np.dtype(dtype)
        self.size = rows_per_block(self._dim, self._dtype.itemsize) // 512 * 512
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        self.norms = np.empty(len(order), dtype)
        self.largest = 0.0
        place = _inverse(order)
        mean = mean_of(rows)
        for start, block in starting(rows.blocks(LOOK_ROWS)):
            centred = block - mean
            self.largest = max(self.largest, float(squared_norms(centred).max()))
            self._write(centred.astype(dtype), place[start : start + len(block)])

    def _write(self, block: Values, place: Codes) -> None:
        """Write rows to their places in runs, which are long: rows are sorted by class."""
        by_place = np.argsort(place, kind="stable")
        block = np.ascontiguousarray(block[by_place])
        place = place[by_place]
        self.norms[place] = squared_norms(block)
        edges = np.flatnonzero(np.diff(place) != 1) + 1
        for start, stop in pairwise([0, *edges, len(place)]):
            self._file.seek(int(place[start]) * self._dim * self._dtype.itemsize)
            self._file.write(block[start:stop].tobytes())

    def rows(self, start: int, stop: int) -> Values:
        """Return some of the sorted rows, read."""
        count = (min(stop, len(self.norms)) - start) * self._dim
        self._file.seek(start * self._dim * self._dtype.itemsize)
        data = self._file.read(count * self._dtype.itemsize)
        return np.frombuffer(data, self._dtype, count).reshape(-1, self._dim)

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()


def _in_cache(rows: Rows) -> Iterator[tuple[int, Values]]:
    """Yield all rows, few at a time, each with the number of its first row."""
    few = max(1, _CACHED // rows.shape[1])
    for start, block in starting(rows.blocks(LOOK_ROWS)):
        for row in range(0, len(block), few):
            yield start + row, block[row : row + few]


def squared_norms(rows: Values) -> Values:
    """Return the squared norm of every row, ``(n, dim)`` to ``(n,)``."""
    return np.einsum("ij,ij->i", rows, rows)


def _inverse(order: Codes) -> Codes:
    """Return the place of every row in an order of them, shape ``(n,)``."""
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place
