"""Compiled loops of `neighbours`.

A tile of squared distances, the k smallest per row, counts below a threshold. Of N rows a tile
holds some, R, against some later ones, C.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from infoplane.jit import compiled, inlined

_CLOSE = 1e-6
"""Share of the norms below which a squared distance has lost digits to cancellation."""
_FAST = {"nnan", "nsz"}
_STRETCH = 64
"""Columns that are looked at together: most hold no value that is small enough."""


@compiled(fastmath=_FAST)
def _row_from_products(products: Any, own_norm: float, norms: Any) -> float:
    """Turn products, ``(C,)``, into squared distances, in place; return the least of them."""
    least = np.inf
    for column in range(len(products)):
        square = own_norm + norms[column] - 2.0 * products[column]
        products[column] = square
        least = min(least, square)
    return least


@inlined()
def _squared_distance(first: Any, second: Any) -> float:
    """Return that of two rows, shape ``(dim,)`` each."""
    total = 0.0
    for unit in range(len(first)):
        step = first[unit] - second[unit]
        total += step * step
    return total


@compiled()
def from_products(
    tile: Any, row_norms: Any, column_norms: Any, points: Any, first_row: int, first_column: int
) -> None:
    """Turn products of a tile into squared distances, in place.

    Those small enough to suffer from cancellation are taken from the rows themselves.

    Args:
        tile: products of rows and columns, shape ``(R, C)``.
        row_norms: squared norms, shape ``(R,)``.
        column_norms: squared norms, shape ``(C,)``.
        points: all rows, shape ``(N, dim)``.
        first_row: of the tile.
        first_column: of the tile.
    """
    largest = column_norms.max()
    for row in range(tile.shape[0]):
        least = _row_from_products(tile[row], row_norms[row], column_norms)
        if least >= _CLOSE * (row_norms[row] + largest):
            continue
        for column in range(tile.shape[1]):
            if tile[row, column] < _CLOSE * (row_norms[row] + column_norms[column]):
                own = points[first_row + row]
                other = points[first_column + column]
                tile[row, column] = _squared_distance(own, other)


@compiled()
def from_differences(columns: Any, first_row: int, first_column: int, tile: Any) -> None:
    """Fill in the squared distances of a tile from coordinates, without cancellation.

    Args:
        columns: coordinates of all rows, shape ``(dim, N)``.
        first_row: of the tile.
        first_column: of the tile.
        tile: shape ``(R, C)``.
    """
    height, width = tile.shape
    for row in range(height):
        squares = tile[row]
        squares[:] = 0.0
        for unit in range(columns.shape[0]):
            own = columns[unit, first_row + row]
            others = columns[unit, first_column : first_column + width]
            for column in range(len(squares)):
                step = others[column] - own
                squares[column] += step * step


@inlined()
def _keep(best: Any, worst: Any, row: int, value: float) -> None:
    """Insert a value among the k smallest of a row, the last of which it is below.

    Args:
        best: the k smallest of every row, ascending, shape ``(N, k)``.
        worst: the last of these, shape ``(N,)``.
        row: to insert in.
        value: to insert.
    """
    last = best.shape[1] - 1
    place = last
    while place > 0 and best[row, place - 1] > value:
        best[row, place] = best[row, place - 1]
        place -= 1
    best[row, place] = value
    worst[row] = best[row, last]


@compiled(fastmath=_FAST)
def _any_below(first: Any, second: Any, row_limit: float, limits: Any, larger: Any) -> bool:
    """Fill in the larger of two values per column; return whether any is below a limit.

    Args:
        first, second: values of C columns, shape ``(C,)`` each.
        row_limit: of the row.
        limits: of the columns, shape ``(C,)``.
        larger: filled in, shape ``(C,)`` or longer.
    """
    found = 0
    for column in range(len(first)):
        value = first[column] if first[column] > second[column] else second[column]
        larger[column] = value
        found += (value < row_limit) | (value < limits[column])
    return found > 0


@compiled()
def keep_smallest(first: Any, second: Any, offset: int, best: Any, worst: Any) -> None:
    """Update the k smallest values per row with the larger of two tiles of the upper half.

    Args:
        first: squared distances in one variable, shape ``(R, C)``.
        second: in another, of the same rows and columns; the same array where there is but one.
        offset: of their first column from their first row.
        best: the k smallest of the rows from this row on, ascending, shape ``(n, k)``.
        worst: the last of these, or a smaller limit, shape ``(n,)``.
    """
    larger = np.empty(_STRETCH)
    for row in range(first.shape[0]):
        begin = 0 if offset else row + 1
        for start in range(begin, first.shape[1], _STRETCH):
            stop = min(start + _STRETCH, first.shape[1])
            limits = worst[offset + start : offset + stop]
            left = first[row, start:stop]
            right = second[row, start:stop]
            if not _any_below(left, right, worst[row], limits, larger):
                continue
            for column in range(start, stop):
                value = larger[column - start]
                other = offset + column
                if value < worst[row]:
                    _keep(best, worst, row, value)
                if value < worst[other]:
                    _keep(best, worst, other, value)


@compiled()
def merge_smallest(best: Any, worst: Any, found: Any) -> None:
    """Update the k smallest values per row with k others, ascending, infinity for none.

    Args:
        best: shape ``(N, k)``.
        worst: the last of these, shape ``(N,)``.
        found: shape ``(N, k)``.
    """
    for row in range(len(best)):
        for place in range(best.shape[1]):
            if found[row, place] >= worst[row]:
                break
            _keep(best, worst, row, found[row, place])


@compiled(fastmath=_FAST)
def _count_row(squares: Any, own_threshold: float, thresholds: Any, counts: Any) -> int:
    """Count the values of one row below its threshold, and those below their column's.

    Args:
        squares: of C columns, shape ``(C,)``.
        own_threshold: of the row.
        thresholds: of the columns, shape ``(C,)``.
        counts: of the columns, shape ``(C,)``; added to here.
    """
    found = 0
    for column in range(len(squares)):
        found += squares[column] < own_threshold
        counts[column] += squares[column] < thresholds[column]
    return found


@compiled()
def count_below(tile: Any, first_row: int, first_column: int, threshold: Any, counts: Any) -> None:
    """Add to ``counts`` the values of a tile below the threshold of row and of column.

    Args:
        tile: of the upper half, shape ``(R, C)``.
        first_row: of the tile.
        first_column: of the tile.
        threshold: of all rows, shape ``(N,)``.
        counts: of the rows from ``first_row`` on, shape ``(N - first_row,)``.
    """
    width = tile.shape[1]
    for row in range(tile.shape[0]):
        start = row + 1 if first_row == first_column else 0
        thresholds = threshold[first_column + start : first_column + width]
        begin = first_column - first_row
        columns = counts[begin + start : begin + width]
        own_threshold = threshold[first_row + row]
        counts[row] += _count_row(tile[row, start:], own_threshold, thresholds, columns)


@compiled()
def count_line(values: Any, order: Any, eps: Any, strict: bool, counts: Any) -> None:
    """Count the other values of a line that are near each, ``|difference|`` compared exactly.

    Args:
        values: ascending, shape ``(N,)``.
        order: their rows, shape ``(N,)``.
        eps: how far each row reaches, shape ``(N,)``.
        strict: whether a value at exactly that distance is left out.
        counts: filled in, shape ``(N,)``.
    """
    n = len(values)
    for place in range(n):
        value = values[place]
        reach = eps[order[place]]
        low = np.searchsorted(values[:place], value - reach)
        while low > 0 and _inside(value - values[low - 1], reach, strict):
            low -= 1
        while low < place and not _inside(value - values[low], reach, strict):
            low += 1
        high = place + np.searchsorted(values[place:], value + reach)
        high = max(high, place + 1)
        while high < n and _inside(values[high] - value, reach, strict):
            high += 1
        while high > place + 1 and not _inside(values[high - 1] - value, reach, strict):
            high -= 1
        counts[order[place]] = high - low - 1


@inlined()
def _inside(distance: float, reach: float, strict: bool) -> bool:
    return distance < reach or (not strict and distance == reach)
