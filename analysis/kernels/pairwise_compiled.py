"""Compiled loops of `pairwise`.

From a tile of products or from coordinates to sums of Gaussian kernels. Written so that they
vectorise.

Functions called by loops are inlined by force: linked, the copy that runs depends on whether this
process compiled it or read it from the cache, and the two round differently.

A row of a tile stays in the first-level cache. ``low`` is exp(-D / 8 s2) and ``up = low^4`` is
exp(-D / 2 s2): one exponential, two bounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from infoplane.jit import compiled, inlined

_FAST = {"reassoc", "contract", "nsz", "nnan", "ninf"}
_F = np.float32
# 2^r = 1 + r (c1 + ...) on [-1/2, 1/2]: relative error 9.2e-8 before rounding (Remez), exactly 1 at
# 0
_C1, _C2, _C3, _C4, _C5 = (
    _F(0.69314698),
    _F(0.24022242),
    _F(0.05550734),
    _F(0.00967152),
    _F(0.00132647),
)
_FLUSH = 64
# Below these the sums, which hold a 1 from the row itself, do not notice; above them no number is
# denormal, and denormals are slow.
_LEAST_EXPONENT, _LEAST_LOW = _F(-120.0), _F(4.7e-10)
UNROLL = 5


@inlined(fastmath=_FAST)
def _power_of_two(t: Any) -> Any:
    """Return ``2^t`` for -120 <= t <= 0 in float32.

    Relative error below 2e-7, exactly 1 at 0.
    """
    k = np.rint(t)
    r = t - k
    p = _F(1) + r * (_C1 + r * (_C2 + r * (_C3 + r * (_C4 + r * _C5))))
    return p * np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)


@compiled(fastmath=_FAST, forceinline=True)
def add_kernels(d: Any, scale: Any, low_columns: Any, up_columns: Any) -> Any:
    """Kernels of one stretch of squared distances: added to the running sums of its columns.

    Their two sums are returned.
    """
    low_sum, up_sum = _F(0), _F(0)
    for c in range(len(d)):
        low = _power_of_two(min(max(d[c] * scale, _LEAST_EXPONENT), _F(0)))
        up = max(low, _LEAST_LOW)
        up = up * up
        up = up * up
        low_sum += low
        up_sum += up
        low_columns[c] += low
        up_columns[c] += up
    return low_sum, up_sum


@compiled(fastmath=_FAST, forceinline=True)
def kernels(d: Any, scale: Any, low: Any, up: Any) -> None:
    """The kernels themselves, for sums over several groupings of the same rows."""
    for c in range(len(d)):
        e = _power_of_two(min(max(d[c] * scale, _LEAST_EXPONENT), _F(0)))
        low[c] = e
        e = max(e, _LEAST_LOW)
        e = e * e
        up[c] = e * e


@compiled(fastmath=_FAST, forceinline=True)
def add_group(low: Any, up: Any, group: Any, mine: Any, low_columns: Any, up_columns: Any) -> Any:
    """As `add_kernels`, of those columns whose group is ``mine``."""
    low_sum, up_sum = _F(0), _F(0)
    for c in range(len(low)):
        e = low[c] if group[c] == mine else _F(0)
        f = up[c] if group[c] == mine else _F(0)
        low_sum += e
        up_sum += f
        low_columns[c] += e
        up_columns[c] += f
    return low_sum, up_sum


@compiled(fastmath=_FAST, forceinline=True)
def distances_from_products(g: Any, mine: Any, norms: Any, d: Any) -> None:
    """One row of squared distances from products and squared norms."""
    for c in range(len(g)):
        d[c] = _F(mine + norms[c] - g[c] - g[c])


@compiled(fastmath=_FAST, forceinline=True)
def distances_from_columns(zt: Any, i: int, j0: int, j1: int, d: Any) -> None:
    """One row of squared distances from coordinates of shape (a multiple of 5, rows).

    No cancellation.
    """
    for c in range(j1 - j0):
        d[c] = _F(0)
    for k in range(0, zt.shape[0], UNROLL):
        a0, a1, a2, a3, a4 = zt[k, i], zt[k + 1, i], zt[k + 2, i], zt[k + 3, i], zt[k + 4, i]
        z0, z1, z2, z3, z4 = (
            zt[k, j0:j1],
            zt[k + 1, j0:j1],
            zt[k + 2, j0:j1],
            zt[k + 3, j0:j1],
            zt[k + 4, j0:j1],
        )
        for c in range(len(z0)):  # slices: numba vectorises no index that might be negative
            b0, b1, b2, b3, b4 = z0[c] - a0, z1[c] - a1, z2[c] - a2, z3[c] - a3, z4[c] - a4
            d[c] += _F(b0 * b0 + b1 * b1 + b2 * b2 + b3 * b3 + b4 * b4)


@compiled()
def tile(  # noqa: C901  # written as one loop, so that numba compiles one
    g: Any,
    zt: Any,
    norms: Any,
    first: Any,
    last: Any,
    groups: Any,
    i0: int,
    j0: int,
    rows: int,
    columns: int,
    scales: Any,
    sums: Any,
    below: Any,
    at: int,
) -> None:
    """Add one tile of the upper half to the sums of its rows and of its columns.

    Products ``g`` are used when it has entries, coordinates ``zt`` otherwise. Rows are sorted by
    class: row i's class is first[i]..last[i]. ``groups`` (m, n) are further groupings. ``sums`` (v,
    2 + m, 2, rows) and ``below`` (v, 2 + m, 2, ...), where the columns of this tile begin ``at``:
    of all rows, own class, own groups; low and up. All arrays are whole ones: numba compiles once
    more for slices.
    """
    d = np.empty(columns, np.float32)
    low = np.empty(columns, np.float32)
    up = np.empty(columns, np.float32)
    nv, ng = len(scales), len(groups)
    running = np.zeros(
        (nv, 2 + ng, 2, columns), np.float32
    )  # of columns: outside the class of the row, inside it, inside its groups
    diagonal = i0 == j0
    for r in range(rows):
        i = i0 + r
        lo = r + 1 if diagonal else 0
        if g.size:
            distances_from_products(g[r, lo:], norms[i], norms[j0 + lo : j0 + columns], d[lo:])
        else:
            distances_from_columns(zt, i, j0 + lo, j0 + columns, d[lo:])
        start = min(max(first[i] - j0, lo), columns)
        stop = max(min(last[i] - j0, columns), start)
        for v in range(nv):
            for k in range(
                3
            ):  # before the class of the row, within it, after it: written once, compiled once
                c0 = lo if k == 0 else start if k == 1 else stop
                c1 = start if k == 0 else stop if k == 1 else columns
                if c1 > c0:
                    la, ua = add_kernels(
                        d[c0:c1],
                        scales[v],
                        running[v, k % 2, 0, c0:c1],
                        running[v, k % 2, 1, c0:c1],
                    )
                    sums[v, 0, 0, r] += la
                    sums[v, 0, 1, r] += ua
                    if k == 1:
                        sums[v, 1, 0, r] += la
                        sums[v, 1, 1, r] += ua
            if ng:
                kernels(d[lo:], scales[v], low[lo:], up[lo:])
            for m in range(ng):
                mine = groups[m, i]
                others = groups[m, j0 + lo : j0 + columns]
                la, ua = add_group(
                    low[lo:],
                    up[lo:],
                    others,
                    mine,
                    running[v, 2 + m, 0, lo:],
                    running[v, 2 + m, 1, lo:],
                )
                sums[v, 2 + m, 0, r] += la
                sums[v, 2 + m, 1, r] += ua
        if r % _FLUSH == _FLUSH - 1 or r == rows - 1:
            for v in range(nv):
                for b in range(2):
                    for c in range(columns):
                        below[v, 0, b, at + c] += np.float64(running[v, 0, b, c]) + np.float64(
                            running[v, 1, b, c]
                        )
                    for m in range(1, 2 + ng):
                        for c in range(columns):
                            below[v, m, b, at + c] += running[v, m, b, c]
            running[:] = 0


@compiled()
def tile_of_blocks(
    g: Any,
    zt: Any,
    norms: Any,
    edges: Any,
    of: Any,
    i0: int,
    j0: int,
    rows: int,
    columns: int,
    scales: Any,
    sums: Any,
    below: Any,
) -> None:
    """As `tile`, with the sums over every block of the sorted rows apart.

    A row adds up stretches of columns, a column stretches of rows.

    Block b is the rows edges[b] .. edges[b + 1], ``of`` (n,) the block of each row. ``sums`` (v, 2,
    blocks, rows); ``below`` (v, 2, blocks of these rows, columns from i0 on).
    """
    d = np.empty(columns, np.float32)
    running = np.zeros((len(scales), 2, columns), np.float32)
    for r in range(rows):
        i = i0 + r
        lo = r + 1 if i0 == j0 else 0
        if g.size:
            distances_from_products(g[r, lo:], norms[i], norms[j0 + lo : j0 + columns], d[lo:])
        else:
            distances_from_columns(zt, i, j0 + lo, j0 + columns, d[lo:])
        for v in range(len(scales)):
            c, b = lo, of[min(j0 + lo, len(of) - 1)]
            while c < columns:
                end = min(edges[b + 1] - j0, columns)
                la, ua = add_kernels(
                    d[c:end], scales[v], running[v, 0, c:end], running[v, 1, c:end]
                )
                sums[v, 0, b, r] += la
                sums[v, 1, b, r] += ua
                c, b = end, b + 1
        if r == rows - 1 or r % _FLUSH == _FLUSH - 1 or of[i + 1] != of[i]:
            for v in range(len(scales)):
                for k in range(2):
                    for c in range(columns):
                        below[v, k, of[i] - of[i0], j0 - i0 + c] += running[v, k, c]
            running[:] = 0


@compiled()
def rectangle(
    g: Any, mine: Any, norms: Any, groups: Any, others: Any, scales: Any, sums: Any
) -> None:
    """Kernels of some rows with some columns, to the sums of the rows alone.

    Products ``g``, squared norms and groups of both sides.

    ``sums`` (v, 1 + m, 2, rows). A row is met among the columns like any other.
    """
    rows, columns = g.shape
    d = np.empty(columns, np.float32)
    low = np.empty(columns, np.float32)
    up = np.empty(columns, np.float32)
    spare = np.zeros((2, columns), np.float32)
    for r in range(rows):
        distances_from_products(g[r], mine[r], norms, d)
        for v in range(len(scales)):
            a, b = add_kernels(d, scales[v], spare[0], spare[1])
            sums[v, 0, 0, r] += a
            sums[v, 0, 1, r] += b
            if len(groups):
                kernels(d, scales[v], low, up)
            for m in range(len(groups)):
                a, b = add_group(low, up, others[m], groups[m, r], spare[0], spare[1])
                sums[v, 1 + m, 0, r] += a
                sums[v, 1 + m, 1, r] += b
        spare[:] = 0
