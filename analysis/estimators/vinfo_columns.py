"""Columns of predictors, standardised fold by fold in blocks: no wide layer is held twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np

from infoplane.types.arrays import Floats, Ids, Values

_BLOCK_BYTES = 32 << 20
"""Of one block of columns in double precision."""
_NO_VARIANCE = 1e-12
"""Share of the largest variance below which a direction of the training rows is rounding."""


def standardised(z: Values, train: Ids) -> Floats:
    """Return columns centred and scaled by the training rows; constant ones go.

    Wider than long is rotated onto the span of the training rows. Every family's penalty is
    rotation invariant, so nothing usable is lost. Only inner products of rows are needed for it,
    which are summed over blocks of columns.

    Args:
        z: N rows of D columns, shape ``(N, D)``, in the precision in which they are stored.
        train: numbers of the T training rows, shape ``(T,)``.

    Returns:
        Shape ``(N, min(D', T))``, D' the columns that are not constant on the training rows.
    """
    columns = np.empty((len(z), min(z.shape[1], len(train))))
    blocks = _blocks(z, train)
    found = 0
    for block in blocks:
        if found + block.shape[1] > len(train):
            return _clipped(_rotated(_products([columns[:, :found], block], blocks, train), train))
        columns[:, found : found + block.shape[1]] = block
        found += block.shape[1]
    return _clipped(columns if found == columns.shape[1] else columns[:, :found].copy())


def _products(first: Sequence[Floats], others: Iterable[Floats], train: Ids) -> Floats:
    """Return inner products of all rows with the training rows, shape ``(N, T)``."""
    products = np.zeros((len(first[0]), len(train)))
    for block in chain(first, others):
        products += block @ block[train].T
    return products


def _blocks(z: Values, train: Ids) -> Iterator[Floats]:
    """Yield the standardised columns, shape ``(N, B)`` each."""
    width = max(2, _BLOCK_BYTES // (8 * len(z)))
    for start in range(0, z.shape[1], width):
        block = z[:, start : start + width].astype(np.float64)
        fitted = block[train]
        spread = fitted.std(axis=0)
        live = spread > 1e-12 * np.abs(fitted).max(axis=0, initial=0.0)
        block = block[:, live]
        block -= fitted[:, live].mean(axis=0)
        block /= spread[live]
        yield block


def _rotated(products: Floats, train: Ids) -> Floats:
    """Return coordinates of all rows along the directions of the training rows.

    They come from inner products with these, shape ``(N, T)``.
    """
    variances, directions = np.linalg.eigh(products[train])
    real = variances > _NO_VARIANCE * variances[-1]
    scale = np.zeros_like(variances)
    scale[real] = 1.0 / np.sqrt(variances[real])
    return products @ (directions * scale)


def _clipped(columns: Floats) -> Floats:
    """Return the columns without values that a linear predictor cannot survive."""
    return np.clip(columns, -30.0, 30.0, out=columns)
