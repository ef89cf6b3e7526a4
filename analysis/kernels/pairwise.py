"""One pass over all pairs of rows: Gaussian kernel sums for any number of variances, in total and within classes. No N x N in memory.

Tiles come from BLAS, the exponentials from a compiled loop over a tile in cache; only the upper half is visited. Sums are float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TILE = 512
_DIRECT_DIM = 10
_TOLERANCE_NATS = 7e-6


def gaussian_sums(
    z: NDArray[np.floating], variances: NDArray[np.float64], classes: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``sum_j exp(-|z_i - z_j|^2 / (2 m s2))`` for m = 4 and m = 1, over all rows and over the rows of i's class, i = j included.

    Args:
        z: shape ``(n, dim)``, float32 or float64.
        variances: the s2, shape ``(v,)``, positive.
        classes: shape ``(n,)``; None for one class.

    Returns:
        Two arrays of shape ``(n, v, 2)``: totals and own-class sums; the last axis is (8 s2, 2 s2) in the exponent's denominator.

    Exponentials are float32 (relative error about 1e-7). Squared distances are: up to 10 dimensions, sums of differences; above,
    products of centred rows, in float32 only where ``2 eps max|z_c|^2 / (2 min s2)`` stays below 7e-6 nats (1e-5 bit), else in float64.
    """
    from infoplane.analysis.kernels.pairwise_compiled import tile

    n, dim = z.shape
    rates = 1.0 / (8.0 * np.asarray(variances, np.float64))
    order, first, last = _by_class(n, classes)
    products = dim > _DIRECT_DIM
    c = _centred(z, order, float(rates.max())) if products else np.ascontiguousarray(z[order])
    columns = np.empty((1, 0), c.dtype) if products else np.ascontiguousarray(c.T)
    norms = np.einsum("ij,ij->i", c, c)
    nothing = np.empty((0, 0), c.dtype)
    total = np.zeros((2 * len(rates), n))
    own = np.zeros_like(total)
    size = TILE if dim <= 1024 else 2 * TILE  # long rows: larger products pay more than a tile that stays in cache
    for i in range(0, n, size):
        for j in range(i, n, size):
            g = c[i : i + size] @ c[j : j + size].T if products else nothing
            tile(g, columns, norms, first, last, i, j, min(size, n - i), min(size, n - j), rates.astype(np.float32), total, own)
    back = np.empty(n, np.int64)
    back[order] = np.arange(n)
    shape = (n, len(rates), 2)
    return total.T[back].reshape(shape), own.T[back].reshape(shape)


def _by_class(n: int, classes: NDArray[np.int64] | None) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows sorted by class, and for each sorted row where its class begins and ends."""
    if classes is None:
        return np.arange(n), np.zeros(n, np.int64), np.full(n, n, np.int64)
    order = np.argsort(classes, kind="stable")
    ordered = np.asarray(classes)[order]
    return order, np.searchsorted(ordered, ordered, "left"), np.searchsorted(ordered, ordered, "right")


def _centred(z: NDArray[np.floating], order: NDArray[np.int64], rate: float) -> NDArray[np.floating]:
    """Sorted rows with the mean taken off, in the narrowest dtype whose rounding the tolerance allows."""
    c = z[order].astype(np.float64)
    c -= c.mean(axis=0)
    largest = float(np.einsum("ij,ij->i", c, c).max())
    narrow = z.dtype == np.float32 and 2 * float(np.finfo(np.float32).eps) * largest * 4 * rate < _TOLERANCE_NATS
    return c.astype(np.float32) if narrow else c
