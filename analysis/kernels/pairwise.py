"""One pass over all pairs of rows: Gaussian kernel sums for any number of variances, in total and within groups. No N x N in memory.

Tiles come from BLAS, the exponentials from a compiled loop over a tile in cache; only the upper half is visited. Sums are float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.kernels.threads import in_order, single_blas

TILE = 512
_DIRECT_DIM = 10
_TOLERANCE_NATS = 7e-6
Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


def gaussian_sums(z: NDArray[np.floating], variances: Floats, classes: Codes | None = None) -> tuple[Floats, Floats]:
    """``sum_j exp(-|z_i - z_j|^2 / (2 m s2))`` for m = 4 and m = 1, over all rows and over the rows of i's class, i = j included.

    Args:
        z: shape ``(n, dim)``, float32 or float64.
        variances: the s2, shape ``(v,)``, positive.
        classes: shape ``(n,)``; None for one class.

    Returns:
        Two arrays of shape ``(n, v, 2)``: totals and own-class sums; the last axis is (8 s2, 2 s2) in the exponent's denominator.
    """
    found = grouped_sums(z, variances, [] if classes is None else [classes])
    return found[0], found[-1]


def grouped_sums(z: NDArray[np.floating], variances: Floats, groupings: Sequence[Codes]) -> list[Floats]:
    """The sums of `gaussian_sums` over all rows and, for each grouping of the rows, over the rows of i's group: every consumer of one pass.

    Half-samples are groupings, permuted labels are, classes are. The first should be the one of fewest groups: the rows are sorted by it.

    Returns:
        Arrays of shape ``(n, v, 2)``: one over all rows, then one per grouping.

    Errors: exponentials are float32 (relative error below 4e-7, sums of positive terms). Squared distances are: up to 10 dimensions, sums of
    differences in the dtype of ``z``; above, products of centred rows, in float32 only where their error ``2 eps max|z_c|^2 / (2 min s2)``
    stays below 7e-6 nats (1e-5 bit), else in float64. Results do not depend on the number of threads.
    """
    from infoplane.analysis.kernels.pairwise_compiled import strip_from_columns, tile

    n, dim = z.shape
    rates = 1.0 / (8.0 * np.asarray(variances, np.float64))
    order, first, last = _by_class(n, groupings[0] if groupings else None)
    others = np.array([np.asarray(g)[order] for g in groupings[1:]], np.int64).reshape(-1, n)
    scales = (-rates * np.log2(np.e)).astype(np.float32)
    c = _centred(z, order, float(rates.max())) if dim > _DIRECT_DIM else _columns(z, order)
    norms = np.einsum("ij,ij->i", c, c)
    size, nothing = TILE, np.empty((1, 0), c.dtype)

    def strip(i: int) -> Floats:
        sums = np.zeros((len(rates), 2 + len(others), 2, n - i))
        rows = min(size, n - i)
        if dim <= _DIRECT_DIM:
            strip_from_columns(c, first, last, others, i, rows, size, scales, sums)
            return sums
        products = np.empty((rows, size), c.dtype)
        for j in range(i, n, size):
            g = np.matmul(c[i : i + rows], c[j : j + size].T, out=products[:, : n - j] if n - j < size else products)
            tile(g, nothing, norms, first, last, others, i, j, rows, g.shape[1], scales, sums)
        return sums

    total = np.zeros((len(rates), 2 + len(others), 2, n))
    with single_blas():
        for i, sums in zip(range(0, n, size), in_order(strip, range(0, n, size)), strict=True):
            total[..., i:] += sums
    total += 1.0  # every row with itself
    back = np.empty(n, np.int64)
    back[order] = np.arange(n)
    return [np.ascontiguousarray(total[:, k][:, :, back].transpose(2, 0, 1)) for k in range(1 + len(groupings))]


def _by_class(n: int, classes: Codes | None) -> tuple[Codes, Codes, Codes]:
    """Rows sorted by class, and for each sorted row where its class begins and ends."""
    if classes is None:
        return np.arange(n), np.zeros(n, np.int64), np.full(n, n, np.int64)
    order = np.argsort(classes, kind="stable")
    ordered = np.asarray(classes)[order]
    return order, np.searchsorted(ordered, ordered, "left"), np.searchsorted(ordered, ordered, "right")


def _columns(z: NDArray[np.floating], order: Codes) -> NDArray[np.floating]:
    """Coordinates of the sorted rows, shape (dim rounded up to a multiple of the loops' stride, n)."""
    from infoplane.analysis.kernels.pairwise_compiled import UNROLL

    n, dim = z.shape
    columns = np.zeros((-(-dim // UNROLL) * UNROLL, n), z.dtype)
    columns[:dim] = z[order].T
    return columns


def _centred(z: NDArray[np.floating], order: Codes, rate: float) -> NDArray[np.floating]:
    """Sorted rows with the mean taken off, in the narrowest dtype whose rounding the tolerance allows."""
    mean = z.mean(axis=0, dtype=np.float64)
    largest = 0.0
    c = np.empty(z.shape, np.float64 if z.dtype == np.float64 else np.float32)
    for start in range(0, len(z), 4096):
        block = z[order[start : start + 4096]] - mean
        largest = max(largest, float(np.einsum("ij,ij->i", block, block).max()))
        c[start : start + 4096] = block
    if z.dtype == np.float64 or 2 * float(np.finfo(np.float32).eps) * largest * 4 * rate < _TOLERANCE_NATS:
        return c
    wide = z[order].astype(np.float64)
    wide -= mean
    return wide
