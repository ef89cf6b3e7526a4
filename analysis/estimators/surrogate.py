"""What neighbours miss on a Gaussian of the same size, dimensions and correlations: the correction of `KSG(correct=True)`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, ndtri

Floats = NDArray[np.float64]
_LN2 = float(np.log(2.0))
_DRAWS = 4


def rank_scores(values: NDArray[np.generic]) -> Floats:
    """Every column replaced by the normal quantiles of its ranks (ties share the mean rank), shape ``(n,)`` or ``(n, dim)``."""
    from scipy.stats import rankdata  # a second of imports that most planes need not wait for

    return np.asarray(ndtri((rankdata(values, axis=0) - 0.5) / len(values)))


def gaussian_shortfall(
    x: Floats,
    z: Floats,
    value: Callable[[Floats, Floats], float],
    *,
    rng: np.random.Generator,
    draws: int = _DRAWS,
) -> float | None:
    """Truth minus ``value`` in bits, on Gaussian samples with the rank correlations of x and z, shapes ``(n, dx)`` and ``(n, dz)``; mean over draws.

    A parametric bootstrap of the bias. The correlations between the two sides are shrunk until their information is that of the fit less its own
    small-sample inflation; each surrogate is compared with the corrected information of its own sample, so that most of the sampling noise cancels. For Gaussian data (after any monotone map of single units) the correction is the bias itself; for other data it is the part of the bias that comes
    from size, dimension and strength of the linear dependence. Symmetric in x and z, and blind to the order of rows.

    Returns None where there is nothing to correct by: a singular fit, or a fitted information beyond what n rows can show (log2 n - 1).
    """
    n, d = len(x), x.shape[1]
    if d + z.shape[1] >= n - 1:
        return None
    if _key(z) < _key(x):
        x, z, value = z, x, _swapped(value)
        d = x.shape[1]
    scores = rank_scores(np.hstack([x, z]))
    spread = scores.std(axis=0)
    if not (spread > 0).all():
        return None
    s, inflation = (
        np.asarray(np.corrcoef(scores, rowvar=False)),
        _inflation(n, d, scores.shape[1] - d),
    )
    if np.linalg.eigvalsh(s)[0] < 1e-9:
        return None
    s = _shrunk(s, d, max(0.0, _information(s, d) - inflation))
    eigenvalues, vectors = np.linalg.eigh(s)
    if _information(s, d) > math.log2(n) - 1:
        return None
    root = vectors * np.sqrt(eigenvalues) @ vectors.T
    found = []
    for _ in range(draws):
        g = rng.normal(size=scores.shape) @ root
        found.append(
            _information(np.corrcoef(g, rowvar=False), d) - inflation - value(g[:, :d], g[:, d:])
        )
    return float(np.mean(found))


def _information(s: Floats, d: int) -> float:
    logs = [float(np.linalg.slogdet(part)[1]) for part in (s[:d, :d], s[d:, d:], s)]
    return 0.5 * (logs[0] + logs[1] - logs[2]) / _LN2


def _inflation(n: int, dx: int, dz: int) -> float:
    """Mean excess in bits of a Gaussian information from a sample covariance of n rows: E log det of Wishart matrices."""

    def of(p: int) -> float:
        return float(digamma((n - np.arange(1, p + 1)) / 2).sum() + p * np.log(2.0 / (n - 1)))

    return 0.5 * (of(dx) + of(dz) - of(dx + dz)) / _LN2


def _shrunk(s: Floats, d: int, bits: float) -> Floats:
    """``s`` with the correlations between the two sides scaled down until their information is ``bits``."""
    from scipy.optimize import brentq

    def at(share: float) -> Floats:
        out = s.copy()
        out[:d, d:] *= share
        out[d:, :d] *= share
        return out

    if bits <= 0:
        return at(0.0)
    if bits >= _information(s, d):
        return s
    return at(float(brentq(lambda share: _information(at(share), d) - bits, 0.0, 1.0)))


def _key(v: Floats) -> tuple[int, float]:
    """Orders two variables by what they hold, whatever the order of their rows: an exact sum."""
    return v.shape[1], math.fsum(np.abs(v).ravel().tolist())


def _swapped(value: Callable[[Floats, Floats], float]) -> Callable[[Floats, Floats], float]:
    return lambda a, b: value(b, a)
