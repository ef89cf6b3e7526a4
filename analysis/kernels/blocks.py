"""Rows that may not fit into memory.

Read in blocks, centred and sorted once, in memory or in a temporary file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.kernels.threads import in_order
from infoplane.contract import Rows

Values = NDArray[np.floating[Any]]
Codes = NDArray[np.int64]
LOOK_ROWS = 4096
BLOCK_BYTES = 1 << 27
_CACHED = 1 << 16  # values that are worked on at a time


class Held:
    """An array as `Rows`."""

    def __init__(self, z: Values) -> None:
        self.z, self.dtype = z, z.dtype
        self.shape: tuple[int, int] = (z.shape[0], z.shape[1])

    def blocks(self, rows: int) -> Iterator[Values]:
        """Slices."""
        for start in range(0, len(self.z), rows):
            yield self.z[start : start + rows]


def starting(blocks: Iterable[Values]) -> Iterator[tuple[int, Values]]:
    """Return blocks, each with the number of its first row."""
    start = 0
    for block in blocks:
        yield start, block
        start += len(block)


def fits_float32(largest: float, rates: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the rates for which products of float32 rows are exact to 7e-6 nats, 1e-5 bit."""
    return np.asarray(2 * float(np.finfo(np.float32).eps) * largest * 4 * rates < 7e-6)


def rows_per_block(dim: int, itemsize: int) -> int:
    """Return rows of a block of about 128 MiB."""
    return max(LOOK_ROWS, BLOCK_BYTES // max(1, dim * itemsize))


def mean_of(rows: Rows) -> NDArray[np.float64]:
    """Return mean row in float64."""
    total = np.zeros(rows.shape[1])
    for block in rows.blocks(LOOK_ROWS):
        total += block.sum(axis=0, dtype=np.float64)
    return total / rows.shape[0]


class Centred:
    """Sorted rows with their mean taken off, in memory; ``largest`` is the largest squared norm."""

    def __init__(self, rows: Rows, order: Codes, dtype: type[np.floating[Any]]) -> None:
        n, dim = rows.shape
        self.c = np.empty((n, dim), dtype)
        self.size, self.norms = n, np.empty(n, dtype)
        place = np.empty(n, np.int64)
        place[order] = np.arange(n)
        mean = mean_of(rows)

        def part(job: tuple[int, Values]) -> float:
            start, block = job
            centred = block - mean
            here, narrow = place[start : start + len(block)], centred.astype(dtype, copy=False)
            self.c[here] = narrow
            self.norms[here] = np.einsum("ij,ij->i", narrow, narrow)
            return float(np.einsum("ij,ij->i", centred, centred).max())

        self.largest = max(in_order(part, _in_cache(rows)), default=0.0)

    def rows(self, start: int, stop: int) -> Values:
        """Return some of the sorted rows."""
        return self.c[start:stop]

    def close(self) -> None:
        """Nothing to let go of."""


class Spilled:
    """As `Centred`, in a temporary file without a name.

    It needs disk instead of memory and vanishes with the process, however that ends.

    Attributes:
        size: rows that are read at a time. norms: of the stored rows.
    """

    def __init__(self, rows: Rows, order: Codes, dtype: type[np.floating[Any]]) -> None:
        n, self._dim = rows.shape
        self._dtype = np.dtype(dtype)
        self.size = rows_per_block(self._dim, self._dtype.itemsize) // 512 * 512
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        self.norms = np.empty(n, dtype)
        self.largest = 0.0
        place = np.empty(n, np.int64)
        place[order] = np.arange(n)
        for start, block, norms in _centred_blocks(rows):
            self.largest = max(self.largest, float(norms.max()))
            self._scatter(block.astype(dtype), place[start : start + len(block)])

    def _scatter(self, block: Values, place: Codes) -> None:
        """Return rows to their places: sorting by class leaves long runs."""
        by_place = np.argsort(place, kind="stable")
        block, place = np.ascontiguousarray(block[by_place]), place[by_place]
        self.norms[place] = np.einsum("ij,ij->i", block, block)
        edges = np.flatnonzero(np.diff(place) != 1) + 1
        for a, b in zip([0, *edges], [*edges, len(place)], strict=True):
            self._file.seek(int(place[a]) * self._dim * self._dtype.itemsize)
            self._file.write(block[a:b].tobytes())

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
        for k in range(0, len(block), few):
            yield start + k, block[k : k + few]


def _centred_blocks(rows: Rows) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """Start, centred block in float64 and its squared norms."""
    mean = mean_of(rows)
    for start, block in starting(rows.blocks(LOOK_ROWS)):
        centred = block - mean
        yield start, centred, np.einsum("ij,ij->i", centred, centred)
