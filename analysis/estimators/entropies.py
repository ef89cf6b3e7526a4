"""Entropies and mutual information of tables of counts, in bits.

The plug-in and its bias corrections.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from infoplane.errors import InputError
from infoplane.rows import cell_codes
from infoplane.types import entropy_of_counts
from infoplane.types.arrays import Codes, Counts, Floats

Correction = Literal["none", "mm", "grassberger", "cwj", "chao-shen", "jackknife", "quadratic"]
CORRECTIONS: tuple[Correction, ...] = get_args(Correction)
LN2 = float(np.log(2.0))
"""Nats of a bit."""


def entropy_bits(counts: Counts, correction: Correction = "none") -> float:
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
    sizes = np.asarray(counts, np.float64)
    sizes = sizes[sizes > 0]
    if sizes.size == 0:
        raise InputError("expected at least one positive count")
    rows = float(sizes.sum())
    if correction == "mm":
        return entropy_of_counts(counts) + (sizes.size - 1) / (2 * rows * LN2)
    if correction not in _FORMULAS:
        raise InputError(
            f"no such correction: {correction!r}; choose one of {', '.join(CORRECTIONS)}"
        )
    return _FORMULAS[correction](sizes, rows)


def _grassberger(sizes: Floats, rows: float) -> float:
    from scipy.special import digamma  # a third of a second that a plug-in need not wait for

    parity = np.where(sizes % 2 == 0, 0.5, -0.5)
    terms = digamma(sizes) + parity * (digamma((sizes + 1) / 2) - digamma(sizes / 2))
    return float(np.log(rows) - (sizes @ terms) / rows) / LN2


def _chao_shen(sizes: Floats, rows: float) -> float:
    singles = min(float((sizes == 1).sum()), rows - 1)
    shares = (1 - singles / rows) * sizes / rows
    seen = -np.expm1(rows * np.log1p(-np.minimum(shares, 1 - 1e-16)))
    return float(-(shares * np.log(shares) / seen).sum()) / LN2


def _chao_wang_jost(sizes: Floats, rows: float) -> float:
    from scipy.special import digamma

    seen = float((sizes / rows * (digamma(rows) - digamma(sizes))).sum())
    singles = float((sizes == 1).sum())
    doubles = float((sizes == 2).sum())
    if singles == 0 or rows < 2:
        return seen / LN2
    if doubles > 0:
        rate = 2 * doubles / ((rows - 1) * singles + 2 * doubles)
    else:
        rate = 2 / ((rows - 1) * (singles - 1) + 2)
    tail = _unseen_tail(rate, rows) if rate < 1 else 0.0
    return (seen + singles / rows * tail) / LN2


def _unseen_tail(rate: float, rows: float) -> float:
    """Sum ``(1 - rate)^(r - rows + 1) / r`` over r >= rows.

    Directly where the closed form cancels.
    """
    kept = 1 - rate
    if rows * rate < 10:
        orders = np.arange(1, int(rows), dtype=np.float64)
        return kept ** (1 - rows) * (-np.log(rate) - float((kept**orders / orders).sum()))
    orders = np.arange(int(45 / rate) + 1, dtype=np.float64)
    return float((kept ** (orders + 1) / (rows + orders)).sum())


def _jackknife(sizes: Floats, rows: float) -> float:
    if rows < 2:
        return 0.0
    different, times = np.unique(sizes, return_counts=True)
    total = float((sizes * np.log2(sizes)).sum())
    left = different - 1
    own = different * np.log2(different)
    without = total - own + left * np.log2(np.maximum(left, 1))
    leave_one_out = np.log2(rows - 1) - without / (rows - 1)
    mean = float((times * different * leave_one_out).sum())
    return rows * (np.log2(rows) - total / rows) - (rows - 1) / rows * mean


def _quadratic(sizes: Floats, rows: float) -> float:
    if rows < 8:
        return entropy_of_counts(sizes.astype(np.int64))
    n = int(rows)
    drawn = np.array([n, n // 2, n // 4])
    values = [mean_subsample_entropy(sizes, n, int(m)) for m in drawn]
    parabola = np.stack([np.ones(3), 1 / drawn, 1 / drawn**2], axis=1)
    return float(np.linalg.solve(parabola, values)[0])


_FORMULAS: dict[str, Callable[[Floats, float], float]] = {
    "grassberger": _grassberger,
    "cwj": _chao_wang_jost,
    "chao-shen": _chao_shen,
    "jackknife": _jackknife,
    "quadratic": _quadratic,
}
"""From positive counts, shape ``(K,)``, and their sum to a corrected entropy in bits."""


def mean_subsample_entropy(sizes: Floats, n: int, m: int) -> float:
    """Return the mean plug-in entropy in bits of m rows drawn from n, without replacement.

    A hypergeometric sum per distinct count.

    Args:
        sizes: positive counts of the n rows, shape ``(K,)``.
        n: rows.
        m: rows drawn.
    """
    from scipy.stats import hypergeom

    total = 0.0
    different = np.unique(sizes.astype(np.int64), return_counts=True)
    for size, times in zip(*different, strict=True):
        k = np.arange(1, min(int(size), m) + 1)
        terms = hypergeom.pmf(k, n, size, m) * k * np.log2(k)
        total += float(times) * float(terms.sum())
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
    width = int(b.max()) + 1
    few = (int(a.max()) + 1) * width <= 4 * len(a)
    return counts_of(a * width + b if few else joint_codes(a, b))


def information_bits(a: Codes, b: Codes, correction: Correction = "none") -> float:
    """Return I(A;B) = H(A) + H(B) - H(A,B) in bits of two dense code vectors, ``(n,)`` each."""
    if not a.any() or not b.any():  # one symbol; a correction of its entropy is no exact zero
        return 0.0
    if int(b.max()) + 1 == len(b):  # B tells every row apart: H(A,B) is H(B), of the same counts
        return entropy_bits(counts_of(a), correction)
    of_a = entropy_bits(counts_of(a), correction)
    of_b = entropy_bits(counts_of(b), correction)
    return of_a + of_b - entropy_bits(joint_counts(a, b), correction)


def information_stderr(a: Codes, b: Codes) -> float:
    """Return standard error in bits of a plug-in I(A;B).

    The delta method, Var = (E[L^2] - I^2)/N with L = log2 p(a,b)/(p(a) p(b)), and the next order.

    At independence L vanishes and 2 N ln2 I is chi-squared with (K_A - 1)(K_B - 1) degrees of
    freedom, at most N: Var = df / (2 N^2 ln^2 2), which is added.
    """
    pairs = joint_codes(a, b)
    expected = counts_of(a)[a].astype(float) * counts_of(b)[b]
    score = np.log2(counts_of(pairs)[pairs] / expected)  # L less log2 N
    degrees = min(float(a.max()) * float(b.max()), float(len(a)))
    return stderr_of_ratios(score, degrees)


def stderr_of_ratios(ratios: Floats, free: float) -> float:
    """Return the standard error in bits of a mean of n log density ratios, ``(n,)``.

    It has their spread, and chi-squared of ``free`` parameters.
    """
    n = len(ratios)
    return float(np.sqrt(ratios.var() / n + free / (2 * n * n * LN2**2)))
