"""Gram matrices of Gaussian kernels, and the widths of these."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from infoplane.analysis.kernels.spectra import centre
from infoplane.analysis.kernels.threads import for_each, single_blas
from infoplane.errors import EstimatorError
from infoplane.rows import codes_of
from infoplane.types import Variable
from infoplane.types.arrays import Floats, Values

_STRIP = 64
"""Rows of a matrix that are worked on at a time, in cache."""
_ALIGNMENT_GRID = np.geomspace(0.1, 10.0, 17).tolist()
"""Widths that are tried, in median distances."""


def squared_distances(
    z: Values, finish: Callable[[Floats], object] = lambda distances: None
) -> Floats:
    """Return squared Euclidean distances of all row pairs, shape ``(n, n)``.

    They come from matrix products of the centred rows.

    Args:
        z: shape ``(n, dim)``.
        finish: changes every strip of rows in place while it is in cache.
    """
    centred = np.asarray(z, dtype=np.float64) - np.mean(z, axis=0, dtype=np.float64)
    norms = np.einsum("ij,ij->i", centred, centred)
    out = np.empty((len(centred), len(centred)))

    def rows(start: int) -> None:
        here = out[start : start + _STRIP]
        np.matmul(centred[start : start + _STRIP], centred.T, out=here)
        here *= -2.0
        here += norms
        here += norms[start : start + _STRIP, None]
        np.maximum(here, 0.0, out=here)
        np.fill_diagonal(here[:, start:], 0.0)
        finish(here)

    with single_blas():
        for_each(rows, range(0, len(out), _STRIP))
    return out


def gram(v: Variable, width: float) -> Floats:
    """Return the normalised Gram matrix ``K / n`` of a Gaussian kernel ``exp(-D / (2 width^2))``.

    The kernel is equality for a discrete variable. The trace is 1.
    """
    if v.kind == "discrete":
        codes = codes_of(v)
        return (codes[:, None] == codes[None]).astype(np.float64) / v.n
    rate = -0.5 / width**2

    def kernel(distances: Floats) -> None:
        distances *= rate
        np.exp(distances, out=distances)
        distances /= v.n

    return squared_distances(v.values, kernel)


def silverman_width(z: Values, gamma: float = 1.0) -> float:
    """Return the kernel width by Silverman's rule as in Yu et al. 2020.

    ``gamma sqrt(d) n^(-1/(4+d))`` times the RMS standard deviation of the units.
    """
    n, d = z.shape
    scale = float(np.sqrt(np.mean(np.var(z.astype(np.float64), axis=0))))
    return gamma * scale * float(np.sqrt(d)) * float(n) ** (-1.0 / (4 + d))


def median_width(z: Values) -> float:
    """Return the kernel width: the median distance of distinct row pairs (of the first 2000 rows).

    Raises:
        EstimatorError: a single row has no distance.
    """
    if len(z) < 2:
        raise EstimatorError(f"a kernel of median width needs at least 2 rows, got {len(z)}")
    distances = squared_distances(z[:2000])
    return float(np.sqrt(np.median(distances[np.triu_indices(len(distances), 1)])))


def alignment_width(z: Values, y: Variable) -> float:
    """Return the width whose centred Gram matrix is best aligned with the labels'.

    A multiple of the median width (Cortes et al. 2012).

    Only where labels are given; it uses them, so the value of I(Z;Y) is chosen to be large.
    """
    if y.kind != "discrete":
        raise EstimatorError(
            f"width=alignment needs discrete labels, got {y.kind} {y.name}; use width=median"
        )
    base = median_width(z)
    target = centre(gram(y, 1.0))

    def alignment(factor: float) -> float:
        kernel = centre(gram(Variable("z", z, "continuous"), factor * base))
        norm = float(np.linalg.norm(kernel))
        return float(np.sum(kernel * target)) / norm if norm > 0 else 0.0

    return base * max(_ALIGNMENT_GRID, key=alignment) if base > 0 else 0.0
