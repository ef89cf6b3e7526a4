"""Compiled loops of `neighbours`.

A tile of squared distances, the k smallest per row, counts below a threshold.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from infoplane.jit import compiled, inlined

_CLOSE = 1e-6
_FAST = {"nnan", "nsz"}
_STRETCH = 64


@compiled(fastmath=_FAST)
def _row_from_products(g: Any, mine: float, norms: Any) -> float:
    least = np.inf
    for c in range(len(g)):
        d = mine + norms[c] - 2.0 * g[c]
        g[c] = d
        least = min(least, d)
    return least


@compiled()
def from_products(g: Any, ni: Any, nj: Any, z: Any, i0: int, j0: int) -> None:
    """Turn products of a tile into squared distances.

    Those small enough to suffer from cancellation are taken from the rows themselves.
    """
    rows, columns = g.shape
    dim = z.shape[1]
    largest = nj.max()
    for r in range(rows):
        least = _row_from_products(g[r], ni[r], nj)
        if least < _CLOSE * (ni[r] + largest):
            for c in range(columns):
                if g[r, c] < _CLOSE * (ni[r] + nj[c]):
                    d = 0.0
                    for k in range(dim):
                        step = z[i0 + r, k] - z[j0 + c, k]
                        d += step * step
                    g[r, c] = d


@compiled()
def from_differences(zt: Any, i0: int, j0: int, out: Any) -> None:
    """Squared distances of a tile from columns ``zt`` of shape (dim, n), without cancellation."""
    rows, columns = out.shape
    for r in range(rows):
        line = out[r]
        line[:] = 0.0
        for k in range(zt.shape[0]):
            centre = zt[k, i0 + r]
            others = zt[k, j0 : j0 + columns]
            for c in range(len(line)):
                step = others[c] - centre
                line[c] += step * step


@inlined()
def _insert(best: Any, row: int, value: float) -> None:
    p = best.shape[1] - 1
    while p > 0 and best[row, p - 1] > value:
        best[row, p] = best[row, p - 1]
        p -= 1
    best[row, p] = value


@compiled(fastmath=_FAST)
def _any_below(d: Any, e: Any, mine: float, theirs: Any, larger: Any) -> bool:
    found = 0
    for c in range(len(d)):
        v = d[c] if d[c] > e[c] else e[c]
        larger[c] = v
        found += (v < mine) | (v < theirs[c])
    return found > 0


@compiled()
def keep_smallest(d: Any, e: Any, i0: int, j0: int, best: Any, worst: Any) -> None:
    """Update the k smallest values per row with the larger of two tiles of the upper half."""
    last = best.shape[1] - 1
    larger = np.empty(_STRETCH)
    for r in range(d.shape[0]):
        i = i0 + r
        for c0 in range(r + 1 if i0 == j0 else 0, d.shape[1], _STRETCH):
            c1 = min(c0 + _STRETCH, d.shape[1])
            if not _any_below(d[r, c0:c1], e[r, c0:c1], worst[i], worst[j0 + c0 : j0 + c1], larger):
                continue
            for c in range(c0, c1):
                v = larger[c - c0]
                if v < worst[i]:
                    _insert(best, i, v)
                    worst[i] = best[i, last]
                j = j0 + c
                if v < worst[j]:
                    _insert(best, j, v)
                    worst[j] = best[j, last]


@compiled()
def merge_smallest(best: Any, worst: Any, other: Any) -> None:
    """Update the k smallest values per row with k others, infinity for none."""
    last = best.shape[1] - 1
    for i in range(len(best)):
        for c in range(last + 1):
            if other[i, c] >= worst[i]:
                break
            _insert(best, i, other[i, c])
            worst[i] = best[i, last]


@compiled(fastmath=_FAST)
def _count_row(d: Any, mine: float, theirs: Any, counts: Any) -> int:
    found = 0
    for c in range(len(d)):
        found += d[c] < mine
        counts[c] += d[c] < theirs[c]
    return found


@compiled()
def count_below(d: Any, i0: int, j0: int, threshold: Any, counts: Any) -> None:
    """Add to ``counts`` the values of a tile below the threshold of row and of column.

    Rows count from i0 on; the tile is of the upper half.
    """
    for r in range(d.shape[0]):
        start = r + 1 if i0 == j0 else 0
        theirs = threshold[j0 + start : j0 + d.shape[1]]
        columns = counts[j0 - i0 + start : j0 - i0 + d.shape[1]]
        counts[r] += _count_row(d[r, start:], threshold[i0 + r], theirs, columns)


@compiled()
def count_line(values: Any, order: Any, eps: Any, strict: bool, counts: Any) -> None:
    """Count neighbours on a line.

    ``values`` ascend, ``order`` are their rows. ``|difference|`` is compared exactly, and the row
    itself is not counted.
    """
    n = len(values)
    for p in range(n):
        reach = eps[order[p]]
        low = np.searchsorted(values[:p], values[p] - reach)
        while low > 0 and _inside(values[p] - values[low - 1], reach, strict):
            low -= 1
        while low < p and not _inside(values[p] - values[low], reach, strict):
            low += 1
        high = p + np.searchsorted(values[p:], values[p] + reach)
        high = max(high, p + 1)
        while high < n and _inside(values[high] - values[p], reach, strict):
            high += 1
        while high > p + 1 and not _inside(values[high - 1] - values[p], reach, strict):
            high -= 1
        counts[order[p]] = high - low - 1


@inlined()
def _inside(distance: float, reach: float, strict: bool) -> bool:
    return distance < reach or (not strict and distance == reach)
