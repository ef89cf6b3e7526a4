"""Compiled loops of the bin rules: from values to cells, and from rows of values straight to 64-bit keys of their cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from infoplane.jit import compiled, inlined
from infoplane.rows_compiled import entropy_of_keys, mix, repeated_rows

_U = np.uint64
_F = np.float32
_FAST = {"nsz", "nnan"}
_SUMS = {"nsz", "nnan", "reassoc"}
_LANES, _UNITS = 512, 16  # rows and units of a tile, 32 KiB of float32
_KEYS = 1 << 21  # that a sweep holds at a time
_SHORT = 32
"""Units below which products of several rows are made in one vector loop and then added up; longer rows are added up as they are made."""


@inlined(fastmath=_FAST)
def _cell(v: Any, step: float, scale: Any, last: Any) -> Any:
    """Return number of float32 edges ``k step - 1``, k = 0..last, at or below ``v``, less one.

    A guess, put right by the edges beside it.
    """
    k = min(max(np.floor(v * scale + scale), -_F(1)), last)
    low = np.float32(
        np.float64(k) * step - 1.0
    )  # as linspace computes them; a table of them would not vectorise
    high = np.float32((np.float64(k) + 1.0) * step - 1.0)
    raised = k + _F(1) if (v >= high) & (k < last) else k
    return raised - _F(1) if (v < low) & (k >= _F(0)) else raised


@inlined(fastmath=_FAST)
def _clear_cell(v: Any, scale: Any, last: Any) -> Any:
    """As `_cell`, of values clear of the edges within (-1, 1).

    The outermost edges are exact, and looked at.
    """
    k = min(np.floor(v * scale + scale), last - _F(1))
    return last if v >= _F(1) else (-_F(1) if v < -_F(1) else k)


@compiled(fastmath=_SUMS)
def _beside_edges(z: Any, scale: Any, last: Any) -> Any:
    """Return more than 0 where a value is so near an inner edge that rounding, of it or of the edge, at most 1.1e-7 ``last`` cells, could matter."""
    found = _F(0)
    near, half = _F(2e-7) * last, _F(0.5)
    for j in range(len(z)):
        t = z[j] * scale + scale
        found += _F(1) if (abs(t - np.rint(t)) <= near) & (t > half) & (t < last - half) else _F(0)
    return found


@compiled(fastmath=_FAST)
def cells_between(z: Any, step: float, scale: Any, last: Any, out: Any) -> None:
    """Cells 0..last of finite values, shape (m,), and -1 below.

    ``scale`` (last / 2) and ``last`` in the dtype of ``z``.
    """
    for i in range(len(z)):
        out[i] = np.int32(_cell(z[i], step, scale, last))


@compiled(fastmath=_FAST)
def _floor_products(z: Any, width: Any, weights: Any, out: Any) -> None:
    for j in range(len(z)):
        out[j] = _U(np.int64(np.floor(z[j] / width))) * weights[j]


@compiled(fastmath=_FAST)
def _floor_sum(z: Any, width: Any, weights: Any) -> Any:
    s = _U(0)
    for j in range(len(z)):
        s += _U(np.int64(np.floor(z[j] / width))) * weights[j]
    return s


@compiled(fastmath=_FAST)
def _scaled_products(z: Any, scale: Any, weights: Any, out: Any) -> None:
    for j in range(len(z)):
        out[j] = _U(np.int64(np.floor(z[j] * scale))) * weights[j]


@compiled(fastmath=_FAST)
def _scaled_sum(z: Any, scale: Any, weights: Any) -> Any:
    s = _U(0)
    for j in range(len(z)):
        s += _U(np.int64(np.floor(z[j] * scale))) * weights[j]
    return s


@compiled(fastmath=_FAST)
def _cell_products(z: Any, step: float, scale: Any, last: Any, weights: Any, out: Any) -> None:
    for j in range(len(z)):
        out[j] = _U(np.int64(_cell(z[j], step, scale, last))) * weights[j]


@compiled(fastmath=_FAST)
def _cell_sum(z: Any, step: float, scale: Any, last: Any, weights: Any) -> Any:
    s = _U(0)
    for j in range(len(z)):
        s += _U(np.int64(_cell(z[j], step, scale, last))) * weights[j]
    return s


@compiled(fastmath=_FAST)
def _clear_products(z: Any, scale: Any, last: Any, weights: Any, out: Any) -> None:
    for j in range(len(z)):
        out[j] = _U(np.int64(_clear_cell(z[j], scale, last))) * weights[j]


@compiled(fastmath=_FAST)
def _clear_sum(z: Any, scale: Any, last: Any, weights: Any) -> Any:
    s = _U(0)
    for j in range(len(z)):
        s += _U(np.int64(_clear_cell(z[j], scale, last))) * weights[j]
    return s


@compiled()
def _sums_of_rows(products: Any, dim: int, out: Any) -> None:
    """Four rows side by side: short rows are not worth a vector loop each."""
    n, d = len(out), _U(dim)
    for r in range(0, n - 3, 4):
        at = _U(r) * d
        row0, row1 = products[at : at + d], products[at + d : at + _U(2) * d]
        row2, row3 = (
            products[at + _U(2) * d : at + _U(3) * d],
            products[at + _U(3) * d : at + _U(4) * d],
        )
        s0, s1, s2, s3 = _U(0), _U(0), _U(0), _U(0)
        for j in range(len(row0)):
            s0 += row0[j]
            s1 += row1[j]
            s2 += row2[j]
            s3 += row3[j]
        out[r], out[r + 1], out[r + 2], out[r + 3] = s0, s1, s2, s3
    for r in range(n - n % 4, n):
        s = _U(0)
        for value in products[r * dim : (r + 1) * dim]:
            s += value
        out[r] = s


@compiled(fastmath=_SUMS)
def _far(z: Any, limit: Any) -> Any:
    """Return more than 0 where a magnitude is ``limit`` or more.

    A sum of floats vectorises better than a count.
    """
    found = _F(0)
    for j in range(len(z)):
        found += _F(1) if abs(z[j]) >= limit else _F(0)
    return found


@compiled()
def _mix(out: Any) -> None:
    for r in range(len(out)):
        out[r] = mix(out[r])


@compiled()
def floor_keys(
    z: Any, stride: int, dim: int, width: Any, scale: Any, limit: Any, weights: Any, out: Any
) -> Any:
    """Return keys of the rows of ``floor(z / width)``, one pass.

    A weighted sum of the cells (XOR would merge q and -q), then mixed.

    Returns whether a value has a magnitude of ``limit`` or more, looked at while it is in cache: cells beyond 2^62 have no number. Under a limit
    of infinity nothing is looked at.

    z: the rows one after the other, ``stride`` apart; the first ``dim`` units of each count. scale: ``1 / width`` where that is exact, so that a
    product is the quotient, else 0. weights: of one row of units, repeated; as many rows as it holds are taken at a time, in cache.
    """
    rows = len(weights) // dim
    short = dim < _SHORT and stride == dim
    buffer = np.empty(len(weights) if short else 0, np.uint64)
    far = _F(0)
    for i in range(0, len(out), rows):
        m = min(rows, len(out) - i)
        if short:
            part = z[i * dim : (i + m) * dim]
            if limit < np.inf:
                far += _far(part, limit)
            if scale > 0:
                _scaled_products(part, scale, weights, buffer)
            else:
                _floor_products(part, width, weights, buffer)
            _sums_of_rows(buffer, dim, out[i : i + m])
        else:
            for r in range(i, i + m):
                row = z[r * stride : r * stride + dim]
                if limit < np.inf:
                    far += _far(row, limit)
                out[r] = (
                    _scaled_sum(row, scale, weights)
                    if scale > 0
                    else _floor_sum(row, width, weights)
                )
        _mix(out[i : i + m])
    return far > 0


@compiled(fastmath=_FAST)
def _one(a: Any, width: Any, number: Any) -> None:
    for r in range(_LANES):
        number[r] = np.floor(a[r] / width)


@compiled(fastmath=_FAST)
def _two(a: Any, b: Any, width: Any, base: Any, number: Any) -> None:
    """Two cells as the digits of one number, exact in the type of the values.

    Half of the conversions and products that follow.
    """
    for r in range(_LANES):
        number[r] = np.floor(a[r] / width) * base + np.floor(b[r] / width)


@compiled(fastmath=_FAST)
def _four(a: Any, b: Any, c: Any, d: Any, width: Any, base: Any, number: Any) -> None:
    for r in range(_LANES):
        two = np.floor(a[r] / width) * base + np.floor(b[r] / width)
        number[r] = (two * base + np.floor(c[r] / width)) * base + np.floor(d[r] / width)


@compiled(fastmath=_FAST)
def _add(number: Any, weight: Any, sums: Any) -> None:
    """Apart from the divisions.

    A loop that also converts is made of vectors of half as many values.
    """
    for r in range(_LANES):
        sums[r] += _U(np.int64(number[r])) * weight


@compiled()
def _turn(z: Any, rows: Any, left: int, wide: int, tile: Any) -> None:
    """Units left .. left + wide of some rows into the columns of a tile.

    Whole tiles by a loop of known length, which takes a third of the time.
    """
    for r in range(len(rows)):
        row = z[rows[r], left : left + wide]
        if wide == _UNITS:
            for j in range(_UNITS):
                tile[j, r] = row[j]
        else:
            for j in range(wide):
                tile[j, r] = row[j]


@compiled()
def _join(tile: Any, many: int, width: Any, base: Any, number: Any) -> None:
    """The cells of the first ``many`` (1, 2 or 4) lines of a tile as the digits of one number."""
    if many == 4:
        _four(tile[0], tile[1], tile[2], tile[3], width, base, number)
    elif many == 2:
        _two(tile[0], tile[1], width, base, number)
    else:
        _one(tile[0], width, number)


@compiled()
def _add_cells(
    tile: Any, wide: int, width: Any, base: Any, many: int, weights: Any, number: Any, sums: Any
) -> None:
    """The weighted cells of a tile to the sums of its rows.

    ``many`` cells (1, 2 or 4) are the digits, to one ``base``, of one number.
    """
    j = 0
    while j < wide:
        taken = min(many, wide - j)
        taken = 2 if taken == 3 else taken
        _join(tile[j:], taken, width, base, number)
        _add(number, weights[j], sums)
        j += taken


@compiled()
def _turn_pairs(pairs: Any, stride: int, tile: Any, rows: int) -> None:
    """The first units of some rows into the columns of a tile, two float32 at a time.

    Half of the copies.
    """
    for r in range(rows):
        row = pairs[r * stride : r * stride + _UNITS // 2]
        for j in range(_UNITS // 2):
            tile[j, r] = row[j]


@compiled(fastmath=_FAST)
def _add_pairs(number: Any, whole: Any, pairs: Any, first: Any, second: Any, sums: Any) -> None:
    """Two numbers of a row at a time to its sum, each with a weight of its own.

    As one word of 64 bits the upper could not reach the lower half of a key.

    ``pairs`` are the 32-bit ``whole`` numbers, two in a word.
    """
    low, half = _U(0xFFFFFFFF), _U(32)
    for r in range(_LANES):
        whole[r] = np.int32(number[r])
    for r in range(_LANES // 2):
        sums[r] += (pairs[r] & low) * first + (pairs[r] >> half) * second


@compiled()
def first_keys(
    pairs: Any, stride: int, width: Any, base: Any, many: int, weights: Any, out: Any
) -> None:
    """Keys of the first 16 units of float32 rows, ``stride`` pairs of units apart, cells (below 2^31) joined as by `floor_entropies`.

    They part rows as `floor_keys` does.
    """
    number, whole = np.empty(_LANES, np.float32), np.empty(_LANES, np.int32)
    tile, sums = np.zeros((_UNITS // 2, _LANES // 2), np.uint64), np.empty(_LANES // 2, np.uint64)
    values, words = tile.view(np.float32), whole.view(np.uint64)
    for i in range(0, len(out), _LANES // 2):
        rows = min(_LANES // 2, len(out) - i)
        _turn_pairs(pairs[i * stride :], stride, tile, rows)
        sums[:] = 0
        for j in range(0, _UNITS // 2, many):
            _join(values[j:], many, width, base, number)
            _add_pairs(number, whole, words, weights[2 * j], weights[2 * j + 1], sums)
        for r in range(rows):  # the copy of a slice takes two seconds to compile
            out[i + r] = mix(sums[r])


@compiled()
def floor_entropies(
    z: Any, widths: Any, bases: Any, joined: Any, weights: Any, table: Any, seen: Any, out: Any
) -> None:
    """Entropies in bits of the rows of ``floor(z / width)``, one per width, by way of tables as for `entropy_of_keys` and `repeated_rows`.

    Rows are turned over in tiles, each of which serves many widths while it is in cache; the loops over it are vector loops however short the rows.
    A row that is alone by its first units stays so: once most are, a width looks at the others only.

    z: shape (n, dim). joined: per width, how many cells (1, 2 or 4) are the digits, to one of ``bases``, of one number. weights: of the units of one row.
    """
    n, dim = z.shape
    tile, number = np.zeros((_UNITS, _LANES), z.dtype), np.empty(_LANES, z.dtype)
    padded = (n + _LANES - 1) // _LANES * _LANES
    sums = np.empty((max(1, min(len(widths), _KEYS // n)), padded), np.uint64)
    every, left, keys = np.arange(n), np.empty(n, np.int64), np.empty(padded, np.uint64)
    going = np.empty(len(sums), np.int64)
    for first in range(0, len(widths), len(sums)):
        some = min(len(sums), len(widths) - first)
        going[:some] = np.arange(some)
        sums[:] = 0
        start, fine = 0, True
        while some:
            stop = min(dim, max(_UNITS, 4 * start))
            for i in range(0, n, _LANES):
                for unit in range(start, stop, _UNITS):
                    wide = min(_UNITS, stop - unit)
                    _turn(z, every[i : i + _LANES], unit, wide, tile)
                    for g in range(some):
                        k = going[g]
                        w = first + k
                        _add_cells(
                            tile,
                            wide,
                            widths[w],
                            bases[w],
                            joined[w],
                            weights[unit:],
                            number,
                            sums[k, i : i + _LANES],
                        )
            kept = 0
            for g in range(some):
                k = going[g]
                w, m, end = first + k, n, stop
                if fine or stop < dim:
                    m, end = repeated_rows(sums[k, :n], seen, left), dim
                    fine = 2 * m <= n
                    if stop < dim and not fine:
                        going[kept] = k
                        kept += 1
                        continue
                    for r in range(m):
                        keys[r] = sums[k, left[r]]
                else:
                    keys[:] = sums[k]
                for i in range(0, m, _LANES):
                    for unit in range(stop, end, _UNITS):
                        wide = min(_UNITS, end - unit)
                        _turn(z, left[i : min(i + _LANES, m)], unit, wide, tile)
                        _add_cells(
                            tile,
                            wide,
                            widths[w],
                            bases[w],
                            joined[w],
                            weights[unit:],
                            number,
                            keys[i : i + _LANES],
                        )
                _mix(keys[:m])
                out[w] = entropy_of_keys(keys[:m], table, n)
            some, start = kept, stop


@compiled()
def edge_keys(
    z: Any, stride: int, dim: int, step: float, scale: Any, last: Any, weights: Any, out: Any
) -> None:
    """As `floor_keys`, for the cells of `cells_between`.

    The edges themselves are looked at only where a value is near one.
    """
    rows = len(weights) // dim
    short = dim < _SHORT and stride == dim
    buffer = np.empty(len(weights) if short else 0, np.uint64)
    for i in range(0, len(out), rows):
        m = min(rows, len(out) - i)
        if short:
            part = z[i * dim : (i + m) * dim]
            if _beside_edges(part, scale, last) == 0:
                _clear_products(part, scale, last, weights, buffer)
            else:
                _cell_products(part, step, scale, last, weights, buffer)
            _sums_of_rows(buffer, dim, out[i : i + m])
        else:
            for r in range(i, i + m):
                row = z[r * stride : r * stride + dim]
                clear = _beside_edges(row, scale, last) == 0
                out[r] = (
                    _clear_sum(row, scale, last, weights)
                    if clear
                    else _cell_sum(row, step, scale, last, weights)
                )
        _mix(out[i : i + m])
