"""Compiled loops of the bin rules: from values to cells, and from rows of values straight to 64-bit keys of their cells."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from infoplane.rows_compiled import mix

_U = np.uint64
_F = np.float32
_FAST = {"nsz", "nnan"}


@numba.njit(nogil=True, fastmath=_FAST, inline="always")  # type: ignore[untyped-decorator]  # numba has no types
def _cell(v: Any, step: float, scale: Any, last: Any) -> Any:
    """Number of float32 edges ``k step - 1``, k = 0..last, at or below ``v``, less one: a guess, put right by the edges beside it."""
    k = min(max(np.floor(v * scale + scale), -_F(1)), last)
    low = np.float32(np.float64(k) * step - 1.0)  # as linspace computes them; a table of them would not vectorise
    high = np.float32((np.float64(k) + 1.0) * step - 1.0)
    raised = k + _F(1) if (v >= high) & (k < last) else k
    return raised - _F(1) if (v < low) & (k >= _F(0)) else raised


@numba.njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]  # numba has no types
def cells_between(z: Any, step: float, scale: Any, last: Any, out: Any) -> None:
    """Cells 0..last of finite values, shape (m,), and -1 below; ``scale`` (last / 2) and ``last`` in the dtype of ``z``."""
    for i in range(len(z)):
        out[i] = np.int32(_cell(z[i], step, scale, last))


@numba.njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]  # numba has no types
def _floor_products(z: Any, width: Any, weights: Any, out: Any) -> None:
    for j in range(len(z)):
        out[j] = _U(np.int64(np.floor(z[j] / width))) * weights[j]


@numba.njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]  # numba has no types
def _floor_sum(z: Any, width: Any, weights: Any) -> Any:
    s = _U(0)
    for j in range(len(z)):
        s += _U(np.int64(np.floor(z[j] / width))) * weights[j]
    return s


@numba.njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]  # numba has no types
def _cell_products(z: Any, step: float, scale: Any, last: Any, weights: Any, out: Any) -> None:
    for j in range(len(z)):
        out[j] = _U(np.int64(_cell(z[j], step, scale, last))) * weights[j]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]  # numba has no types
def _sums_of_rows(products: Any, dim: int, out: Any) -> None:
    for r in range(len(out)):
        s = _U(0)
        line = products[r * dim : (r + 1) * dim]
        for j in range(len(line)):
            s += line[j]
        out[r] = s


@numba.njit(cache=True, nogil=True, fastmath=_FAST)  # type: ignore[untyped-decorator]  # numba has no types
def _far(z: Any, limit: Any) -> Any:
    n = np.int32(0)
    for j in range(len(z)):
        n += np.int32(abs(z[j]) >= limit)
    return n


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]  # numba has no types
def floor_keys(z: Any, dim: int, width: Any, limit: Any, weights: Any, out: Any) -> Any:
    """Keys of the rows of ``floor(z / width)``, one pass: a weighted sum of the cells (XOR would merge q and -q), then mixed.

    Returns how many values have a magnitude of ``limit`` or more, looked at while they are in cache: cells beyond 2^62 have no number.

    z: the rows one after the other. weights: of one row of units, repeated; as many rows as it holds are taken at a time, in cache.
    """
    rows = len(weights) // dim
    buffer = np.empty(len(weights), np.uint64)
    far = 0
    for i in range(0, len(out), rows):
        m = min(rows, len(out) - i)
        far += _far(z[i * dim : (i + m) * dim], limit)
        if rows == 1:
            out[i] = _floor_sum(z[i * dim : (i + 1) * dim], width, weights)
        else:
            _floor_products(z[i * dim : (i + m) * dim], width, weights, buffer)
            _sums_of_rows(buffer, dim, out[i : i + m])
        for r in range(i, i + m):
            out[r] = mix(out[r])
    return far


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]  # numba has no types
def edge_keys(z: Any, dim: int, step: float, scale: Any, last: Any, weights: Any, out: Any) -> None:
    """As `floor_keys`, for the cells of `cells_between`."""
    rows = len(weights) // dim
    buffer = np.empty(len(weights), np.uint64)
    for i in range(0, len(out), rows):
        m = min(rows, len(out) - i)
        _cell_products(z[i * dim : (i + m) * dim], step, scale, last, weights, buffer)
        _sums_of_rows(buffer, dim, out[i : i + m])
        for r in range(i, i + m):
            out[r] = mix(out[r])
