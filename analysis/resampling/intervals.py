"""Standard errors and 95 % intervals from values on half-samples, for any estimator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from infoplane.types import Estimate
from infoplane.types.arrays import Floats

RISING = 0.15
"""Bits that a doubling of the rows adds to an estimate that has not arrived."""


@dataclass(frozen=True)
class Nearer:
    """What neighbours say that reach less far.

    The estimate in ``bits`` from ``fewer`` neighbours where ``k`` is the estimator's own.
    """

    bits: float
    fewer: int
    k: int

    def step_to_none(self, bits: float, exponent: float) -> float:
        """Return the step in bits from k to no neighbours, for bias as ``k^exponent``."""
        return (self.bits - bits) / (1 - (self.fewer / self.k) ** exponent)


def with_interval(
    estimate: Estimate,
    halves: Sequence[float],
    *,
    exponent: float = 0.5,
    nearer: Nearer | None = None,
    refusal: str | None = None,
) -> Estimate:
    """Return the estimate with standard error and 95 % interval from its values on half-samples.

    Args:
        estimate: without them.
        halves: its values on the first and the second half of each split, one after the other.
        exponent: how fast its bias falls with the rows.
        nearer: what fewer neighbours say, where it has neighbours.
        refusal: why no interval is honest; it then has the standard error and this note.

    The two halves of a split differ by chance alone: the variance at n rows is the mean square of
    half their difference, sigma^2/n. To it comes half of the variance of their mean from split to
    split, which is zero for a mean and for a smooth statistic, and is what single neighbours add to
    the drift below; not where bias falls as 1/n, which multiplies no drift. The interval is ``bits
    -+ t stderr``, t Student's quantile with as many degrees of freedom as splits.

    An estimate of a population that still moves with the rows has not arrived: on the side to which
    it moves, the interval reaches as far as it would still go if its bias fell as slowly as
    ``n^-exponent``: ``(bits - mean of the halves) / (2^exponent - 1)``. With ``nearer`` it reaches
    also to where neighbours would be that need not reach out at all, in the inside of a density,
    where bias grows with ``(k/n)^(2 exponent)``; the two as independent amounts, by the root of
    their squares. The half and the reach were chosen on the bank of `infoplane.analysis.calibrate`.
    """
    from scipy.stats import t

    pairs = np.reshape(np.asarray(halves, np.float64), (-1, 2))  # (splits, 2)
    stderr = _stderr_of(pairs, exponent)
    slope = estimate.bits - float(pairs.mean())
    drifts = [0.0]
    notes = estimate.notes
    if estimate.target == "population":
        drifts.append(slope / (2.0**exponent - 1))
        if slope > max(RISING, 2 * stderr):
            rise = f"rose by {slope:.2f} bits with the last doubling of the rows"
            notes = (*notes, f"{rise}: too few rows, or infinite (a deterministic layer)")
    if refusal is not None:
        return replace(estimate, stderr=stderr, notes=(*notes, refusal))
    if nearer is not None:
        drifts.append(nearer.step_to_none(estimate.bits, 2 * exponent))
    reach = float(t.ppf(0.975, len(pairs))) * stderr
    up = _joint(np.maximum(drifts, 0.0))
    down = _joint(np.maximum(np.negative(drifts), 0.0))
    low, high = estimate.bits - reach - down, estimate.bits + reach + up
    return replace(estimate, stderr=stderr, low=low, high=high, notes=notes)


def _stderr_of(pairs: Floats, exponent: float) -> float:
    """Return the standard error of all rows, in bits.

    Args:
        pairs: values of the two halves of each split, shape ``(splits, 2)``.
        exponent: how fast the bias falls with the rows.
    """
    by_chance = np.mean(np.diff(pairs) ** 2) / 4
    by_single_neighbours = 0.5 * float(pairs.mean(axis=1).var(ddof=1)) if exponent < 1 else 0.0
    return float(np.sqrt(by_chance + by_single_neighbours))


def _joint(amounts: Floats) -> float:
    """Return independent amounts as one: the root of the sum of their squares."""
    return float(np.hypot.reduce(amounts))
