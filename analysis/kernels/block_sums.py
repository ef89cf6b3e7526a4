"""Kernel sums by blocks of rows, from which those of any union of blocks follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infoplane.analysis.kernels.pair_pass import (
    DIRECT_DIM,
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
    strip = _pass_of(z, order, rates_of(variances), Blocks(edges, block_of)).strip
    starts = range(0, n, TILE)
    with single_blas():
        for row, (sums, below) in zip(starts, in_order(strip, starts), strict=True):
            first = block_of[row]
            total[:, first : first + below.shape[1], row:] += below
            total[..., row : row + TILE] += sums
    total[:, block_of, np.arange(n)] += 1.0  # every row with itself
    return total, order


@dataclass(frozen=True)
class _BlockPass:
    """One pass over all pairs of n sorted rows of B blocks, for one variance.

    Attributes:
        points: by whichever their distances are made of.
        blocks: of the rows.
        values: the rows, shape ``(n, dim)``, whose products make their distances; None where
            distances are sums of differences.
    """

    points: Points
    blocks: Blocks
    values: Values | None

    def strip(self, row: int) -> tuple[Floats, Floats]:
        """Return what a strip of rows adds to the sums of its rows and of the columns from it on.

        Args:
            row: the first of the strip.

        Returns:
            Shapes ``(2, B, rows)`` and ``(2, b, n - row)``, b the blocks of these rows.
        """
        from infoplane.analysis.kernels.pairwise_compiled import add_tile_of_blocks

        points, blocks = tuple(self.points), tuple(self.blocks)
        block_of = self.blocks.block_of
        n = len(block_of)
        height = min(TILE, n - row)
        own_blocks = int(block_of[row + height - 1] - block_of[row]) + 1
        sums = np.zeros((2, len(self.blocks.edges) - 1, height))
        below = np.zeros((2, own_blocks, n - row))
        for column in range(row, n, TILE):
            tile = Tile(row, column, height, min(TILE, n - column), column - row)
            products = self._products(tile)
            add_tile_of_blocks(products, points, blocks, tuple(tile), sums, below)
        return sums, below

    def _products(self, tile: Tile) -> Values:
        """Return those of a tile's rows and columns, ``(height, width)``; none of differences."""
        if self.values is None:
            return np.empty((0, 0), self.points.columns.dtype)
        rows = self.values[tile.row : tile.row + tile.height]
        return rows @ self.values[tile.column : tile.column + tile.width].T


def _pass_of(z: Values, order: Codes, rates: Floats, blocks: Blocks) -> _BlockPass:
    """Prepare a pass over rows in memory.

    Args:
        z: shape ``(n, dim)``.
        order: sorts the rows by block, shape ``(n,)``.
        rates: of the exponents, shape ``(1,)``.
        blocks: of the sorted rows.
    """
    n, dim = z.shape
    if dim <= DIRECT_DIM:
        columns = columns_of(z, order)
        none = np.empty(0, columns.dtype)
        return _BlockPass(Points(columns, none, scales_of(rates)), blocks, None)
    _, rows = next(passes(z, order, rates))  # in memory: nothing to close
    values = rows.rows(0, n)
    nothing = np.empty((0, 0), values.dtype)
    return _BlockPass(Points(nothing, rows.norms, scales_of(rates)), blocks, values)
