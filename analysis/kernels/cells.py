"""Rows of values to 64-bit keys of their cells, quantised and hashed in one pass over the values.

Two of 10^6 different rows share a key by accident with probability about 3e-8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.kernels.threads import for_each, threads
from infoplane.errors import EstimatorError

MOST_CELLS = 2.0**62
Keys = NDArray[np.uint64]
Values = NDArray[np.floating[Any]]
Work = Callable[[Values, int, int, Keys, Keys], None]
"""From rows one after the other, how far apart they are, how many units of them count, and the weights of these, to keys."""
_BLOCK = 1024  # values in cache at a time
_UNITS = 16  # that come first where rows need only be parted
_ODD = np.uint64(0x9E3779B97F4A7C15)
BLOCK_SHARE = 1 << 21  # values below which a second thread costs more than it saves


def refuse_unnumbered(largest: float, width: float) -> None:
    """Refuse values so large that their cells of this width have no number.

    Raises:
        EstimatorError: with the largest value.
    """
    if largest >= MOST_CELLS * width:
        raise EstimatorError(
            f"bin:saxe,width={width}: values up to {largest:.3g} have more than 2^62 cells; take a wider width or bin:quantile"
        )


def largest_of(z: Values) -> float:
    """Return the largest magnitude, without a copy."""
    return max(float(z.max(initial=0)), -float(z.min(initial=0)))


def floor_keys(
    z: Values, width: float, *, parting: bool = False, largest: float | None = None
) -> Keys:
    """Return keys of the rows of ``floor(z / width)``, in the dtype of ``z``.

    Shape ``(n, dim)`` to ``(n,)``.

    Args:
        parting: any keys that part the rows as those do are as good. A row that is alone by its first units is, whatever the others say, which are then
            not read: several times faster where rows differ, and wide ones cost no more than short ones.
        largest: the largest magnitude of ``z``, where it is known: it is not looked for again, and the first units of rows to be parted take half the time.

    Raises:
        EstimatorError: values so large that their cells have no number.
    """
    from infoplane.analysis.kernels import cells_compiled

    w = z.dtype.type(width)
    if largest is not None:
        refuse_unnumbered(largest, width)
    scale, limit = exact_inverse(w), _limit(z, width) if largest is None else z.dtype.type(np.inf)

    def work(part: Values, stride: int, dim: int, weights: Keys, out: Keys) -> None:
        if cells_compiled.floor_keys(part, stride, dim, w, scale, limit, weights, out):
            refuse_unnumbered(largest_of(part), width)

    if not parting:
        return keys_of_units(z, work)
    return _parting_keys(z, work, None if largest is None else first_keys(z, w, largest))


def first_keys(z: Values, width: np.floating[Any], largest: float) -> Keys | None:
    """Return keys of the first units of rows long enough to be parted.

    None where units cannot be taken two at a time.
    """
    from infoplane.analysis.kernels import cells_compiled
    from infoplane.rows import cell_weights

    n, dim = z.shape
    if (
        dim < 2 * _UNITS
        or dim % 2
        or z.dtype != np.float32
        or not z.flags.c_contiguous
        or z.ctypes.data % 8
    ):
        return None
    base, many = digits_of(float(width), largest, np.float32)
    if base >= 2.0**32:  # cells beyond 32 bits
        return None
    keys = np.empty(n, np.uint64)
    cells_compiled.first_keys(
        z.reshape(-1).view(np.uint64),
        dim // 2,
        width,
        width.dtype.type(base),
        many,
        cell_weights(_UNITS),
        keys,
    )
    return keys


def digits_of(width: float, largest: float, kind: type[np.floating[Any]]) -> tuple[float, int]:
    """Return a base above the number of cells, and how many cells (1, 2 or 4) are digits, to it, of one number that ``kind`` holds exactly."""
    half = (
        largest // width + 1
    )  # cells lie within this of zero, whichever way a quotient is rounded
    base, exact = 2 * half + 1, 2.0 ** (np.finfo(kind).nmant + 2)  # of either sign
    return base, 4 if base**4 < exact else 2 if base**2 < exact else 1


def exact_inverse(width: np.floating[Any]) -> np.floating[Any]:
    """Return ``1 / width`` of a power of two.

    Times it is divided by the width, to the last bit. 0 where a product would be rounded otherwise.
    """
    kind, info = type(width), np.finfo(type(width))
    exact = np.frexp(width)[0] == 0.5 and info.tiny <= width <= 1 / info.tiny
    return kind(1) / width if exact else kind(0)


def edge_keys(z: Values, edges: int, *, parting: bool = False) -> Keys:
    """Return keys of the rows of cells between so many float32 edges, evenly on [-1, 1].

    Shape ``(n, dim)`` to ``(n,)``. ``parting`` as for `floor_keys`.
    """
    from infoplane.analysis.kernels import cells_compiled

    even = _even(edges, z)

    def work(part: Values, stride: int, dim: int, weights: Keys, out: Keys) -> None:
        cells_compiled.edge_keys(part, stride, dim, *even, weights, out)

    return _parting_keys(z, work) if parting else keys_of_units(z, work)


def cells_between(z: Values, edges: int) -> NDArray[np.int32]:
    """Return ``searchsorted(linspace(-1, 1, edges, dtype=float32), z, side="right") - 1`` of finite values, in the shape of ``z``."""
    from infoplane.analysis.kernels import cells_compiled

    out = np.empty(z.size, np.int32)
    cells_compiled.cells_between(np.ascontiguousarray(z).ravel(), *_even(edges, z), out)
    return out.reshape(z.shape)


def _even(edges: int, z: Values) -> tuple[float, Any, Any]:
    """Return step of the edges, half their number and the last cell, the latter two in the dtype of ``z``."""
    return 2 / (edges - 1), z.dtype.type((edges - 1) / 2), z.dtype.type(edges - 1)


def floor_entropies(z: Values, widths: Sequence[float]) -> NDArray[np.float64]:
    """Return plug-in entropies in bits of the rows of ``floor(z / width)``, one per width.

    A sweep, its widths shared among threads.

    Raises:
        EstimatorError: values so large that their cells have no number.
    """
    from infoplane.analysis.kernels import cells_compiled
    from infoplane.rows import cell_weights, empty_sieve, empty_table

    given, largest = np.array(widths, z.dtype), largest_of(z)
    refuse_unnumbered(largest, float(given.min(initial=np.inf)))
    z, weights, out = np.ascontiguousarray(z), cell_weights(z.shape[1]), np.empty(len(given))
    digits = [digits_of(float(w), largest, z.dtype.type) for w in given]
    bases, joined = (
        np.array([base for base, _ in digits], z.dtype),
        np.array([many for _, many in digits], np.int64),
    )

    def work(part: slice) -> None:
        tables = empty_table(len(z)), empty_sieve(len(z))
        cells_compiled.floor_entropies(
            z, given[part], bases[part], joined[part], weights, *tables, out[part]
        )

    number = threads()
    for_each(work, [slice(k, None, number) for k in range(number)])
    return out


def _limit(z: Values, width: float) -> Any:
    """Return the magnitude from which on cells have no number, in the dtype of ``z``."""
    return z.dtype.type(min(MOST_CELLS * width, float(np.finfo(z.dtype).max)))


def _parting_keys(z: Values, work: Work, first: Keys | None = None) -> Keys:
    """Return keys of the ``first`` units, then, as long as most rows share theirs, of four times as many; the few rows that still do are looked at to the end."""
    from infoplane.rows import repeated_rows

    n, dim = z.shape
    if dim < 2 * _UNITS:
        return keys_of_units(z, work)
    keys, start = (
        keys_of_units(np.ascontiguousarray(z[:, :_UNITS]), work) if first is None else first,
        _UNITS,
    )
    while start < dim:
        left = repeated_rows(keys)
        if 2 * len(left) <= n:
            if len(left):
                keys[left] = _joined(keys[left], keys_of_units(z[left, start:], work))
            return keys
        stop = min(dim, 4 * start)
        keys, start = _joined(keys, keys_of_units(z, work, start, stop)), stop
    return keys


def _joined(keys: Keys, more: Keys) -> Keys:
    """Return keys of rows by those of their first units and of the next.

    Not a sum, which units that change places would leave as it is.
    """
    return keys * _ODD + more


@lru_cache(maxsize=64)
def _many_weights(dim: int) -> Keys:
    """Return `cell_weights` of the rows of a block."""
    from infoplane.rows import cell_weights

    return np.tile(cell_weights(dim), _BLOCK // dim) if dim < _BLOCK else cell_weights(dim)


def keys_of_units(z: Values, work: Work, first: int = 0, last: int | None = None) -> Keys:
    """Return keys of the units ``first`` up to ``last`` of every row."""
    n, stride = z.shape
    dim = (stride if last is None else last) - first
    out = np.empty(n, np.uint64)
    if dim == 0:
        out[:] = 0
        return out
    flat, weights = np.ascontiguousarray(z).reshape(-1), _many_weights(dim)
    rows = max(1, min(n, BLOCK_SHARE // dim))

    def part(start: int) -> None:
        stop = min(n, start + rows)
        work(
            flat[start * stride + first : (stop - 1) * stride + first + dim],
            stride,
            dim,
            weights,
            out[start:stop],
        )

    if n <= rows:
        part(0)
    else:
        for_each(part, range(0, n, rows))
    return out
