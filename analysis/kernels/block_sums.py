"""Kernel sums by blocks of rows, from which those of any union of blocks follow."""

from __future__ import annotations

import numpy as np

from infoplane.analysis.kernels.pair_pass import (
    DIRECT_DIM,
    Codes,
    Floats,
    Strip,
    Values,
    columns_of,
    in_unit,
    passes,
    rates_of,
    scales_of,
)
from infoplane.analysis.kernels.threads import in_order, single_blas
from infoplane.analysis.kernels.tiles import TILE, Blocks, Points, Tile


def block_sums(z: Values, variances: Floats, blocks: Codes, count: int) -> tuple[Floats, Codes]:
    """Return the sums of `grouped_sums` by blocks of rows; those of unions of blocks follow.

    On the processor, of values in memory: ``16 v count n`` bytes. Errors as there.

    Args:
        blocks: shape ``(n,)``, of ``count`` blocks.

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
        for i, (sums, below) in zip(starts, in_order(strip, starts), strict=True):
            total[:, :, block_of[i] : block_of[i] + below.shape[2], i:] += below
            total[..., i : i + TILE] += sums
    total[:, :, block_of, np.arange(n)] += 1.0  # every row with itself
    return total, order


def _strip_of_blocks(z: Values, order: Codes, rates: Floats, blocks: Blocks) -> Strip:
    """Return what makes the sums of the rows from i on, and those of the columns from i on.

    The strip's own sums have shape ``(v, 2, count, rows)``; those of the columns have
    ``(v, 2, b, n - i)``, for the b blocks that the strip's rows lie in.
    """
    from infoplane.analysis.kernels.pairwise_compiled import tile_of_blocks

    n, dim = z.shape
    count = len(blocks.edges) - 1
    if dim > DIRECT_DIM:
        rows = next(passes(z, order, rates.max(keepdims=True)))[1]  # in memory: nothing to close
        values, norms = rows.rows(0, n), rows.norms
        columns = np.empty((0, 0), values.dtype)
    else:
        values, columns = None, columns_of(z, order)
        norms = np.empty(0, columns.dtype)
    points = Points(columns, norms, scales_of(rates))
    nothing = np.empty((0, 0), columns.dtype)

    def strip(i: int) -> tuple[Floats, Floats]:
        height = min(TILE, n - i)
        own_blocks = blocks.block_of[i + height - 1] - blocks.block_of[i] + 1
        sums = np.zeros((len(rates), 2, count, height))
        below = np.zeros((len(rates), 2, own_blocks, n - i))
        for j in range(i, n, TILE):
            at = Tile(i, j, height, min(TILE, n - j), j - i)
            products = nothing
            if values is not None:
                products = values[i : i + height] @ values[j : j + at.width].T
            tile_of_blocks(products, *points, *blocks, np.array(at), sums, below)
        return sums, below

    return strip
