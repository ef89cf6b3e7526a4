"""Exact k-th neighbour distances and range counts.

Blocked products and compiled loops, a kd-tree or a sort where those are faster.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.kernels.threads import in_order, single_blas
from infoplane.errors import InputError

TILE = 512
_DIRECT_DIM = 10
_TREE_DIM = 3
KEEP_BYTES = 1 << 27
Points = NDArray[np.floating[Any]]
Tile = NDArray[np.float64]


class Distances:
    """Squared distances between all rows, tile by tile.

    Remembered while they fit into 128 MiB (5792 rows), else made anew each time.

    Exact in float64: distances that cancellation would spoil are taken from the rows themselves, so equal rows are at exactly 0.

    Args:
        points: shape ``(n, dim)``.
    """

    def __init__(self, points: Points) -> None:
        z = np.ascontiguousarray(points, np.float64)
        self.points, self.n, self.dim = z, *z.shape
        self._direct = self.dim <= _DIRECT_DIM
        self._columns = np.ascontiguousarray(z.T) if self._direct else z - z.mean(axis=0)
        self._norms = (
            np.empty(0) if self._direct else np.einsum("ij,ij->i", self._columns, self._columns)
        )
        self._kept: dict[tuple[int, int], Tile] | None = (
            {} if self.n * (self.n + TILE) * 4 <= KEEP_BYTES else None
        )

    def tile(self, i: int, j: int) -> Tile:
        """Return rows i.. against rows j.. >= i; not to be written to."""
        if self._kept is not None and (i, j) in self._kept:
            return self._kept[i, j]
        d = self.made(i, j)
        if self._kept is not None:
            self._kept[i, j] = d
        return d

    def made(self, i: int, j: int) -> Tile:
        from infoplane.analysis.kernels.neighbours_compiled import from_differences, from_products

        rows, columns = min(TILE, self.n - i), min(TILE, self.n - j)
        if self._direct:
            d = np.empty((rows, columns))
            from_differences(self._columns, i, j, d)
            return d
        c, norms = self._columns, self._norms
        d = c[i : i + rows] @ c[j : j + columns].T
        from_products(d, norms[i : i + rows], norms[j : j + columns], self.points, i, j)
        return d


class _Shared:
    """The distances of the last few sets of points, by content.

    X is the same for every layer, Z for X and for Y.
    """

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self.known: OrderedDict[bytes, Distances] = OrderedDict()

    def of(self, points: Points) -> Distances:
        z = np.ascontiguousarray(points, np.float64)
        if z.shape[0] * (z.shape[0] + TILE) * 4 > KEEP_BYTES:
            return Distances(z)
        key = hashlib.blake2b(z.data, digest_size=16, salt=str(z.shape[1]).encode()[:16]).digest()
        with self._lock:
            found = self.known.pop(key, None) or Distances(z)
            self.known[key] = found
            while len(self.known) > self._most:
                self.known.popitem(last=False)
            return found


shared = _Shared(3)


def kth_distance(parts: Sequence[Points], k: int) -> NDArray[np.float64]:
    """Return the distance of every row to its k-th nearest other row, shape ``(n,)``.

    See `kth_distances`.

    Example:
        >>> kth_distance([np.array([[0.0], [1.0], [3.0]])], 1).tolist()
        [1.0, 1.0, 2.0]
    """
    return kth_distances(parts, (k,))[0]


def kth_distances(parts: Sequence[Points], ks: Sequence[int]) -> list[NDArray[np.float64]]:
    """Return every row's distance to its k-th nearest other row for several k, ``(n,)`` each.

    Args:
        parts: arrays of shape ``(n, dim)``; the distance of two rows is the largest over parts of their Euclidean distance in a part.
        ks: each 1 <= k < n.

    See `Distances` for exactness. Memory beyond those is one tile per thread and k numbers per row.

    Raises:
        InputError: k out of range, or parts of different lengths.
    """
    n, k = len(parts[0]), max(ks)
    if any(len(p) != n for p in parts):
        raise InputError(f"parts must have equal numbers of rows, got {[len(p) for p in parts]}")
    if not 1 <= min(ks) <= k < n:
        raise InputError(f"k must be at least 1 and below the number of rows {n}, got {k}")
    if len(parts) <= _TREE_DIM and all(p.shape[1] == 1 for p in parts):
        from scipy.spatial import cKDTree

        joint = np.concatenate(parts, axis=1).astype(np.float64)
        found = cKDTree(joint).query(joint, k=[k + 1 for k in ks], p=np.inf)[0]
        return [np.ascontiguousarray(found[:, j]) for j in range(len(ks))]
    squares = _smallest_squares(parts, k)
    return [np.sqrt(squares[:, k - 1]) for k in ks]


def _smallest_squares(parts: Sequence[Points], k: int) -> NDArray[np.float64]:
    """Return every row's k smallest squared distances, ascending, shape ``(n, k)``."""
    from infoplane.analysis.kernels.neighbours_compiled import keep_smallest, merge_smallest

    n = len(parts[0])
    distances = [shared.of(p) for p in parts]
    first, between, last = distances[0], distances[1:-1], distances[-1]  # of one part the same
    best, worst = np.full((n, k), np.inf), np.full(n, np.inf)

    def strip(i: int) -> NDArray[np.float64]:
        smallest = np.full((n - i, k), np.inf)
        limit = worst[i:].copy()  # what others found so far only spares work
        room = np.empty((min(TILE, n - i), TILE if between else 0))
        for j in range(i, n, TILE):
            largest = first.tile(i, j)  # (rows, columns)
            for other in between:
                largest = np.maximum(largest, other.tile(i, j), out=room[:, : largest.shape[1]])
            keep_smallest(largest, last.tile(i, j), 0, j - i, smallest, limit)
        return smallest

    starts = range(0, n, TILE)
    with single_blas():
        for i, smallest in zip(starts, in_order(strip, starts), strict=True):
            merge_smallest(best[i:], worst[i:], smallest)
    return best


def count_within(part: Points, eps: NDArray[np.float64], strict: bool = True) -> NDArray[np.int64]:
    """Count the other rows closer than ``eps[i]`` to row i, shape ``(n,)``.

    At most that far, when not ``strict``.

    Distances are those of `kth_distance`, computed the same way: a row at exactly ``eps`` is recognised as such.
    """
    from infoplane.analysis.kernels.neighbours_compiled import count_below, count_line

    n = len(part)
    counts = np.zeros(n, np.int64)
    if part.shape[1] == 1:
        order = np.argsort(part[:, 0], kind="stable")
        # Nothing lies strictly within 0: a negative reach spares the walk through equal values.
        reach = np.where(eps > 0, eps, -1.0) if strict else np.asarray(eps, np.float64)
        count_line(part[order, 0].astype(np.float64), order, reach, strict, counts)
        return counts
    threshold = _square_threshold(
        np.asarray(eps, np.float64) if strict else np.nextafter(eps, np.inf)
    )
    distances = shared.of(part)

    def strip(i: int) -> NDArray[np.int64]:
        found = np.zeros(n - i, np.int64)
        for j in range(i, n, TILE):
            count_below(distances.tile(i, j), i, j, threshold, found)
        return found

    with single_blas():
        for i, found in zip(range(0, n, TILE), in_order(strip, range(0, n, TILE)), strict=True):
            counts[i:] += found
    return counts


def _square_threshold(eps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the smallest t with sqrt(t) >= eps.

    ``d2 < t`` says the same as ``sqrt(d2) < eps``.
    """
    t = eps * eps
    for _ in range(4):
        t = np.where(np.sqrt(t) < eps, np.nextafter(t, np.inf), t)
        lower = np.nextafter(t, -np.inf)
        t = np.where((t > 0) & (np.sqrt(np.maximum(lower, 0)) >= eps), lower, t)
    return t
