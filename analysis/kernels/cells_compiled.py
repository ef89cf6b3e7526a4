"""Compiled loops of the bin rules.

They go from values to cells, and from rows of values straight to 64-bit keys of their cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from infoplane.jit import compiled, inlined
from infoplane.rows_compiled import mix

_U = np.uint64
_F = np.float32
_FAST = {"nsz", "nnan"}


@inlined(fastmath=_FAST)
def _cell(v: Any, step: float, scale: Any, last: Any) -> Any:
    """Return number of float32 edges ``k step - 1``, k = 0..last, at or below ``v``, less one.

    A guess, put right by the edges beside it, which are computed as linspace does.
    """
    k = min(max(np.floor(v * scale + scale), -_F(1)), last)
    low = np.float32(np.float64(k) * step - 1.0)
    high = np.float32((np.float64(k) + 1.0) * step - 1.0)
    raised = k + _F(1) if (v >= high) & (k < last) else k
    return raised - _F(1) if (v < low) & (k >= _F(0)) else raised


@compiled(fastmath=_FAST)
def cells_between(z: Any, step: float, scale: Any, last: Any, out: Any) -> None:
    """Return cells 0..last of finite values, shape (m,), and -1 below.

    ``scale`` (last / 2) and ``last`` in the dtype of ``z``.
    """
    for i in range(len(z)):
        out[i] = np.int32(_cell(z[i], step, scale, last))


@compiled(fastmath=_FAST)
def floor_keys(z: Any, width: Any, weights: Any, out: Any) -> None:
    """Return keys of the rows of ``floor(z / width)``, shape (n, dim) to (n,).

    A weighted sum of the cells (XOR would merge q and -q), then mixed. ``weights``: (dim,).
    """
    for i in range(len(z)):
        row = z[i]
        key = _U(0)
        for j in range(len(row)):
            key += _U(np.int64(np.floor(row[j] / width))) * weights[j]
        out[i] = mix(key)


@compiled(fastmath=_FAST)
def edge_keys(z: Any, step: float, scale: Any, last: Any, weights: Any, out: Any) -> None:
    """As `floor_keys`, for the cells of `cells_between`."""
    for i in range(len(z)):
        row = z[i]
        key = _U(0)
        for j in range(len(row)):
            key += _U(np.int64(_cell(row[j], step, scale, last))) * weights[j]
        out[i] = mix(key)
