"""Exact k-th neighbour distances and range counts: blocked products and compiled loops, a kd-tree or a sort where those are faster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InputError

TILE = 512
_DIRECT_DIM = 10
_TREE_DIM = 3
Points = NDArray[np.floating[Any]]


def kth_distance(parts: Sequence[Points], k: int) -> NDArray[np.float64]:
    """Distance of every row to its k-th nearest other row, shape ``(n,)``.

    Args:
        parts: arrays of shape ``(n, dim)``; the distance of two rows is the largest over parts of their Euclidean distance in a part.
        k: 1 <= k < n.

    Exact in float64: distances that cancellation would spoil are taken from the rows themselves, so equal rows are at exactly 0.
    Memory is one tile and k numbers per row.

    Raises:
        InputError: k out of range, or parts of different lengths.

    Example:
        >>> kth_distance([np.array([[0.0], [1.0], [3.0]])], 1).tolist()
        [1.0, 1.0, 2.0]
    """
    n = len(parts[0])
    if any(len(p) != n for p in parts):
        raise InputError(f"parts must have equal numbers of rows, got {[len(p) for p in parts]}")
    if not 1 <= k < n:
        raise InputError(f"k must be at least 1 and below the number of rows {n}, got {k}")
    if len(parts) <= _TREE_DIM and all(p.shape[1] == 1 for p in parts):
        from scipy.spatial import cKDTree

        joint = np.concatenate(parts, axis=1).astype(np.float64)
        return np.ascontiguousarray(cKDTree(joint).query(joint, k=[k + 1], p=np.inf)[0][:, 0])
    from infoplane.analysis.kernels.neighbours_compiled import keep_smallest

    best = np.full((n, k), np.inf)
    worst = np.full(n, np.inf)
    for i, j, d in _tiles(parts):
        keep_smallest(d, i, j, best, worst)
    return np.sqrt(worst)


def count_within(part: Points, eps: NDArray[np.float64], strict: bool = True) -> NDArray[np.int64]:
    """How many other rows lie closer than ``eps[i]`` to row i (at most that far, when not ``strict``), shape ``(n,)``.

    Distances are those of `kth_distance`, computed the same way: a row at exactly ``eps`` is recognised as such.
    """
    from infoplane.analysis.kernels.neighbours_compiled import count_below, count_line

    n = len(part)
    counts = np.zeros(n, np.int64)
    if part.shape[1] == 1:
        order = np.argsort(part[:, 0], kind="stable")
        count_line(part[order, 0].astype(np.float64), order, np.asarray(eps, np.float64), strict, counts)
        return counts
    threshold = _square_threshold(np.asarray(eps, np.float64) if strict else np.nextafter(eps, np.inf))
    for i, j, d in _tiles([part]):
        count_below(d, i, j, threshold, counts)
    return counts


def _square_threshold(eps: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest t with sqrt(t) >= eps, so that ``d2 < t`` says the same as ``sqrt(d2) < eps``."""
    t = eps * eps
    for _ in range(4):
        t = np.where(np.sqrt(t) < eps, np.nextafter(t, np.inf), t)
        lower = np.nextafter(t, -np.inf)
        t = np.where((t > 0) & (np.sqrt(np.maximum(lower, 0)) >= eps), lower, t)
    return t


def _tiles(parts: Sequence[Points]) -> Iterator[tuple[int, int, NDArray[np.float64]]]:
    """Tiles of the upper half of the matrix of squared distances, with the row and column where each starts."""
    from infoplane.analysis.kernels.neighbours_compiled import from_differences, from_products

    n = len(parts[0])
    prepared = []
    for part in parts:
        z = np.ascontiguousarray(part, np.float64)
        if z.shape[1] <= _DIRECT_DIM:
            prepared.append((z, np.ascontiguousarray(z.T), np.empty(0)))
        else:
            centred = z - z.mean(axis=0)
            prepared.append((z, centred, np.einsum("ij,ij->i", centred, centred)))
    out = np.empty((TILE, TILE))
    products = np.empty((TILE, TILE))
    for i in range(0, n, TILE):
        for j in range(i, n, TILE):
            rows, columns = min(TILE, n - i), min(TILE, n - j)
            tile = out.ravel()[: rows * columns].reshape(rows, columns)
            for number, (z, c, norms) in enumerate(prepared):
                if z.shape[1] <= _DIRECT_DIM:
                    from_differences(c, i, j, tile, number > 0)
                else:
                    g = np.matmul(c[i : i + rows], c[j : j + columns].T, out=products.ravel()[: rows * columns].reshape(rows, columns))
                    from_products(g, norms[i : i + rows], norms[j : j + columns], z, i, j, tile, number > 0)
            yield i, j, tile
