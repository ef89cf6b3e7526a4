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


def block_sums(z: Values, variances: Floats, blocks: Codes, count: int) -> tuple[Floats, Codes]:
    """Return the sums of `grouped_sums` by blocks of rows; those of unions of blocks follow.

    On the processor, of values in memory: ``16 v count n`` bytes. Errors as there.

    Args:
        z: shape ``(n, dim)``.
        variances: the s2, shape ``(v,)``, positive.
        blocks: the block of every row, shape ``(n,)``.
        count: of the blocks.

    Returns:
        Sums of shape ``(v, 2, count, n)`` and the order of their rows, shape ``(n,)``: sorted by
        block.
    """
    n = len(z)
    z, variances = in_unit(z, variances)  # type: ignore[assignment]  # values stay values
    order = np.argsort(blocks, kind="stable")
    block_of = np.asarray(blocks, np.int64)[order]  # (n,)
    edges = np.searchsorted(block_of, np.arange(count + 1))
    total = np.zeros((len(variances), 2, count, n))
    strip = _strip_of_blocks(z, order, rates_of(variances), Blocks(edges, block_of))
    starts = range(0, n, TILE)
    with single_blas():
        for row, (sums, below) in zip(starts, in_order(strip, starts), strict=True):
            first = block_of[row]
            total[:, :, first : first + below.shape[2], row:] += below
            total[..., row : row + TILE] += sums
    total[:, :, block_of, np.arange(n)] += 1.0  # every row with itself
    return total, order


def _strip_of_blocks(z: Values, order: Codes, rates: Floats, blocks: Blocks) -> Strip:
    """Return what makes the sums of the rows from one on, and those of the columns from there on.

    The strip's own sums have shape ``(v, 2, count, rows)``; those of the columns have
    ``(v, 2, b, columns)``, for the b blocks that the strip's rows lie in.

    Args:
        z: shape ``(n, dim)``.
        order: sorts the rows by block, shape ``(n,)``.
        rates: of the exponents, shape ``(v,)``.
        blocks: of the sorted rows.
    """
    from infoplane.analysis.kernels.pairwise_compiled import tile_of_blocks

    n, dim = z.shape
    count = len(blocks.edges) - 1
    if dim > DIRECT_DIM:
        rows = next(passes(z, order, rates.max(keepdims=True)))[1]  # in memory: nothing to close
        values = rows.rows(0, n)
        points = Points(np.empty((0, 0), values.dtype), rows.norms, scales_of(rates))
    else:
        values = None
        columns = columns_of(z, order)
        points = Points(columns, np.empty(0, columns.dtype), scales_of(rates))
    nothing = np.empty((0, 0), points.columns.dtype)

    def strip(row: int) -> tuple[Floats, Floats]:
        height = min(TILE, n - row)
        own_blocks = blocks.block_of[row + height - 1] - blocks.block_of[row] + 1
        sums = np.zeros((len(rates), 2, count, height))
        below = np.zeros((len(rates), 2, own_blocks, n - row))
        for column in range(row, n, TILE):
            at = Tile(row, column, height, min(TILE, n - column), column - row)
            products = nothing
            if values is not None:
                products = values[row : row + height] @ values[column : column + at.width].T
            tile_of_blocks(products, *points, *blocks, np.array(at), sums, below)
        return sums, below

    return strip
