"""One pass over all pairs of rows: Gaussian kernel sums for any number of variances, in total and within classes. No N x N in memory.

Tiles come from BLAS, the exponentials from a compiled loop over a tile in cache; only the upper half is visited. Sums are float64.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

TILE = 512
_DIRECT_DIM = 10
_TOLERANCE_NATS = 5e-6


@cache
def _epilogues() -> tuple[Any, Any]:  # Any: compiled functions
    import numba

    @numba.njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]  # numba has no types
    def accumulate(d: Any, rates: Any, same: bool, i: int, j: int, diagonal: bool, total: Any, own: Any) -> None:
        for g in range(len(rates)):
            low = np.exp(-min(d * rates[g], 700.0))
            square = low * low
            up = square * square
            total[i, 2 * g] += low
            total[i, 2 * g + 1] += up
            if same:
                own[i, 2 * g] += low
                own[i, 2 * g + 1] += up
            if not diagonal:
                total[j, 2 * g] += low
                total[j, 2 * g + 1] += up
                if same:
                    own[j, 2 * g] += low
                    own[j, 2 * g + 1] += up

    @numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]  # numba has no types
    def from_products(g: Any, norms: Any, classes: Any, i0: int, j0: int, rates: Any, total: Any, own: Any) -> None:
        for r in range(g.shape[0]):
            i = i0 + r
            for c in range(g.shape[1]):
                j = j0 + c
                if j < i:
                    continue
                d = 0.0 if i == j else max(norms[i] + norms[j] - 2.0 * g[r, c], 0.0)
                accumulate(d, rates, classes[i] == classes[j], i, j, i == j, total, own)

    @numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]  # numba has no types
    def from_differences(z: Any, classes: Any, rates: Any, total: Any, own: Any) -> None:
        n, dim = z.shape
        for i in range(n):
            for j in range(i, n):
                d = 0.0
                for k in range(dim):
                    step = z[i, k] - z[j, k]
                    d += step * step
                accumulate(d, rates, classes[i] == classes[j], i, j, i == j, total, own)

    return from_products, from_differences


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

    Distances from float32 products are used only where eps max|z_c|^2 / (2 min s2) stays below 5e-6 nats; float64 elsewhere.
    """
    n, dim = z.shape
    rates = 1.0 / (8.0 * np.asarray(variances, np.float64))
    codes = np.zeros(n, np.int64) if classes is None else np.ascontiguousarray(classes, np.int64)
    total = np.zeros((n, 2 * len(rates)))
    own = np.zeros_like(total)
    from_products, from_differences = _epilogues()
    if dim <= _DIRECT_DIM:
        from_differences(np.ascontiguousarray(z, np.float64), codes, rates, total, own)
    else:
        centred = z - z.mean(axis=0, dtype=np.float64)
        largest = float(np.einsum("ij,ij->i", centred, centred).max())
        bound = 16 * np.finfo(np.float32).eps * largest * 4 * float(rates.max())
        c = np.ascontiguousarray(centred, np.float32 if z.dtype == np.float32 and bound < _TOLERANCE_NATS else np.float64)
        norms = np.einsum("ij,ij->i", c, c, dtype=np.float64)
        for i in range(0, n, TILE):
            for j in range(i, n, TILE):
                from_products(c[i : i + TILE] @ c[j : j + TILE].T, norms, codes, i, j, rates, total, own)
    shape = (n, len(rates), 2)
    return total.reshape(shape), own.reshape(shape)
