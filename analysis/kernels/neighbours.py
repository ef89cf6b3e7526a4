"""Exact k-th neighbour distances and range counts.

Blocked products and compiled loops, a kd-tree or a sort where those are faster.
"""

from __future__ import annotations

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

    Exact in float64: distances that cancellation would spoil are taken from the rows themselves, so
    equal rows are at exactly 0.

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


def distances_of(points: Points | Distances) -> Distances:
    """Return the distances themselves, or those of rows ``(n, dim)``."""
    return points if isinstance(points, Distances) else Distances(points)


def kth_distance(parts: Sequence[Points | Distances], k: int) -> NDArray[np.float64]:
    """Return the distance of every row to its k-th nearest other row, shape ``(n,)``.

    See `kth_distances`.

    Example:
        >>> kth_distance([np.array([[0.0], [1.0], [3.0]])], 1).tolist()
        [1.0, 1.0, 2.0]
    """
    return kth_distances(parts, (k,))[0]


def kth_distances(
    parts: Sequence[Points | Distances], ks: Sequence[int]
) -> list[NDArray[np.float64]]:
    """Return every row's distance to its k-th nearest other row for several k, ``(n,)`` each.

    Args:
        parts: arrays of shape ``(n, dim)``, or their `Distances` where these are asked for again;
            the distance of two rows is the largest over parts of their Euclidean distance in a
            part.
        ks: each 1 <= k < n.

    See `Distances` for exactness. Memory beyond those is one tile per thread and k numbers per row.

    Raises:
        InputError: k out of range, or parts of different lengths.
    """
    distances = [distances_of(p) for p in parts]
    n, k = distances[0].n, max(ks)
    if any(d.n != n for d in distances):
        raise InputError(f"parts must have equal numbers of rows, got {[d.n for d in distances]}")
    if not 1 <= min(ks) <= k < n:
        raise InputError(f"k must be at least 1 and below the number of rows {n}, got {k}")
    if len(parts) <= _TREE_DIM and all(d.dim == 1 for d in distances):
        from scipy.spatial import cKDTree

        joint = np.concatenate([d.points for d in distances], axis=1)
        found = cKDTree(joint).query(joint, k=[k + 1 for k in ks], p=np.inf)[0]
        return [np.ascontiguousarray(found[:, j]) for j in range(len(ks))]
    squares = _smallest_squares(distances, k)
    return [np.sqrt(squares[:, k - 1]) for k in ks]


def _smallest_squares(distances: Sequence[Distances], k: int) -> NDArray[np.float64]:
    """Return every row's k smallest squared distances, ascending, shape ``(n, k)``."""
    from infoplane.analysis.kernels.neighbours_compiled import keep_smallest, merge_smallest

    n = distances[0].n
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


def count_within(
    part: Points | Distances, eps: NDArray[np.float64], strict: bool = True
) -> NDArray[np.int64]:
    """Count the other rows closer than ``eps[i]`` to row i, shape ``(n,)``.

    At most that far, when not ``strict``.

    Distances are those of `kth_distance`, computed the same way: a row at exactly ``eps`` is
    recognised as such.
    """
    from infoplane.analysis.kernels.neighbours_compiled import count_below, count_line

    distances = distances_of(part)
    n = distances.n
    counts = np.zeros(n, np.int64)
    if distances.dim == 1:
        line = distances.points[:, 0]
        order = np.argsort(line, kind="stable")
        # Nothing lies strictly within 0: a negative reach spares the walk through equal values.
        reach = np.where(eps > 0, eps, -1.0) if strict else np.asarray(eps, np.float64)
        count_line(line[order], order, reach, strict, counts)
        return counts
    threshold = _square_threshold(
        np.asarray(eps, np.float64) if strict else np.nextafter(eps, np.inf)
    )

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
