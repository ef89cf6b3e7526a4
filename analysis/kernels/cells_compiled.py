"""Compiled loops of the bin rules, from rows of values straight to 64-bit keys of their cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from infoplane.jit import compiled, inlined
from infoplane.rows_compiled import mix

_U = np.uint64
_F = np.float32
_FAST = {"nsz", "nnan"}


@inlined(fastmath=_FAST)
def _cell(value: Any, step: float, scale: Any, last: Any) -> Any:
    """Return the number of float32 edges ``k step - 1``, k = 0..last, at or below a value, less 1.

    A guess, put right by the edges beside it, which are computed as linspace does.
    """
    guess = min(max(np.floor(value * scale + scale), -_F(1)), last)
    low = np.float32(np.float64(guess) * step - 1.0)
    high = np.float32((np.float64(guess) + 1.0) * step - 1.0)
    raised = guess + _F(1) if (value >= high) & (guess < last) else guess
    return raised - _F(1) if (value < low) & (guess >= _F(0)) else raised


@compiled(fastmath=_FAST)
def floor_keys(z: Any, width: Any, weights: Any, keys: Any) -> None:
    """Fill in the keys of the rows of ``floor(z / width)``.

    A weighted sum of the cells (XOR would merge q and -q), then mixed.

    Args:
        z: shape ``(n, dim)``.
        width: of a cell, in the dtype of z.
        weights: of the units, shape ``(dim,)``.
        keys: shape ``(n,)``.
    """
    for number in range(len(z)):
        row = z[number]
        key = _U(0)
        for unit in range(len(row)):
            key += _U(np.int64(np.floor(row[unit] / width))) * weights[unit]
        keys[number] = mix(key)


@compiled(fastmath=_FAST)
def edge_keys(z: Any, step: float, scale: Any, last: Any, weights: Any, keys: Any) -> None:
    """Fill in keys as `floor_keys` does, for the cells 0..last of finite values, and -1 below.

    Args:
        z: shape ``(n, dim)``.
        step: from edge to edge.
        scale: ``last / 2`` in the dtype of z.
        last: in the dtype of z.
        weights: of the units, shape ``(dim,)``.
        keys: shape ``(n,)``.
    """
    for number in range(len(z)):
        row = z[number]
        key = _U(0)
        for unit in range(len(row)):
            key += _U(np.int64(_cell(row[unit], step, scale, last))) * weights[unit]
        keys[number] = mix(key)
