"""Entropies and mutual information of tables of counts, in bits.

The plug-in and its bias corrections.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InputError
from infoplane.rows import cell_codes
from infoplane.types import entropy_of_counts
from infoplane.types.arrays import Codes, Counts, Floats

Correction = Literal["none", "mm", "grassberger", "cwj", "chao-shen", "jackknife", "quadratic"]
CORRECTIONS: tuple[Correction, ...] = (
    "none",
    "mm",
    "grassberger",
    "cwj",
    "chao-shen",
    "jackknife",
    "quadratic",
)
_LN2 = float(np.log(2.0))


def entropy_bits(counts: NDArray[np.integer], correction: Correction = "none") -> float:
    """Return the entropy in bits of counts, shape ``(K,)``, corrected for a population if asked.

    ``none``: plug-in. ``mm``: + (K-1)/(2N ln 2) (Miller 1955). ``grassberger``: ln N - sum n_i
    G(n_i)/N (Grassberger 2003, physics/0307138). ``cwj``: Chao, Wang & Jost 2013
    (doi:10.1111/2041-210X.12108). ``chao-shen``: coverage-adjusted (2003). ``jackknife``: N H -
    (N-1) mean of leave-one-out. ``quadratic``: H(N), H(N/2), H(N/4) continued to 1/N = 0 by a
    parabola (Strong 1998, cond-mat/9603127), the means over all subsamples taken exactly.

    When it lies: no correction recovers symbols that never appeared when most of them did not;
    below one row per symbol read it as a guess.

    Raises:
        InputError: no positive count, or an unknown correction.
    """
    if correction == "none":
        return entropy_of_counts(counts)
    c = np.asarray(counts, np.float64)
    c = c[c > 0]
    if c.size == 0:
        raise InputError("expected at least one positive count")
    n = float(c.sum())
    if correction == "mm":
        return entropy_of_counts(counts) + (c.size - 1) / (2 * n * _LN2)
    if correction == "grassberger":
        from scipy.special import (
            digamma,  # a third of a second of imports that a plug-in need not wait for
        )

        g = digamma(c) + np.where(c % 2 == 0, 0.5, -0.5) * (digamma((c + 1) / 2) - digamma(c / 2))
        return float(np.log(n) - (c @ g) / n) / _LN2
    if correction == "cwj":
        return _chao_wang_jost(c, n) / _LN2
    if correction == "chao-shen":
        singles = min(float((c == 1).sum()), n - 1)
        p = (1 - singles / n) * c / n
        seen = -np.expm1(n * np.log1p(-np.minimum(p, 1 - 1e-16)))
        return float(-(p * np.log(p) / seen).sum()) / _LN2
    if correction == "jackknife":
        return _jackknife(c, n)
    if correction == "quadratic":
        return _quadratic(c, int(n))
    raise InputError(f"no such correction: {correction!r}; choose one of {', '.join(CORRECTIONS)}")


def _chao_wang_jost(c: Floats, n: float) -> float:
    """Nats. The tail sum over r >= n is taken directly where the closed form cancels."""
    from scipy.special import digamma

    seen = float((c / n * (digamma(n) - digamma(c))).sum())
    f1 = float((c == 1).sum())
    f2 = float((c == 2).sum())
    if f1 == 0 or n < 2:
        return seen
    a = 2 * f2 / ((n - 1) * f1 + 2 * f2) if f2 > 0 else 2 / ((n - 1) * (f1 - 1) + 2)
    if a >= 1:
        return seen
    q = 1 - a
    if n * a < 10:
        r = np.arange(1, int(n), dtype=np.float64)
        tail = q ** (1 - n) * (-np.log(a) - float((q**r / r).sum()))
    else:
        m = np.arange(int(45 / a) + 1, dtype=np.float64)
        tail = float((q ** (m + 1) / (n + m)).sum())
    return seen + f1 / n * tail


def _jackknife(c: Floats, n: float) -> float:
    if n < 2:
        return 0.0
    sizes, times = np.unique(c, return_counts=True)
    total = float((c * np.log2(c)).sum())
    left = sizes - 1
    without = total - sizes * np.log2(sizes) + left * np.log2(np.maximum(left, 1))
    loo = np.log2(n - 1) - without / (n - 1)
    return n * (np.log2(n) - total / n) - (n - 1) / n * float((times * sizes * loo).sum())


def _quadratic(c: Floats, n: int) -> float:
    if n < 8:
        return entropy_of_counts(c.astype(np.int64))
    sizes = np.array([n, n // 2, n // 4])
    values = [mean_subsample_entropy(c, n, int(m)) for m in sizes]
    return float(
        np.linalg.solve(np.stack([np.ones(3), 1 / sizes, 1 / sizes**2], axis=1), values)[0]
    )


def mean_subsample_entropy(c: Floats, n: int, m: int) -> float:
    """Return the mean plug-in entropy in bits of m rows drawn from n with counts ``c``.

    Drawn without replacement: a hypergeometric sum per distinct count.
    """
    from scipy.stats import hypergeom

    total = 0.0
    for size, times in zip(*np.unique(c.astype(np.int64), return_counts=True), strict=True):
        k = np.arange(1, min(int(size), m) + 1)
        total += float(times) * float((hypergeom.pmf(k, n, size, m) * k * np.log2(k)).sum())
    return float(np.log2(m)) - total / m


def counts_of(codes: Codes) -> Counts:
    """Return counts of dense codes 0..K-1."""
    return np.bincount(codes)


def joint_codes(a: Codes, b: Codes) -> Codes:
    """Return dense codes of the pairs of two dense code vectors of shape ``(n,)``."""
    pairs = a * (int(b.max()) + 1) + b
    return cell_codes(pairs[:, None])


def joint_counts(a: Codes, b: Codes) -> Counts:
    """Return counts of the pairs of two dense code vectors of shape ``(n,)``, zeros among them.

    They come from a table where that is small.
    """
    cells = (int(a.max()) + 1) * (int(b.max()) + 1)
    return counts_of(a * (int(b.max()) + 1) + b if cells <= 4 * len(a) else joint_codes(a, b))


def information_bits(a: Codes, b: Codes, correction: Correction = "none") -> float:
    """Return I(A;B) = H(A) + H(B) - H(A,B) in bits of two dense code vectors, ``(n,)`` each."""
    if not a.any() or not b.any():  # one symbol; a correction of its entropy is no exact zero
        return 0.0
    if int(b.max()) + 1 == len(b):  # B tells every row apart: H(A,B) is H(B), of the same counts
        return entropy_bits(counts_of(a), correction)
    tables = (counts_of(a), counts_of(b), joint_counts(a, b))
    ha, hb, hab = (entropy_bits(t, correction) for t in tables)
    return ha + hb - hab


def information_stderr(a: Codes, b: Codes) -> float:
    """Return standard error in bits of a plug-in I(A;B).

    The delta method, Var = (E[L^2] - I^2)/N with L = log2 p(a,b)/(p(a) p(b)), and the next order.

    At independence L vanishes and 2 N ln2 I is chi-squared with (K_A - 1)(K_B - 1) degrees of
    freedom, at most N: Var = df / (2 N^2 ln^2 2), which is added.
    """
    n = len(a)
    ab = joint_codes(a, b)
    score = np.log2(
        counts_of(ab)[ab] / (counts_of(a)[a].astype(float) * counts_of(b)[b])
    )  # L less log2 N
    degrees = min(float(a.max()) * float(b.max()), float(n))
    return float(np.sqrt(score.var() / n + degrees / (2 * n * n * _LN2**2)))
