"""Exact k-th neighbour distances and range counts.

Blocked products and compiled loops, a kd-tree or a sort where those are faster.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infoplane.analysis.kernels.threads import in_order, single_blas
from infoplane.errors import InputError
from infoplane.types.arrays import Counts, Floats, Values

TILE = 512
_DIRECT_DIM = 10
_TREE_DIM = 3
KEEP_BYTES = 1 << 27


class Distances:
    """Squared distances between all rows, tile by tile.

    Remembered while they fit into 128 MiB (5792 rows), else made anew each time.

    Exact in float64: distances that cancellation would spoil are taken from the rows themselves, so
    equal rows are at exactly 0.

    Args:
        points: shape ``(n, dim)``.
    """

    def __init__(self, points: Values) -> None:
        self.points = np.ascontiguousarray(points, np.float64)
        self.n, self.dim = self.points.shape
        self._direct = self.dim <= _DIRECT_DIM
        if self._direct:
            self._coordinates = np.ascontiguousarray(self.points.T)  # (dim, n)
        else:
            self._centred: Floats = self.points - self.points.mean(axis=0)  # (n, dim)
            self._norms = np.einsum("ij,ij->i", self._centred, self._centred)
        self._remembers = self.n * (self.n + TILE) * 4 <= KEEP_BYTES
        self._tiles: dict[tuple[int, int], Floats] = {}

    def tile(self, row: int, column: int) -> Floats:
        """Return the tile that begins at a row and at a column >= row; not to be written to."""
        from infoplane.analysis.kernels.neighbours_compiled import from_differences, from_products

        place = (row, column)
        if place in self._tiles:
            return self._tiles[place]
        rows = slice(row, min(row + TILE, self.n))
        columns = slice(column, min(column + TILE, self.n))
        if self._direct:
            made = np.empty((rows.stop - row, columns.stop - column))
            from_differences(self._coordinates, row, column, made)
        else:
            made = self._centred[rows] @ self._centred[columns].T
            from_products(made, self._norms[rows], self._norms[columns], self.points, row, column)
        if self._remembers:
            self._tiles[place] = made
        return made


def distances_of(points: Values | Distances) -> Distances:
    """Return the distances themselves, or those of rows ``(n, dim)``."""
    return points if isinstance(points, Distances) else Distances(points)


def kth_distance(parts: Sequence[Values | Distances], k: int) -> Floats:
    """Return the distance of every row to its k-th nearest other row, shape ``(n,)``.

    See `kth_distances`.

    Example:
        >>> kth_distance([np.array([[0.0], [1.0], [3.0]])], 1).tolist()
        [1.0, 1.0, 2.0]
    """
    return kth_distances(parts, (k,))[0]


def kth_distances(parts: Sequence[Values | Distances], ks: Sequence[int]) -> list[Floats]:
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
    distances = [distances_of(part) for part in parts]
    n = distances[0].n
    most = max(ks)
    if any(part.n != n for part in distances):
        lengths = [part.n for part in distances]
        raise InputError(f"parts must have equal numbers of rows, got {lengths}")
    if not 1 <= min(ks) <= most < n:
        raise InputError(f"k must be at least 1 and below the number of rows {n}, got {most}")
    if len(parts) <= _TREE_DIM and all(part.dim == 1 for part in distances):
        from scipy.spatial import cKDTree

        joint = np.concatenate([part.points for part in distances], axis=1)
        found = cKDTree(joint).query(joint, k=[k + 1 for k in ks], p=np.inf)[0]  # (n, ks)
        return [np.ascontiguousarray(column) for column in found.T]
    squares = _smallest_squares(distances, most)
    return [np.sqrt(squares[:, k - 1]) for k in ks]


def _smallest_squares(distances: Sequence[Distances], k: int) -> Floats:
    """Return every row's k smallest squared distances, ascending, shape ``(n, k)``."""
    from infoplane.analysis.kernels.neighbours_compiled import keep_smallest, merge_smallest

    n = distances[0].n
    first = distances[0]
    between = distances[1:-1]
    last = distances[-1]  # of one part the first again
    best = np.full((n, k), np.inf)
    worst = np.full(n, np.inf)

    def strip(row: int) -> Floats:
        smallest = np.full((n - row, k), np.inf)
        limit = worst[row:].copy()  # what others found so far only spares work
        room = np.empty((min(TILE, n - row), TILE if between else 0))
        for column in range(row, n, TILE):
            largest = first.tile(row, column)  # (rows, columns)
            for part in between:
                out = room[:, : largest.shape[1]]
                largest = np.maximum(largest, part.tile(row, column), out=out)
            keep_smallest(largest, last.tile(row, column), column - row, smallest, limit)
        return smallest

    starts = range(0, n, TILE)
    with single_blas():
        for row, smallest in zip(starts, in_order(strip, starts), strict=True):
            merge_smallest(best[row:], worst[row:], smallest)
    return best


def count_within(part: Values | Distances, eps: Floats, strict: bool = True) -> Counts:
    """Count the other rows closer than ``eps[i]`` to row i, shape ``(n,)``.

    Distances are those of `kth_distance`, computed the same way: a row at exactly ``eps`` is
    recognised as such.

    Args:
        part: rows, shape ``(n, dim)``, or their distances.
        eps: shape ``(n,)``.
        strict: whether rows at exactly that distance are left out.
    """
    from infoplane.analysis.kernels.neighbours_compiled import count_below, count_line

    distances = distances_of(part)
    n = distances.n
    counts = np.zeros(n, np.int64)
    if distances.dim == 1:
        line = distances.points[:, 0]
        order = np.argsort(line, kind="stable")
        # Nothing lies strictly within 0: a negative reach spares the walk through equal values.
        reach = np.where(eps > 0, eps, -1.0) if strict else eps
        count_line(line[order], order, reach, strict, counts)
        return counts
    reach = eps if strict else np.nextafter(eps, np.inf)
    threshold = _square_threshold(reach)

    def strip(row: int) -> Counts:
        found = np.zeros(n - row, np.int64)
        for column in range(row, n, TILE):
            count_below(distances.tile(row, column), row, column, threshold, found)
        return found

    starts = range(0, n, TILE)
    with single_blas():
        for row, found in zip(starts, in_order(strip, starts), strict=True):
            counts[row:] += found
    return counts


def _square_threshold(eps: Floats) -> Floats:
    """Return the smallest t with sqrt(t) >= eps, shape ``(n,)``.

    ``d2 < t`` says the same as ``sqrt(d2) < eps``.
    """
    squares = eps * eps
    for _ in range(4):
        squares = np.where(np.sqrt(squares) < eps, np.nextafter(squares, np.inf), squares)
        lower = np.nextafter(squares, -np.inf)
        enough = (squares > 0) & (np.sqrt(np.maximum(lower, 0)) >= eps)
        squares = np.where(enough, lower, squares)
    return squares
