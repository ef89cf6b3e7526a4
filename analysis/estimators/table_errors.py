"""How far an information may be from the truth by chance.

The first order of the delta method and the second, which is all that is left at independence.
"""

from __future__ import annotations

import numpy as np

from infoplane.analysis.estimators.entropies import (
    LN2,
    Correction,
    counts_of,
    entropy_bits,
    information_bits,
    information_stderr,
    joint_codes,
)
from infoplane.analysis.estimators.quantisation import sum_by_symbol
from infoplane.analysis.resampling.half_samples import balanced_halves
from infoplane.rows import row_digests
from infoplane.types.arrays import Codes, Counts, Floats, Ids, Mask

MOST_WORK = 2e7
_LEAST_ROWS = 8
_ROUNDS = 2  # after which symbols that a table tells apart have keys of their own
_SPLITS = 31
_FEW_SPLITS = 1.08  # square of Student's quantile at 31 degrees of freedom over the normal one
_FAR = 2.0
_NOISE_OF_DRIFT = 0.25
_EXPECTED = 2  # rows in the least likely pair of symbols, below which chi-squared laws fail
_FEW = 30
"""Degrees of freedom of a small table."""
_CLEAR = 25.0
"""2 n ln 2 I from which chance is as good as normal."""


def chance_interval(bits: float, variance: float, degrees: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of an information whose error is normal and chi-squared.

    Normal, and a centred ``chi^2 / (2 n ln 2)``. At independence the normal part vanishes and
    2 n ln 2 I is chi-squared, skew and bounded below (Wilks 1938): a symmetric interval would hold
    the truth always. The quantiles are those of the Pearson type III law with the same variance and
    third moment.

    Args:
        bits: the information.
        variance: of both parts together, in bits^2.
        degrees: of freedom of the chi-squared part.
        n: rows.

    Example:
        >>> low, high = chance_interval(0.0, 1 / (2 * 100**2 * LN2**2), 1, 100)
        >>> round(-low * 2 * 100 * LN2 + 1, 2), round(1 - high * 2 * 100 * LN2, 2)
        (5.02, 0.0)
    """
    from scipy.stats import pearson3

    skew = 8 * degrees / (2 * n * LN2) ** 3 / variance**1.5
    below, above = pearson3.ppf([0.975, 0.025], skew) * np.sqrt(variance)
    return bits - float(below), bits - float(above)


def table_interval(a: Codes, b: Codes, correction: Correction) -> tuple[float, float, float]:
    """Return ``(se, low, high)`` in bits of ``information_bits(a, b, correction)``, 95 %.

    The variance is the mean of two. Both count the second order twice, which matters where nothing
    else is left: near independence it is the jackknife's alone, less half of what the same columns
    give paired at random.

    - The delete-one jackknife (Efron & Stein 1981), exact for every correction. Leaving one row out
      says little of symbols that few rows have: of counts with long tails it gives half of the
      variance.
    - Halves of the rows (`half_sample_values`). They also say how far the estimate still moves with
      the rows: the interval reaches as far as it would still go if its bias fell as 1/n, added to
      chance by the root of the squares.

    The delta method of the plug-in, which a large table falls back to, does not know how a
    correction varies. Grassberger's terms alternate with the parity of a count, which leaving one
    row out takes for chance: its jackknife is that of Chao, Wang & Jost's.
    """
    n = len(a)
    degrees = min(float(a.max()) * float(b.max()), float(n))
    bits = information_bits(a, b, correction)
    if degrees == 0:
        return 0.0, bits, bits
    tables = (counts_of(a), counts_of(b), counts_of(joint_codes(a, b)))
    work = sum(len(table) * len(np.unique(table)) for table in tables)
    if n < _LEAST_ROWS or work > MOST_WORK:
        stderr = information_stderr(a, b)
        return stderr, bits - 1.96 * stderr, bits + 1.96 * stderr
    order = order_of_table(a, b)
    variance, weight, of_halves = _variance(a[order], b[order], correction, bits, degrees)
    stderr = float(np.sqrt(variance))
    crowded = min(tables[0]) * min(tables[1]) >= _EXPECTED * n
    weak = 2 * n * LN2 * bits < _CLEAR + 3 * np.sqrt(2 * degrees)
    if crowded and degrees <= _FEW and weak:
        return stderr, *weak_interval(bits, degrees, n)
    few_splits = weight + (1 - weight) * _FEW_SPLITS
    low, high = chance_interval(bits, few_splits * variance, degrees, n)
    return stderr, *_reaching(bits, low, high, bits - of_halves, stderr)


def _variance(
    a: Codes, b: Codes, correction: Correction, bits: float, degrees: float
) -> tuple[float, float, float]:
    """Return the variance of a table's information, in bits^2, as `table_interval` explains it.

    Args:
        a: dense codes, shape ``(n,)``, in `order_of_table`.
        b: likewise.
        correction: of the information.
        bits: the information.
        degrees: of freedom.

    Returns:
        The variance; how near the table is to independence, 1 there; the mean information of
        halves of the rows, in bits.
    """
    n = len(a)
    at_random = np.random.default_rng(0).permutation(b)
    smooth: Correction = "cwj" if correction == "grassberger" else correction
    jackknife = jackknife_variance(a, b, smooth)
    halves, of_halves = variance_of_halves(a, b, correction)
    unpaired, _ = variance_of_halves(a, at_random, correction)
    far = bits**2 / max(_FAR * unpaired, 1e-300)  # from what chance gives at independence
    weight = 1 / (1 + far**2)
    independent = jackknife - 0.5 * jackknife_variance(a, at_random, smooth)
    second_order = degrees / (2 * n * n * LN2**2)
    variance = max(weight * independent + (1 - weight) * (jackknife + halves) / 2, second_order)
    return variance, weight, of_halves


def _reaching(
    bits: float, low: float, high: float, drift: float, stderr: float
) -> tuple[float, float]:
    """Widen an interval as far as the estimate still moves with the rows, on that side alone.

    Args:
        bits: the estimate.
        low: end of its interval.
        high: end of its interval.
        drift: how far it lies above what halves of the rows give, in bits.
        stderr: of the estimate.
    """
    drift = float(np.sign(drift)) * max(0.0, abs(drift) - _NOISE_OF_DRIFT * stderr)
    down = np.hypot(bits - low, min(0.0, drift))
    up = np.hypot(high - bits, max(0.0, drift))
    return bits - float(down), bits + float(up)


def order_of_table(a: Codes, b: Codes) -> Ids:
    """Order rows by their cell of the table, whatever the order of rows and numbers of symbols are.

    A symbol's key is its count, then a digest of the counts and keys of its cells (colour
    refinement, Weisfeiler and Leman 1968). Only symbols that the table cannot tell apart tie.

    Args:
        a, b: dense codes, shape ``(n,)``.

    Returns:
        Numbers of the rows, shape ``(n,)``.
    """
    cell = joint_codes(a, b)
    count = counts_of(cell)[cell].astype(np.uint64)
    of_a, of_b = (counts_of(codes)[codes].astype(np.uint64) for codes in (a, b))
    for _ in range(_ROUNDS):
        seen_by_a = row_digests(np.column_stack([count, of_a, of_b]))[:, 0]
        seen_by_b = row_digests(np.column_stack([count, of_b, of_a]))[:, 0]
        of_a = sum_by_symbol(a, seen_by_a)
        of_b = sum_by_symbol(b, seen_by_b)
    return np.lexsort((b, a, of_a + of_b))


def variance_of_halves(a: Codes, b: Codes, correction: Correction) -> tuple[float, float]:
    """Return variance at all rows and mean in bits of the information of half of the rows.

    Args:
        a, b: dense codes, shape ``(n,)``, in `order_of_table`.
        correction: of the information.
    """
    columns = (a, b, joint_codes(a, b))

    def bits_of(rows: Mask) -> float:
        tables = [np.bincount(codes[rows]) for codes in columns]
        of_a, of_b, of_pairs = [entropy_bits(t[t > 0], correction) for t in tables]
        return of_a + of_b - of_pairs

    halves = balanced_halves(len(a), _SPLITS, np.random.default_rng(0))
    values = np.array([(bits_of(first), bits_of(~first)) for first in halves])  # (split, half)
    return float(np.mean(np.diff(values, axis=1) ** 2)) / 4, float(values.mean())


def weak_interval(bits: float, degrees: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a weak information, by inverting a noncentral chi-squared.

    2 n ln 2 times the plug-in is noncentral chi-squared, its noncentrality 2 n ln 2 times the
    truth: inverted at both tails.

    At the ends of a law that holds at independence a true 0.007 bit of 200 coin pairs was missed in
    3 of 10 draws: the truth itself widens the law.

    Example:
        >>> [round(end, 3) for end in weak_interval(0.0, 1, 200)]
        [0.0, 0.032]
    """
    from scipy.optimize import brentq
    from scipy.stats import ncx2

    unit = 2 * n * LN2
    seen = max(bits * unit + degrees, 1e-9)

    def noncentrality(share: float) -> float:
        def beyond(of: float) -> float:
            return float(ncx2.cdf(seen, degrees, of)) - share

        return 0.0 if beyond(1e-9) <= 0 else float(brentq(beyond, 1e-9, 4 * seen + 50))

    return min(bits, noncentrality(0.975) / unit), max(bits, noncentrality(0.025) / unit)


def jackknife_variance(a: Codes, b: Codes, correction: Correction) -> float:
    """Return the variance in bits^2 of an information by leaving one row out at a time."""
    columns = (a, b, joint_codes(a, b))
    left = [_without_one(counts_of(codes), correction)[codes] for codes in columns]
    return (len(a) - 1) * float((left[0] + left[1] - left[2]).var())


def _without_one(counts: Counts, correction: Correction) -> Floats:
    """Return entropy in bits of the table that has one row fewer of a symbol, for every symbol.

    Equal counts, equal entropies.
    """
    sizes, which = np.unique(counts, return_inverse=True)
    found = np.empty(len(sizes))
    for size in range(len(sizes)):
        left = counts.copy()
        left[np.argmax(which == size)] -= 1
        found[size] = entropy_bits(left, correction)
    return found[which.reshape(-1)]
