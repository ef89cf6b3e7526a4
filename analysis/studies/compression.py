"""The fall of one curve, measured so that a plateau is not called a fall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from infoplane.errors import InputError
from infoplane.types.arrays import Floats, Ids

FEWEST_STEPS = 3
"""A peak lies between two others."""
_FLOOR_BITS, _FLOOR_SHARE = 0.05, 0.02
"""Least fall that counts, in bits and as a share of the peak."""
_ROUNDING_BITS = 1e-9
"""Values that differ by less are equal."""
_SHOWN_BITS = 0.0005
"""A curve that moves by less shows no movement in three decimals."""
_FITTED = 0.9
"""Share of what is learnt of the labels at which fitting is over."""


@dataclass(frozen=True)
class Compression:
    """Fall of one layer's I(X;Z) under one estimator, in bits.

    Attributes:
        layer, estimator: which curve.
        drop: fall from the peak to the end, the peak chosen on one half of the rows and measured on
            the other; averaged over splits.
        low, high: 95 % interval of the drop.
        onset: step of the peak (median over splits).
        onset_low, onset_high: 2.5 and 97.5 % quantiles over splits.
        naive: maximum minus final value of the whole curve: biased upwards, it alarms on 44 % of
            plateaus.
        stays: whether the fall lasts, see `lasts`; of exact codes whether there is one.
        fitting_end: first step with I(Z;Y) >= I_0 + 0.9 (max - I_0); None without labels.
        threshold: ``max(0.05 bit, 2 % of the peak)``: what the interval's lower end must exceed;
            0.05 bit of exact codes.
        steps, bits: the curve of all rows.
        mute: why it has no vote: ``saturated``, ``clipped``, or nothing.
    """

    layer: str
    estimator: str
    drop: float
    low: float
    high: float
    onset: int
    onset_low: int
    onset_high: int
    naive: float
    stays: bool
    fitting_end: int | None
    threshold: float
    steps: tuple[int, ...] = ()
    bits: tuple[float, ...] = ()
    mute: str = ""

    @property
    def compresses(self) -> bool:
        """Whether the fall is beyond chance, beyond the threshold, and lasting."""
        return self.low > self.threshold and self.stays

    @property
    def is_flat(self) -> bool:
        """Whether the curve of all rows stands still, so that it has no peak."""
        return bool(self.bits) and max(self.bits) - min(self.bits) < _SHOWN_BITS

    @property
    def peak_text(self) -> str:
        """Step of the peak and its range over splits; ``flat`` where there is none."""
        if self.is_flat:
            return "flat"
        return f"{self.onset} [{self.onset_low}, {self.onset_high}]"


def last_peak(curve: Floats) -> int:
    """Return the place of the largest value, the last of several: what is flat has not fallen yet.

    Args:
        curve: shape ``(steps,)``, in bits.
    """
    return int(np.flatnonzero(curve >= curve.max() - _ROUNDING_BITS)[-1])


def lasts(curve: Floats) -> bool:
    """Return whether a curve stays low longer at its end than in any dip that it came back from.

    Low is below the middle between its largest and its last value. A curve that goes up and down
    ends low by chance of the checkpoint at which it was cut off.

    Args:
        curve: shape ``(steps,)``, in bits.

    Example:
        >>> lasts(np.array([3.0, 5.0, 4.9, 3.0])), lasts(np.array([5.0, 3.0, 5.0, 3.0]))
        (True, False)
    """
    high = np.flatnonzero(curve >= (curve.max() + curve[-1]) / 2)
    at_the_end = len(curve) - 1 - int(high[-1])
    dips = np.diff(high) - 1
    return at_the_end > int(dips.max(initial=0))


def split_half_drop(first: Floats, second: Floats) -> tuple[float, int]:
    """Return the fall from peak to end of curves of two halves, and the place of the peak.

    Each curve has the shape ``(steps,)``. The peak is chosen on one half and measured on the other,
    then the halves are swapped and the two falls averaged: choosing the largest of many noisy
    values no longer inflates the value it is chosen for.

    Example:
        >>> split_half_drop(np.array([0.0, 2.0, 1.0]), np.array([0.0, 2.2, 1.0]))
        (1.1, 1)
    """
    one, two = last_peak(first), last_peak(second)
    return float((second[one] - second[-1] + first[two] - first[-1]) / 2), one


def compression(
    steps: Sequence[int],
    halves: Sequence[tuple[Floats, Floats]],
    whole: Floats,
    *,
    layer: str = "",
    estimator: str = "",
    labels: Floats | None = None,
) -> Compression:
    """Judge one curve from several splits of the rows into halves.

    Args:
        steps: checkpoints, ascending, at least 3.
        halves: per split the curves of the two halves, each of shape ``(steps,)``, in bits.
        whole: the curve of all rows, shape ``(steps,)``, in bits.
        layer, estimator: what to call it.
        labels: I(Z;Y) of all rows, shape ``(steps,)``, for the end of fitting.

    The interval: falls of single halves vary over splits as the fall varies over data sets (see
    `infoplane.analysis.resampling.intervals`), so their standard deviation is the standard error at
    N. The fall counts where its lower end exceeds ``max(0.05 bit, 2 % of the peak)`` and where it
    lasts, see `lasts`.

    When it lies: the end is one checkpoint; a fall from a spike at the last but one counts like any
    other. Halves of rows that depend on one another, such as tokens of a text, give too small an
    error unless they hold whole samples.

    Raises:
        InputError: fewer than 3 checkpoints or 2 splits, or a curve without a number for each step.

    Example:
        >>> curve = np.array([1.0, 3.0, 2.0, 1.5])
        >>> found = compression([0, 1, 2, 3], [(curve, curve)] * 2, curve)
        >>> found.drop, found.onset, found.compresses
        (1.5, 1, True)
    """
    _require_curves(steps, halves, whole)
    falls, peaks = _falls_of_halves(np.asarray(halves))
    drop = float(np.mean([split_half_drop(first, second)[0] for first, second in halves]))
    reach = 1.96 * float(np.std(falls.ravel(), ddof=1))
    early, late = np.quantile(peaks, [0.025, 0.975], method="nearest").tolist()
    # one of the peaks: between two of them the curve may be low
    peak = int(np.quantile(peaks, 0.5, method="lower"))
    top = float(whole.max())
    return Compression(
        layer=layer,
        estimator=estimator,
        drop=drop,
        low=drop - reach,
        high=drop + reach,
        onset=int(steps[peak]),
        onset_low=int(steps[early]),
        onset_high=int(steps[late]),
        naive=top - float(whole[-1]),
        stays=drop > 0 and lasts(whole),
        fitting_end=_fitting_end(steps, labels),
        threshold=max(_FLOOR_BITS, _FLOOR_SHARE * top),
        steps=tuple(map(int, steps)),
        bits=tuple(whole.tolist()),
    )


def _require_curves(
    steps: Sequence[int], halves: Sequence[tuple[Floats, Floats]], whole: Floats
) -> None:
    """Refuse too few checkpoints or splits, and curves without a number for each step."""
    if len(steps) < FEWEST_STEPS or len(halves) < 2:
        raise InputError(
            f"phases need at least {FEWEST_STEPS} checkpoints and 2 splits, got {len(steps)} and "
            f"{len(halves)}"
        )
    for curve in (whole, *chain.from_iterable(halves)):
        if np.shape(curve) != (len(steps),) or not np.isfinite(curve).all():
            raise InputError(
                f"expected a finite number for each of {len(steps)} steps, got {curve}"
            )


def _falls_of_halves(curves: Floats) -> tuple[Floats, Ids]:
    """Return the fall of each half from the peak of the other, and the place of each half's peak.

    Both have the shape ``(splits, 2)``, the falls in bits.

    Args:
        curves: shape ``(splits, 2, steps)``, in bits.
    """
    other_half = curves[:, ::-1]
    peaks = np.apply_along_axis(last_peak, 2, curves)
    at_peaks = np.take_along_axis(other_half, peaks[:, :, None], axis=2)[:, :, 0]
    return at_peaks - other_half[:, :, -1], peaks


def counted_fall(
    steps: Sequence[int],
    whole: Floats,
    *,
    layer: str = "",
    estimator: str = "",
    labels: Floats | None = None,
) -> Compression:
    """Judge the curve of exact codes.

    Which rows are equal is counted, so that there is no chance in its fall.

    Args:
        steps: checkpoints, ascending, at least 3.
        whole: the curve of all rows, in bits.
        layer, estimator: what to call it.
        labels: I(Z;Y) of all rows, for the end of fitting.

    Example:
        >>> counted_fall([0, 1, 2], np.array([5.0, 5.0, 4.5])).compresses
        True
    """
    found = compression(
        steps, [(whole, whole)] * 2, whole, layer=layer, estimator=estimator, labels=labels
    )
    fall = found.naive
    return replace(found, drop=fall, low=fall, high=fall, stays=fall > 0, threshold=_FLOOR_BITS)


def _fitting_end(steps: Sequence[int], labels: Floats | None) -> int | None:
    """Return first step at which nine tenths of what is learnt of the labels are there."""
    if labels is None or len(labels) != len(steps):
        return None
    goal = labels[0] + _FITTED * (labels.max() - labels[0])
    return int(steps[int(np.argmax(labels >= goal))])
