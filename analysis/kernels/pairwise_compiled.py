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
_C1 = _F(0.69314698)
_C2 = _F(0.24022242)
_C3 = _F(0.05550734)
_C4 = _F(0.00967152)
_C5 = _F(0.00132647)
_FLUSH = 64
"""Rows after which float32 sums of columns go to those in float64."""
# Below these the sums, which hold a 1 from the row itself, do not notice; above them no number is
# denormal, and denormals are slow.
_LEAST_EXPONENT = _F(-120.0)
_LEAST_LOW = _F(4.7e-10)
UNROLL = 5
"""Units that one step of the loops over coordinates takes."""


@inlined(fastmath=_FAST)
def _power_of_two(exponent: Any) -> Any:
    """Return ``2^exponent`` for -120 <= exponent <= 0 in float32.

    Relative error below 2e-7, exactly 1 at 0.
    """
    whole = np.rint(exponent)
    r = exponent - whole
    of_rest = _F(1) + r * (_C1 + r * (_C2 + r * (_C3 + r * (_C4 + r * _C5))))
    bits = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23))
    return of_rest * bits.view(np.float32)


@compiled(fastmath=_FAST, forceinline=True)
def add_kernels(distances: Any, scale: Any, low_columns: Any, up_columns: Any) -> Any:
    """Add the kernels of some squared distances to the sums of their columns; return their sums.

    Args:
        distances: shape ``(C,)``.
        scale: of the exponents.
        low_columns: sums of ``low``, shape ``(C,)``.
        up_columns: sums of ``up``, shape ``(C,)``.
    """
    low_sum = _F(0)
    up_sum = _F(0)
    for column in range(len(distances)):
        low = _power_of_two(min(max(distances[column] * scale, _LEAST_EXPONENT), _F(0)))
        up = max(low, _LEAST_LOW)
        up = up * up
        up = up * up
        low_sum += low
        up_sum += up
        low_columns[column] += low
        up_columns[column] += up
    return low_sum, up_sum


@compiled(fastmath=_FAST, forceinline=True)
def kernels(distances: Any, scale: Any, low: Any, up: Any) -> None:
    """Fill in the kernels themselves, for sums over several groupings of the same rows.

    Args:
        distances: shape ``(C,)``.
        scale: of the exponents.
        low: shape ``(C,)``.
        up: shape ``(C,)``.
    """
    for column in range(len(distances)):
        kernel = _power_of_two(min(max(distances[column] * scale, _LEAST_EXPONENT), _F(0)))
        low[column] = kernel
        kernel = max(kernel, _LEAST_LOW)
        kernel = kernel * kernel
        up[column] = kernel * kernel


@compiled(fastmath=_FAST, forceinline=True)
def add_group(
    low: Any, up: Any, group: Any, own_group: Any, low_columns: Any, up_columns: Any
) -> Any:
    """Add the kernels of the columns whose group is ``own_group``; return their sums.

    Args:
        low: kernels, shape ``(C,)``.
        up: kernels, shape ``(C,)``.
        group: of the columns, shape ``(C,)``.
        own_group: of the row.
        low_columns: sums of ``low``, shape ``(C,)``.
        up_columns: sums of ``up``, shape ``(C,)``.
    """
    low_sum = _F(0)
    up_sum = _F(0)
    for column in range(len(low)):
        low_inside = low[column] if group[column] == own_group else _F(0)
        up_inside = up[column] if group[column] == own_group else _F(0)
        low_sum += low_inside
        up_sum += up_inside
        low_columns[column] += low_inside
        up_columns[column] += up_inside
    return low_sum, up_sum


@compiled(fastmath=_FAST, forceinline=True)
def distances_from_products(products: Any, own_norm: Any, norms: Any, distances: Any) -> None:
    """Fill in one row of squared distances from products and squared norms.

    Args:
        products: of the row with C columns, shape ``(C,)``.
        own_norm: squared norm of the row.
        norms: of the columns, shape ``(C,)``.
        distances: shape ``(C,)``.
    """
    for column in range(len(products)):
        distances[column] = _F(own_norm + norms[column] - products[column] - products[column])


@compiled(fastmath=_FAST, forceinline=True)
def distances_from_columns(columns: Any, row: int, begin: int, distances: Any) -> None:
    """Fill in one row of squared distances from coordinates, without cancellation.

    Args:
        columns: coordinates, shape ``(dim, N)``, dim a multiple of `UNROLL`.
        row: number of the row.
        begin: the first of C columns.
        distances: shape ``(C,)``.
    """
    end = begin + len(distances)
    for column in range(len(distances)):
        distances[column] = _F(0)
    for unit in range(0, columns.shape[0], UNROLL):
        # Slices: numba vectorises no index that might be negative.
        z0 = columns[unit, begin:end]
        z1 = columns[unit + 1, begin:end]
        z2 = columns[unit + 2, begin:end]
        z3 = columns[unit + 3, begin:end]
        z4 = columns[unit + 4, begin:end]
        own0 = columns[unit, row]
        own1 = columns[unit + 1, row]
        own2 = columns[unit + 2, row]
        own3 = columns[unit + 3, row]
        own4 = columns[unit + 4, row]
        for column in range(len(z0)):
            d0 = z0[column] - own0
            d1 = z1[column] - own1
            d2 = z2[column] - own2
            d3 = z3[column] - own3
            d4 = z4[column] - own4
            distances[column] += _F(d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3 + d4 * d4)


@inlined()
def row_of_distances(products: Any, points: Any, row: int, tile: Any, distances: Any) -> None:
    """Fill in one row of squared distances, from products where there are any.

    Args:
        products: of the tile, shape ``(height, width)``; empty: take differences.
        points: fields of `Points`.
        row: number of the row among all N rows.
        tile: fields of `Tile`.
        distances: to the last C columns of the tile, shape ``(C,)``.
    """
    columns, norms, _ = points
    top, left, _, width, _ = tile
    begin = left + width - len(distances)
    if products.size:
        of_row = products[row - top, width - len(distances) :]  # (C,)
        distances_from_products(of_row, norms[row], norms[begin : left + width], distances)
    else:
        distances_from_columns(columns, row, begin, distances)


@compiled(forceinline=True)
def add_by_class(
    distances: Any,
    scale: Any,
    start: Any,
    within: Any,
    beyond: Any,
    running: Any,
    sums: Any,
    variance: int,
    row: int,
) -> None:
    """Add the kernels of a row with all columns, and with those of its class.

    The columns before the class of the row, within it and after it are one loop, so that it is
    compiled once.

    Args:
        distances: shape ``(width,)``.
        scale: of the exponents.
        start: the first column that counts.
        within: the first column of the class.
        beyond: the first column after the class.
        running: sums of the columns so far, shape ``(V, 2 + M, 2, width)``: outside the class of
            the row, inside it, and inside each further grouping; low, then up.
        sums: of the rows, shape ``(V, 2 + M, 2, height)``: all columns, the own class, the own
            groups; low, then up.
        variance: number of the variance.
        row: the row's number within the tile.
    """
    first = start
    for part in range(3):
        last = within if part == 0 else beyond if part == 1 else len(distances)
        inside = part % 2
        if last > first:
            low, up = add_kernels(
                distances[first:last],
                scale,
                running[variance, inside, 0, first:last],
                running[variance, inside, 1, first:last],
            )
            sums[variance, 0, 0, row] += low
            sums[variance, 0, 1, row] += up
            if inside:
                sums[variance, 1, 0, row] += low
                sums[variance, 1, 1, row] += up
        first = last


@compiled(forceinline=True)
def add_by_groups(
    low: Any,
    up: Any,
    groups: Any,
    row: int,
    begin: int,
    running: Any,
    sums: Any,
    variance: int,
    of_row: int,
) -> None:
    """Add the kernels of a row with the columns of each of its M groups.

    Args:
        low: kernels of the C columns from ``begin`` on, shape ``(C,)``.
        up: likewise.
        groups: codes of all rows, shape ``(M, N)``.
        row: number of the row among all rows.
        begin: number of the first column among all rows.
        running: sums of the columns as in `add_by_class`; the last C count.
        sums: of the rows, as there.
        variance: number of the variance.
        of_row: the row's number within the tile.
    """
    skipped = running.shape[3] - len(low)
    for grouping in range(len(groups)):
        low_sum, up_sum = add_group(
            low,
            up,
            groups[grouping, begin : begin + len(low)],
            groups[grouping, row],
            running[variance, 2 + grouping, 0, skipped:],
            running[variance, 2 + grouping, 1, skipped:],
        )
        sums[variance, 2 + grouping, 0, of_row] += low_sum
        sums[variance, 2 + grouping, 1, of_row] += up_sum


@compiled(forceinline=True)
def settle(running: Any, below: Any, offset: int) -> None:
    """Add the running sums of columns to those in float64, and begin anew.

    All rows are those outside the class and those inside it.

    Args:
        running: shape ``(V, 2 + M, 2, width)``, as in `add_by_class`.
        below: shape ``(V, 2 + M, 2, columns)``: over all rows, the own class, the own groups.
        offset: where these columns begin in ``below``.
    """
    variances, kinds, bounds, width = running.shape
    for variance in range(variances):
        for bound in range(bounds):
            for column in range(width):
                outside = np.float64(running[variance, 0, bound, column])
                inside = np.float64(running[variance, 1, bound, column])
                below[variance, 0, bound, offset + column] += outside + inside
            for kind in range(1, kinds):
                for column in range(width):
                    total = running[variance, kind, bound, column]
                    below[variance, kind, bound, offset + column] += total
    running[:] = 0


@compiled()
def add_tile(products: Any, points: Any, classes: Any, tile: Any, sums: Any, below: Any) -> None:
    """Add one tile of the upper half to the sums of its rows and of its columns.

    All arrays are whole ones, since numba compiles once more for slices, and tuples are plain ones,
    since named ones take it several times as long to read.

    Args:
        products: of these rows and columns, shape ``(height, width)``; empty: take differences.
        points: fields of `Points`, of N sorted rows and V variances.
        classes: fields of `Classes` of these rows, with M further groupings.
        tile: fields of `Tile`.
        sums: of the rows, shape ``(V, 2 + M, 2, height)``: over all columns, the own class and the
            own groups; low, then up.
        below: likewise of the columns, shape ``(V, 2 + M, 2, columns)``, these from the offset on.
    """
    _, _, scales = points
    first_of_class, end_of_class, groups = classes
    top, left, height, width, offset = tile
    distances = np.empty(width, np.float32)
    low = np.empty(width, np.float32)
    up = np.empty(width, np.float32)
    running = np.zeros((len(scales), 2 + len(groups), 2, width), np.float32)
    for of_row in range(height):
        row = top + of_row
        start = of_row + 1 if top == left else 0
        row_of_distances(products, points, row, tile, distances[start:])
        within = min(max(first_of_class[row] - left, start), width)
        beyond = max(min(end_of_class[row] - left, width), within)
        for variance in range(len(scales)):
            scale = scales[variance]
            add_by_class(distances, scale, start, within, beyond, running, sums, variance, of_row)
            if len(groups):
                begin = left + start
                kernels(distances[start:], scale, low[start:], up[start:])
                add_by_groups(
                    low[start:], up[start:], groups, row, begin, running, sums, variance, of_row
                )
        if of_row % _FLUSH == _FLUSH - 1 or of_row == height - 1:
            settle(running, below, offset)


@compiled()
def add_tile_of_blocks(
    products: Any, points: Any, blocks: Any, tile: Any, sums: Any, below: Any
) -> None:
    """Add one tile as `add_tile` does, the sums over every block of the sorted rows apart.

    A row adds up stretches of columns, a column stretches of rows.

    Args:
        products, points, tile: as there.
        blocks: fields of `Blocks` of these rows, B of them.
        sums: of the rows, shape ``(2, B, height)``.
        below: of the columns, shape ``(2, blocks of these rows, columns)``.
    """
    _, _, scales = points
    edges, block_of = blocks
    top, left, height, width, offset = tile
    distances = np.empty(width, np.float32)
    running = np.zeros((2, width), np.float32)
    for of_row in range(height):
        row = top + of_row
        start = of_row + 1 if top == left else 0
        row_of_distances(products, points, row, tile, distances[start:])
        first = start
        block = block_of[min(left + start, len(block_of) - 1)]
        while first < width:
            last = min(edges[block + 1] - left, width)
            low, up = add_kernels(
                distances[first:last], scales[0], running[0, first:last], running[1, first:last]
            )
            sums[0, block, of_row] += low
            sums[1, block, of_row] += up
            first = last
            block += 1
        ends = of_row == height - 1 or of_row % _FLUSH == _FLUSH - 1
        if ends or block_of[row + 1] != block_of[row]:
            settle_block(running, below, block_of[row] - block_of[top], offset)


@inlined()
def settle_block(running: Any, below: Any, block: int, offset: int) -> None:
    """Add the running sums of columns to those of one block of rows, and begin anew.

    Args:
        running: shape ``(2, width)``.
        below: shape ``(2, blocks, columns)``.
        block: of the rows, counted from the first of the tile.
        offset: where these columns begin in ``below``.
    """
    bounds, width = running.shape
    for bound in range(bounds):
        for column in range(width):
            below[bound, block, offset + column] += running[bound, column]
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
    for row in range(height):
        distances_from_products(products[row], rows.norms[row], columns.norms, distances)
        for variance in range(len(scales)):
            low_sum, up_sum = add_kernels(distances, scales[variance], unread[0], unread[1])
            sums[variance, 0, 0, row] += low_sum
            sums[variance, 0, 1, row] += up_sum
            if len(rows.groups):
                kernels(distances, scales[variance], low, up)
            for grouping in range(len(rows.groups)):
                group = columns.groups[grouping]
                own_group = rows.groups[grouping, row]
                low_sum, up_sum = add_group(low, up, group, own_group, unread[0], unread[1])
                sums[variance, 1 + grouping, 0, row] += low_sum
                sums[variance, 1 + grouping, 1, row] += up_sum
        unread[:] = 0
