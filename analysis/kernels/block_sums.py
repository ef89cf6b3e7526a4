"""Kernel sums by blocks of rows, from which those of any union of blocks follow."""

from __future__ import annotations

import numpy as np

from infoplane.analysis.kernels.pair_pass import (
    DIRECT_DIM,
    Strip,
    columns_of,
    in_unit,
    passes,
    rates_of,
    scales_of,
)
from infoplane.analysis.kernels.threads import in_order, single_blas
from infoplane.analysis.kernels.tiles import TILE, Blocks, Points, Tile
from infoplane.types.arrays import Codes, Floats, Values


def block_sums(z: Values, s2: float, blocks: Codes, count: int) -> tuple[Floats, Codes]:
    """Return the sums of `grouped_sums` by blocks of rows; those of unions of blocks follow.

    On the processor, of values in memory: ``16 count n`` bytes. Errors as there.

    Args:
        z: shape ``(n, dim)``, float32 or float64.
        s2: variance of the kernel, positive.
        blocks: the block of every row, shape ``(n,)``.
        count: of the blocks.

    Returns:
        Sums of shape ``(2, count, n)`` and the order of their rows, shape ``(n,)``: sorted by
        block.
    """
    n = len(z)
    z, variances = in_unit(z, np.array([s2]))  # type: ignore[assignment]  # values stay values
    order = np.argsort(blocks, kind="stable")
    block_of = blocks[order]  # (n,)
    edges = np.searchsorted(block_of, np.arange(count + 1))
    total = np.zeros((2, count, n))
    strip = _strips(z, order, rates_of(variances), Blocks(edges, block_of))
    starts = range(0, n, TILE)
    with single_blas():
        for row, (sums, below) in zip(starts, in_order(strip, starts), strict=True):
            first = block_of[row]
            total[:, first : first + below.shape[1], row:] += below
            total[..., row : row + TILE] += sums
    total[:, block_of, np.arange(n)] += 1.0  # every row with itself
    return total, order


def _strips(z: Values, order: Codes, rates: Floats, blocks: Blocks) -> Strip:
    """Return what adds a strip of rows to the sums of its rows and of the columns from it on.

    For the first row of the strip it gives shapes ``(2, B, rows)`` and ``(2, b, n - row)``, b the
    blocks of these rows.

    Args:
        z: shape ``(n, dim)``, in memory.
        order: sorts the rows by block, shape ``(n,)``.
        rates: of the exponents, shape ``(1,)``.
        blocks: of the sorted rows, B of them.
    """
    from infoplane.analysis.kernels.pairwise_compiled import add_tile_of_blocks

    n, dim = z.shape
    block_of = blocks.block_of
    if dim <= DIRECT_DIM:
        values = None
        columns = columns_of(z, order)
        points = Points(columns, np.empty(0, columns.dtype), scales_of(rates))
    else:
        _, rows = next(passes(z, order, rates))  # in memory: nothing to close
        values = rows.rows(0, n)
        points = Points(np.empty((0, 0), values.dtype), rows.norms, scales_of(rates))
    nothing = np.empty((0, 0), points.columns.dtype)

    def strip(row: int) -> tuple[Floats, Floats]:
        height = min(TILE, n - row)
        own_blocks = int(block_of[row + height - 1] - block_of[row]) + 1
        sums = np.zeros((2, len(blocks.edges) - 1, height))
        below = np.zeros((2, own_blocks, n - row))
        for column in range(row, n, TILE):
            tile = Tile(row, column, height, min(TILE, n - column), column - row)
            products = nothing  # differences
            if values is not None:
                products = values[row : row + height] @ values[column : column + tile.width].T
            add_tile_of_blocks(products, tuple(points), tuple(blocks), tuple(tile), sums, below)
        return sums, below

    return strip
