"""Compiled loops of `pairwise`: from a tile of products or from coordinates to sums of exponentials. Written so that they vectorise."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

_FAST = {"reassoc", "contract", "nsz"}
_F = np.float32
_LOG2E, _LN2_HIGH, _LN2_LOW = _F(1.4426950408889634), _F(0.693359375), _F(-2.12194440e-4)
_C2, _C3, _C4, _C5, _C6 = _F(1 / 2), _F(1 / 6), _F(1 / 24), _F(1 / 120), _F(1 / 720)
_FLUSH = 64
# Below these the sums, which hold a 1 from the row itself, do not notice; above them no number is denormal, and denormals are slow.
_LEAST_EXPONENT, _LEAST_LOW = _F(-80.0), _F(5e-10)


@numba.njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]  # numba has no types
def exponentials(d: Any, rate: Any, low: Any, up: Any, n: int) -> None:
    """``low = exp(-d rate)`` and ``up = low^4`` in float32, relative error about 1e-7: one exponential serves both bounds."""
    for c in range(n):
        t = max(-max(d[c], _F(0)) * rate, _LEAST_EXPONENT)
        k = np.rint(t * _LOG2E)
        r = t - k * _LN2_HIGH
        r = r - k * _LN2_LOW
        p = _F(1) + r * (_F(1) + r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * _C6)))))
        e = p * np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)
        low[c] = e
        e = max(e, _LEAST_LOW)
        e = e * e
        up[c] = e * e


@numba.njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]  # numba has no types
def total_of(values: Any) -> Any:
    """Sum of a stretch of a float32 row."""
    s = _F(0)
    for c in range(len(values)):
        s += values[c]
    return s


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]  # numba has no types
def add(into: Any, values: Any) -> None:
    """Add a stretch of a row to a running one."""
    for c in range(len(values)):
        into[c] += values[c]


@numba.njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]  # numba has no types
def distances_from_products(g: Any, r: int, mine: Any, nj: Any, d: Any) -> None:
    """One row of squared distances from products and squared norms."""
    line = g[r]
    for c in range(len(line)):
        d[c] = _F(mine + nj[c] - line[c] - line[c])


@numba.njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]  # numba has no types
def distances_from_columns(zt: Any, i: int, j0: int, n: int, d: Any) -> None:
    """One row of squared distances from the coordinates, shape (dim, rows): no cancellation."""
    for c in range(n):
        d[c] = _F(0)
    for k in range(zt.shape[0]):
        centre = zt[k, i]
        line = zt[k, j0 : j0 + n]  # a slice: numba vectorises no index that might be negative
        for c in range(len(line)):
            step = _F(line[c] - centre)
            d[c] += step * step


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]  # numba has no types
def tile(
    g: Any, zt: Any, norms: Any, first: Any, last: Any, i0: int, j0: int, rows: int, columns: int, rates: Any, total: Any, own: Any
) -> None:
    """Add one tile of the upper half to the sums of its rows and, off the diagonal, of its columns.

    Products ``g`` are used when it has entries, coordinates ``zt`` otherwise. Rows are sorted by class: row i's class is first[i]..last[i].
    ``total`` and ``own`` have shape (2 v, n).
    """
    d = np.empty(columns, np.float32)
    low = np.empty(columns, np.float32)
    up = np.empty(columns, np.float32)
    sums = np.zeros((4 * len(rates), columns), np.float32)
    diagonal = i0 == j0
    for r in range(rows):
        i = i0 + r
        if g.size:
            distances_from_products(g, r, norms[i], norms[j0 : j0 + columns], d)
        else:
            distances_from_columns(zt, i, j0, columns, d)
        if diagonal:
            d[r] = 0
        start = min(max(first[i] - j0, 0), columns)
        stop = max(min(last[i] - j0, columns), start)
        for v in range(len(rates)):
            exponentials(d, rates[v], low, up, columns)
            total[2 * v, i] += total_of(low)
            total[2 * v + 1, i] += total_of(up)
            own[2 * v, i] += total_of(low[start:stop])
            own[2 * v + 1, i] += total_of(up[start:stop])
            if not diagonal:
                add(sums[4 * v], low)
                add(sums[4 * v + 1], up)
                add(sums[4 * v + 2, start:stop], low[start:stop])
                add(sums[4 * v + 3, start:stop], up[start:stop])
        if not diagonal and (r % _FLUSH == _FLUSH - 1 or r == rows - 1):
            for v in range(len(rates)):
                add(total[2 * v, j0 : j0 + columns], sums[4 * v])
                add(total[2 * v + 1, j0 : j0 + columns], sums[4 * v + 1])
                add(own[2 * v, j0 : j0 + columns], sums[4 * v + 2])
                add(own[2 * v + 1, j0 : j0 + columns], sums[4 * v + 3])
            sums[:] = 0
