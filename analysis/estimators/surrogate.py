"""What neighbours miss on a Gaussian of the same size, dimensions and correlations: the correction of `KSG(correct=True)`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

Floats = NDArray[np.float64]
_LN2 = float(np.log(2.0))
_DRAWS = 4


def gaussian_shortfall(
    x: Floats, z: Floats, value: Callable[[Floats, Floats], float], *, rng: np.random.Generator, draws: int = _DRAWS
) -> float | None:
    """Truth minus ``value`` in bits, on Gaussian samples with the rank correlations of x and z, shapes ``(n, dx)`` and ``(n, dz)``; mean over draws.

    A parametric bootstrap of the bias. Each surrogate is compared with the information of its own sample correlation, so that most of the sampling
    noise cancels. For Gaussian data (after any monotone map of single units) the correction is the bias itself; for other data it is the part of the bias that comes
    from size, dimension and strength of the linear dependence. Symmetric in x and z, and blind to the order of rows.

    Returns None where there is nothing to correct by: a singular fit, or a fitted information beyond what n rows can show (log2 n - 1).
    """
    if _key(z) < _key(x):
        x, z, value = z, x, _swapped(value)
    n, d = len(x), x.shape[1]
    scores = ndtri((rankdata(np.hstack([x, z]), axis=0) - 0.5) / n)
    spread = scores.std(axis=0)
    if not (spread > 0).all():
        return None
    s = np.corrcoef(scores, rowvar=False)
    eigenvalues, vectors = np.linalg.eigh(s)
    if eigenvalues[0] < 1e-9 or _information(s, d) > math.log2(n) - 1:
        return None
    root = vectors * np.sqrt(eigenvalues) @ vectors.T
    found = []
    for _ in range(draws):
        g = rng.normal(size=scores.shape) @ root
        found.append(_information(np.corrcoef(g, rowvar=False), d) - value(g[:, :d], g[:, d:]))
    return float(np.mean(found))


def _information(s: Floats, d: int) -> float:
    logs = [float(np.linalg.slogdet(part)[1]) for part in (s[:d, :d], s[d:, d:], s)]
    return 0.5 * (logs[0] + logs[1] - logs[2]) / _LN2


def _key(v: Floats) -> tuple[int, float]:
    """Orders two variables by what they hold, whatever the order of their rows: an exact sum."""
    return v.shape[1], math.fsum(np.abs(v).ravel().tolist())


def _swapped(value: Callable[[Floats, Floats], float]) -> Callable[[Floats, Floats], float]:
    return lambda a, b: value(b, a)
