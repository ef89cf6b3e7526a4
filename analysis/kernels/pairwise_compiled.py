"""Compiled loops of `pairwise`.

They go from a tile of products or from coordinates to sums of Gaussian kernels, and are written so
that they vectorise.

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
# 2^r = 1 + r (c1 + ...) on [-1/2, 1/2]: relative error 9.2e-8 before rounding (Remez), exactly 1
# at 0
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
    """Add the kernels of one stretch of squared distances to the sums of its columns.

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
    """Fill in the kernels themselves, for sums over several groupings of the same rows."""
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
    """Fill in one row of squared distances from products and squared norms."""
    for c in range(len(g)):
        d[c] = _F(mine + norms[c] - g[c] - g[c])


@compiled(fastmath=_FAST, forceinline=True)
def distances_from_columns(zt: Any, i: int, j0: int, j1: int, d: Any) -> None:
    """Fill in one row of squared distances from coordinates (a multiple of 5, rows).

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


@compiled(forceinline=True)
def add_by_class(
    distances: Any,
    scale: Any,
    begin: Any,
    within: Any,
    beyond: Any,
    running: Any,
    sums: Any,
    v: int,
    r: int,
) -> None:
    """Add the kernels of row r with all columns, and with those of its class.

    The columns before the class of the row, within it and after it are one loop, so that it is
    compiled once.

    Args:
        distances: shape ``(columns,)``.
        scale: of the exponents.
        begin, within, beyond: the first column that counts, of the class, and after it.
        running: sums of the columns so far, shape ``(V, 2 + M, 2, columns)``: outside the class of
            the row, then inside it.
        sums: of the rows, shape ``(V, 2 + M, 2, rows)``: all rows, then the own class.
        v, r: the variance and the row.
    """
    for part in range(3):
        first = begin if part == 0 else within if part == 1 else beyond
        last = within if part == 0 else beyond if part == 1 else len(distances)
        inside = part % 2
        if last > first:
            low, up = add_kernels(
                distances[first:last],
                scale,
                running[v, inside, 0, first:last],
                running[v, inside, 1, first:last],
            )
            sums[v, 0, 0, r] += low
            sums[v, 0, 1, r] += up
            if inside:
                sums[v, 1, 0, r] += low
                sums[v, 1, 1, r] += up


@compiled(forceinline=True)
def add_by_groups(
    low: Any, up: Any, groups: Any, i: int, begin: int, running: Any, sums: Any, v: int, r: int
) -> None:
    """Add the kernels of row r, which is row i of all, with the columns of each of its M groups.

    Args:
        low, up: both kernels of the C columns from ``begin`` on, shape ``(C,)``.
        groups: codes of all rows, shape ``(M, N)``.
        i, begin: as said.
        running, sums, v, r: as in `add_by_class`; of the running sums, the last C count.
    """
    skipped = running.shape[3] - len(low)
    for m in range(len(groups)):
        low_sum, up_sum = add_group(
            low,
            up,
            groups[m, begin : begin + len(low)],
            groups[m, i],
            running[v, 2 + m, 0, skipped:],
            running[v, 2 + m, 1, skipped:],
        )
        sums[v, 2 + m, 0, r] += low_sum
        sums[v, 2 + m, 1, r] += up_sum


@compiled(forceinline=True)
def settle(running: Any, below: Any, offset: int) -> None:
    """Add the running sums of columns to those in float64, and begin anew.

    All rows are those outside the class and those inside it.

    Args:
        running: shape ``(V, 2 + M, 2, columns)``.
        below: shape ``(V, 2 + M, 2, ...)``, where these columns begin at ``offset``.
        offset: as said.
    """
    variances, kinds, bounds, columns = running.shape
    for v in range(variances):
        for b in range(bounds):
            for c in range(columns):
                outside, inside = np.float64(running[v, 0, b, c]), np.float64(running[v, 1, b, c])
                below[v, 0, b, offset + c] += outside + inside
            for m in range(1, kinds):
                for c in range(columns):
                    below[v, m, b, offset + c] += running[v, m, b, c]
    running[:] = 0


@compiled()
def tile(
    products: Any,
    columns: Any,
    norms: Any,
    scales: Any,
    first: Any,
    last: Any,
    groups: Any,
    at: Any,
    sums: Any,
    below: Any,
) -> None:
    """Add one tile of the upper half to the sums of its rows and of its columns.

    All arrays are whole ones: numba compiles once more for slices.

    Args:
        products: of these rows and columns, shape ``(height, width)``; empty: take differences.
        columns, norms, scales: `Points`: N sorted rows, V variances.
        first, last, groups: `Classes` of these rows, with M further groupings.
        at: `Tile`, as an array.
        sums: of the rows, shape ``(V, 2 + M, 2, height)``: over all rows, the own class and the own
            groups; low, then up.
        below: likewise of the columns, shape ``(V, 2 + M, 2, ...)``, these from the offset on.
    """
    row, column, height, width, offset = at[0], at[1], at[2], at[3], at[4]
    distances = np.empty(width, np.float32)
    low = np.empty(width, np.float32)
    up = np.empty(width, np.float32)
    running = np.zeros((len(scales), 2 + len(groups), 2, width), np.float32)
    end = column + width
    for r in range(height):
        i = row + r
        start = r + 1 if row == column else 0
        begin = column + start
        if products.size:
            distances_from_products(
                products[r, start:], norms[i], norms[begin:end], distances[start:]
            )
        else:
            distances_from_columns(columns, i, begin, end, distances[start:])
        within = min(max(first[i] - column, start), width)
        beyond = max(min(last[i] - column, width), within)
        for v in range(len(scales)):
            add_by_class(distances, scales[v], start, within, beyond, running, sums, v, r)
            if len(groups):
                kernels(distances[start:], scales[v], low[start:], up[start:])
                add_by_groups(low[start:], up[start:], groups, i, begin, running, sums, v, r)
        if r % _FLUSH == _FLUSH - 1 or r == height - 1:
            settle(running, below, offset)


@compiled()
def tile_of_blocks(
    products: Any,
    columns: Any,
    norms: Any,
    scales: Any,
    edges: Any,
    block_of: Any,
    at: Any,
    sums: Any,
    below: Any,
) -> None:
    """As `tile`, with the sums over every block of the sorted rows apart.

    A row adds up stretches of columns, a column stretches of rows.

    Args:
        products, columns, norms, scales, at: as there.
        edges, block_of: `Blocks` of these rows.
        sums: of the rows, shape ``(V, 2, blocks, height)``.
        below: of the columns, shape ``(V, 2, blocks of these rows, ...)``.
    """
    row, column, height, width, offset = at[0], at[1], at[2], at[3], at[4]
    distances = np.empty(width, np.float32)
    running = np.zeros((len(scales), 2, width), np.float32)
    end = column + width
    for r in range(height):
        i = row + r
        start = r + 1 if row == column else 0
        begin = column + start
        if products.size:
            distances_from_products(
                products[r, start:], norms[i], norms[begin:end], distances[start:]
            )
        else:
            distances_from_columns(columns, i, begin, end, distances[start:])
        for v in range(len(scales)):
            first, block = start, block_of[min(begin, len(block_of) - 1)]
            while first < width:
                last = min(edges[block + 1] - column, width)
                low, up = add_kernels(
                    distances[first:last],
                    scales[v],
                    running[v, 0, first:last],
                    running[v, 1, first:last],
                )
                sums[v, 0, block, r] += low
                sums[v, 1, block, r] += up
                first, block = last, block + 1
        if r == height - 1 or r % _FLUSH == _FLUSH - 1 or block_of[i + 1] != block_of[i]:
            own = block_of[i] - block_of[row]
            for v in range(len(scales)):
                for b in range(2):
                    for c in range(width):
                        below[v, b, own, offset + c] += running[v, b, c]
            running[:] = 0


@compiled()
def rectangle(products: Any, rows: Any, columns: Any, scales: Any, sums: Any) -> None:
    """Add the kernels of some rows with some columns to the sums of the rows alone.

    A row is met among the columns like any other.

    Args:
        products: shape ``(rows, columns)``.
        rows, columns: `Side` of each.
        scales: of the exponents, shape ``(V,)``.
        sums: shape ``(V, 1 + M, 2, rows)``: over all columns, then over the own groups.
    """
    height, width = products.shape
    distances = np.empty(width, np.float32)
    low = np.empty(width, np.float32)
    up = np.empty(width, np.float32)
    unread = np.zeros((2, width), np.float32)
    for r in range(height):
        distances_from_products(products[r], rows.norms[r], columns.norms, distances)
        for v in range(len(scales)):
            low_sum, up_sum = add_kernels(distances, scales[v], unread[0], unread[1])
            sums[v, 0, 0, r] += low_sum
            sums[v, 0, 1, r] += up_sum
            if len(rows.groups):
                kernels(distances, scales[v], low, up)
            for m in range(len(rows.groups)):
                low_sum, up_sum = add_group(
                    low, up, columns.groups[m], rows.groups[m, r], unread[0], unread[1]
                )
                sums[v, 1 + m, 0, r] += low_sum
                sums[v, 1 + m, 1, r] += up_sum
        unread[:] = 0
