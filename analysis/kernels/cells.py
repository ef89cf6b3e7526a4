"""Rows of values to 64-bit keys of their cells, quantised and hashed in one pass over the values.

Two of 10^6 different rows share a key by accident with probability about 3e-8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.kernels.threads import for_each, threads
from infoplane.errors import EstimatorError

MOST_CELLS = 2.0**62
Keys = NDArray[np.uint64]
Values = NDArray[np.floating[Any]]
_BLOCK = 1024  # values in cache at a time
_SHARE = 1 << 21  # values below which a second thread costs more than it saves


def refuse_unnumbered(z: Values, width: float) -> None:
    """Refuse values so large that their cells of this width have no number.

    Raises:
        EstimatorError: with the largest value.
    """
    _refuse(_largest(z), width)


def _refuse(largest: float, width: float) -> None:
    if largest >= MOST_CELLS * width:
        raise EstimatorError(
            f"bin:saxe,width={width}: values up to {largest:.3g} have more than 2^62 cells; take a wider width or bin:quantile"
        )


def _largest(z: Values) -> float:
    """The largest magnitude, without a copy."""
    return max(float(z.max(initial=0)), -float(z.min(initial=0)))


def floor_keys(z: Values, width: float) -> Keys:
    """Keys of the rows of ``floor(z / width)``, in the dtype of ``z``; shape ``(n, dim)`` to ``(n,)``.

    Raises:
        EstimatorError: values so large that their cells have no number.
    """
    from infoplane.analysis.kernels import cells_compiled

    w, limit = z.dtype.type(width), _limit(z, width)
    scale = _exact_inverse(w)

    def work(part: Values, weights: Keys, out: Keys) -> None:
        if cells_compiled.floor_keys(part, z.shape[1], w, scale, limit, weights, out):
            refuse_unnumbered(part, width)

    return _keys(z, work)


def _exact_inverse(width: np.floating[Any]) -> np.floating[Any]:
    """``1 / width`` of a power of two: times it is divided by the width, to the last bit. 0 where a product would be rounded otherwise."""
    kind, info = type(width), np.finfo(type(width))
    exact = np.frexp(width)[0] == 0.5 and info.tiny <= width <= 1 / info.tiny
    return kind(1) / width if exact else kind(0)


def edge_keys(z: Values, edges: int) -> Keys:
    """Keys of the rows of cells between so many float32 edges, evenly on [-1, 1]; shape ``(n, dim)`` to ``(n,)``."""
    from infoplane.analysis.kernels import cells_compiled

    even = _even(edges, z)
    return _keys(z, lambda part, weights, out: cells_compiled.edge_keys(part, z.shape[1], *even, weights, out))


def cells_between(z: Values, edges: int) -> NDArray[np.int32]:
    """``searchsorted(linspace(-1, 1, edges, dtype=float32), z, side="right") - 1`` of finite values, in the shape of ``z``."""
    from infoplane.analysis.kernels import cells_compiled

    out = np.empty(z.size, np.int32)
    cells_compiled.cells_between(np.ascontiguousarray(z).ravel(), *_even(edges, z), out)
    return out.reshape(z.shape)


def _even(edges: int, z: Values) -> tuple[float, Any, Any]:
    """Step of the edges, half their number and the last cell, the latter two in the dtype of ``z``."""
    return 2 / (edges - 1), z.dtype.type((edges - 1) / 2), z.dtype.type(edges - 1)


def floor_entropies(z: Values, widths: Sequence[float]) -> NDArray[np.float64]:
    """Plug-in entropies in bits of the rows of ``floor(z / width)``, one per width: a sweep, its widths shared among threads.

    Raises:
        EstimatorError: values so large that their cells have no number.
    """
    from infoplane.analysis.kernels import cells_compiled
    from infoplane.rows import cell_weights, empty_table

    given, largest = np.array(widths, z.dtype), _largest(z)
    _refuse(largest, float(given.min(initial=np.inf)))
    z, weights, out = np.ascontiguousarray(z), cell_weights(z.shape[1]), np.empty(len(given))
    half = np.floor(largest / given.astype(np.float64)) + 1  # cells lie within this of zero, whichever way a quotient is rounded
    bases, joined = 2 * half + 1, np.ones(len(given), np.int64)
    for many in (2, 4):
        joined[bases**many < 2.0 ** (np.finfo(z.dtype).nmant + 2)] = many  # numbers of so many digits, of either sign, are exact

    def work(part: slice) -> None:
        cells_compiled.floor_entropies(z, given[part], bases[part].astype(z.dtype), joined[part], weights, empty_table(len(z)), out[part])

    for_each(work, [slice(k, None, threads()) for k in range(threads())])
    return out


def _limit(z: Values, width: float) -> Any:
    """The magnitude from which on cells have no number, in the dtype of ``z``."""
    return z.dtype.type(min(MOST_CELLS * width, float(np.finfo(z.dtype).max)))


def _flat(z: Values) -> tuple[Values, Keys]:
    """The rows one after the other, and the weights of their units, repeated for as many rows as are taken at a time."""
    from infoplane.rows import cell_weights

    return np.ascontiguousarray(z).reshape(-1), np.tile(cell_weights(z.shape[1]), max(1, _BLOCK // z.shape[1]))


def _keys(z: Values, work: Callable[[Values, Keys, Keys], None]) -> Keys:
    n, dim = z.shape
    out = np.empty(n, np.uint64)
    if dim == 0:
        out[:] = 0
        return out
    flat, weights = _flat(z)
    rows = max(1, min(n, _SHARE // dim))

    def part(start: int) -> None:
        stop = min(n, start + rows)
        work(flat[start * dim : stop * dim], weights, out[start:stop])

    if n <= rows:
        part(0)
    else:
        for_each(part, range(0, n, rows))
    return out
