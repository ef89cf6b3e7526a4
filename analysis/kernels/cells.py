"""Rows of values to 64-bit keys of their cells, in one pass over the values.

Two of 10^6 different rows share a key by accident with probability about 3e-8.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from infoplane.analysis.kernels.threads import for_each
from infoplane.errors import EstimatorError
from infoplane.rows import cell_weights
from infoplane.types.arrays import Keys, Values

MOST_CELLS = 2.0**62
BLOCK_SHARE = 1 << 21
"""Values below which a second thread costs more than it saves."""


def refuse_unnumbered(largest: float, width: float) -> None:
    """Refuse values so large that their cells of this width have no number.

    Raises:
        EstimatorError: with the largest value.
    """
    if largest >= MOST_CELLS * width:
        raise EstimatorError(
            f"bin:saxe,width={width}: values up to {largest:.3g} have more than 2^62 cells; "
            "take a wider width or bin:quantile"
        )


def largest_of(z: Values) -> float:
    """Return the largest magnitude, without a copy."""
    return max(float(z.max(initial=0)), -float(z.min(initial=0)))


def floor_keys(z: Values, width: float) -> Keys:
    """Return keys of the rows of ``floor(z / width)``, in the dtype of ``z``.

    Shape ``(n, dim)`` to ``(n,)``.

    Raises:
        EstimatorError: values so large that their cells have no number.
    """
    from infoplane.analysis.kernels import cells_compiled

    refuse_unnumbered(largest_of(z), width)
    in_dtype = z.dtype.type(width)
    return _by_blocks(z, lambda *block: cells_compiled.floor_keys(block[0], in_dtype, *block[1:]))


def edge_keys(z: Values, edges: int) -> Keys:
    """Return keys of the rows of cells between so many float32 edges, evenly on [-1, 1].

    The cells are ``searchsorted(linspace(-1, 1, edges, dtype=float32), z, side="right") - 1``.
    Shape ``(n, dim)`` to ``(n,)``.
    """
    from infoplane.analysis.kernels import cells_compiled

    last = edges - 1
    even = (2 / last, z.dtype.type(last / 2), z.dtype.type(last))
    return _by_blocks(z, lambda *block: cells_compiled.edge_keys(block[0], *even, *block[1:]))


def _by_blocks(z: Values, keys_of: Callable[[Values, Keys, Keys], None]) -> Keys:
    """Return keys of rows, blocks of which are shared among threads.

    Args:
        z: shape ``(n, dim)``.
        keys_of: writes the keys of a block of rows, ``(rows, dim)``, by weights of the units,
            ``(dim,)``, into ``(rows,)``.
    """
    z = np.ascontiguousarray(z)
    weights = cell_weights(z.shape[1])
    keys = np.empty(len(z), np.uint64)
    rows = max(1, BLOCK_SHARE // max(z.shape[1], 1))
    blocks = [slice(start, start + rows) for start in range(0, len(z), rows)]
    for_each(lambda block: keys_of(z[block], weights, keys[block]), blocks)
    return keys
