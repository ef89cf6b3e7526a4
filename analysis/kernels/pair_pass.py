"""One pass over all pairs of sorted rows, by tiles of the upper half.

Distances of few units are sums of differences; of more, they come from products that BLAS makes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from infoplane.analysis.kernels.blocks import (
    Centred,
    Held,
    Spilled,
    fits_float32,
    rows_per_block,
)
from infoplane.analysis.kernels.threads import in_order, single_blas
from infoplane.analysis.kernels.tiles import TILE, Classes, Points, Tile
from infoplane.contract import Rows
from infoplane.types.arrays import Codes, Floats, Mask, Values

DIRECT_DIM = 10
"""Units up to which distances are sums of differences."""
Strip = Callable[[int], tuple[Floats, Floats]]
"""From the first row of a strip to what it adds to the sums of its rows and of its columns."""
Products = Callable[[int, int], Values]
"""From the first of some columns and their number to the products of a strip of rows with them."""


def all_pairs(z: Values | Rows, variances: Floats, order: Codes, classes: Classes) -> Floats:
    """Sum the kernels of all pairs of different rows.

    Args:
        z: shape ``(N, dim)``.
        variances: shape ``(V,)``.
        order: sorts the rows by class, shape ``(N,)``.
        classes: of the sorted rows, with M further groupings.

    Returns:
        Shape ``(V, 2 + M, 2, N)``, of the sorted rows: over all, the own class, the
        own groups; 8 s2, then 2 s2.
    """
    rates = rates_of(variances)
    total = np.zeros((len(rates), 2 + len(classes.groups), 2, len(order)))
    with single_blas():
        if z.shape[1] <= DIRECT_DIM:
            columns = columns_of(z, order)
            points = Points(columns, np.empty(0, columns.dtype), scales_of(rates))
            _by_differences(_Pass(points, classes, total))
            return total
        for some, rows in passes(z, order, rates):
            none = np.empty((1, 0), rows.norms.dtype)
            part = np.zeros((int(some.sum()), *total.shape[1:]))
            points = Points(none, rows.norms, scales_of(rates[some]))
            _by_products(rows, _Pass(points, classes, part))
            total[some] = part
    return total


def rates_of(variances: Floats) -> Floats:
    """Return ``1 / 8 s2`` of every variance, shape ``(V,)``."""
    return 1.0 / (8.0 * np.asarray(variances, np.float64))


def scales_of(rates: Floats) -> Values:
    """Return what squared distances are multiplied by, for powers of two."""
    return (-rates * math.log2(math.e)).astype(np.float32)


@dataclass(frozen=True)
class _Pass:
    """What all tiles of one pass share.

    N sorted rows, V variances, M further groupings.

    Attributes:
        points, classes: the rows.
        total: their sums so far, see `all_pairs`, shape ``(V, 2 + M, 2, N)``.
    """

    points: Points
    classes: Classes
    total: Floats

    def strip(
        self, row: int, height: int, start: int, stop: int, products: Products
    ) -> tuple[Floats, Floats]:
        """Return what pairs of rows and columns add to both.

        Args:
            row: the first row.
            height: how many rows.
            start: the first column.
            stop: the column after the last.
            products: of these rows with some columns.
        """
        from infoplane.analysis.kernels.pairwise_compiled import add_tile

        points, classes = tuple(self.points), tuple(self.classes)
        sums = np.zeros((*self.total.shape[:3], height))
        below = np.zeros((*self.total.shape[:3], stop - start))
        for column in range(start, stop, TILE):
            tile = Tile(row, column, height, min(TILE, stop - column), column - start)
            of_tile = products(column, tile.width)  # (height, width)
            add_tile(of_tile, points, classes, tuple(tile), sums, below)
        return sums, below

    def add(self, strips: range, begin: int, stop: int, strip: Strip) -> None:
        """Add strips of rows, made on all threads, in their order.

        The sums do not depend on the threads.

        Args:
            strips: first rows.
            begin: the first of the columns they were held against; those before a strip itself are
                left out.
            stop: the column after the last.
            strip: makes what the strip of such a first row adds.
        """
        for row, (sums, below) in zip(strips, in_order(strip, strips), strict=True):
            self.total[..., max(row, begin) : stop] += below
            self.total[..., row : row + sums.shape[-1]] += sums


def _by_differences(shared: _Pass) -> None:
    """Add the pairs of rows of few units: distances are sums of differences."""
    n = shared.points.columns.shape[1]
    nothing = np.empty((0, 0), shared.points.columns.dtype)

    def strip(row: int) -> tuple[Floats, Floats]:
        return shared.strip(row, min(TILE, n - row), row, n, lambda column, width: nothing)

    shared.add(range(0, n, TILE), 0, n, strip)


def _by_products(rows: Centred | Spilled, shared: _Pass) -> None:
    """Add blocks of rows against blocks of rows; their strips are shared among threads."""
    starts = range(0, shared.total.shape[-1], rows.size)
    for number, above in enumerate(starts):
        left = rows.rows(above, above + rows.size)
        for below in starts[number:]:
            right = left if below == above else rows.rows(below, below + rows.size)
            _add_block(shared, left, above, right, below)


def _add_block(shared: _Pass, left: Values, above: int, right: Values, below: int) -> None:
    """Add the pairs of rows ``left``, from row ``above`` on, and ``right``, from ``below`` on.

    Args:
        shared: the pass.
        left: shape ``(rows, dim)``.
        above: number of its first row.
        right: shape ``(columns, dim)``.
        below: number of its first row.
    """
    stop = below + len(right)

    def strip(row: int) -> tuple[Floats, Floats]:
        own = left[row - above : row - above + TILE]  # (rows, dim)
        room = np.empty(len(own) * TILE, own.dtype)

        def products(column: int, width: int) -> Values:
            out = room[: len(own) * width].reshape(len(own), width)
            others = right[column - below : column - below + width]
            return np.matmul(own, others.T, out=out)

        return shared.strip(row, len(own), max(row, below), stop, products)

    shared.add(range(above, above + len(left), TILE), below, stop, strip)


def columns_of(z: Values | Rows, order: Codes) -> Values:
    """Return coordinates of the sorted rows, few enough to fit into memory.

    Shape (dim rounded up to a multiple of the loops' stride, n).
    """
    from infoplane.analysis.kernels.pairwise_compiled import UNROLL

    n, dim = z.shape
    if not isinstance(z, np.ndarray):
        z = np.concatenate(list(z.blocks(rows_per_block(dim, 8))))
    columns = np.zeros((-(-dim // UNROLL) * UNROLL, n), z.dtype)
    columns[:dim] = z[order].T
    return columns


def passes(
    z: Values | Rows, order: Codes, rates: Floats
) -> Iterator[tuple[Mask, Centred | Spilled]]:
    """Yield sorted rows with the mean taken off, and the rates that these rows serve.

    In the narrowest dtype whose rounding the tolerance allows; closed after use.

    Args:
        z: shape ``(n, dim)``.
        order: sorts the rows, shape ``(n,)``.
        rates: of the exponents, shape ``(V,)``.
    """
    kind, rows = (Centred, Held(z)) if isinstance(z, np.ndarray) else (Spilled, z)
    left = np.ones(len(rates), bool)
    if rows.dtype != np.float64:
        with closing(kind(rows, order, np.float32)) as narrow:
            left = ~fits_float32(narrow.largest, rates)
            if not left.all():
                yield ~left, narrow
    if left.any():
        with closing(kind(rows, order, np.float64)) as wide:
            yield left, wide


def within_floats(variances: Floats) -> bool:
    """Return whether float32 exponents hold kernels of these variances."""
    return bool(np.min(variances) > 1e-30 and np.max(variances) < 1e30)


def in_unit(z: Values | Rows, variances: Floats) -> tuple[Values | Rows, Floats]:
    """Return values and variances of an extreme scale in a power-of-two unit.

    That is exact, and float32 exponents hold them.
    """
    if not isinstance(z, np.ndarray) or within_floats(variances):
        return z, variances
    unit = 2.0 ** -round(0.5 * float(np.log2(variances[0])))
    with np.errstate(over="ignore", invalid="ignore"):  # who asked refuses what is not finite
        return z * np.asarray(unit).astype(z.dtype), variances * unit * unit
