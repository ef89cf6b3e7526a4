"""Which curves agree that a layer compresses.

Exact codes decide, else families vote that do not contradict themselves or each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

import numpy as np

from infoplane.contract import Family, Traits

if TYPE_CHECKING:
    from infoplane.analysis.studies.compression import Compression

PhaseVerdict = Literal["robust", "estimator-dependent", "exact", "none"]
_DONE = 0.9
"""Share of a fall after which it is over."""


@dataclass(frozen=True)
class Votes:
    """What the families of estimators say of one layer.

    Attributes:
        falling: by family all of whose curves fall, the curve that falls most.
        still: families none of whose curves falls.
        split: families whose curves contradict each other.
        together: those of ``falling`` that fall at the same time and in the same way, the largest
            group.
    """

    falling: Mapping[Family, Compression]
    still: tuple[Family, ...]
    split: tuple[Family, ...]
    together: tuple[Family, ...]

    @property
    def agree(self) -> bool:
        """Whether two families fall together and none stands still or falls at another time."""
        return (
            len(self.together) >= 2 and len(self.together) == len(self.falling) and not self.still
        )


def judge(curves: Sequence[Compression], traits: Mapping[str, Traits]) -> tuple[PhaseVerdict, str]:
    """Return the verdict on one layer, and what was seen.

    Args:
        curves: one for each estimator.
        traits: by estimator.
    """
    falling = [curve for curve in curves if curve.compresses]
    still = [curve for curve in curves if not curve.compresses]
    true_falls = [curve for curve in falling if traits[curve.estimator].keeps_chain]
    if true_falls:
        worst = max(true_falls, key=attrgetter("drop"))
        exact = traits[worst.estimator].family == "exact codes"
        seen = "rows truly merge" if exact else "information is lost"
        return (
            "exact",
            f"{seen}: {worst.estimator} falls by {worst.drop:.2f} bits; {_count(curves)}",
        )
    exact_codes = [curve for curve in curves if traits[curve.estimator].family == "exact codes"]
    if not falling:
        return "none", _nothing(curves, exact_codes)
    voting = [curve for curve in falling if not curve.mute]
    largest = max(voting or falling, key=attrgetter("drop"))
    most = f"most by {largest.drop:.2f} bits ({largest.estimator})"
    if largest.mute:
        most = f"the fall of {largest.drop:.2f} bits ({largest.estimator}) has no vote"
    not_under = _not_under(still)
    if exact_codes:
        return (
            "estimator-dependent",
            f"rows stay apart ({exact_codes[0].estimator} stands still): what falls is resolution, "
            f"{most}; {_count(curves)}, {not_under}{_mute(curves)}",
        )
    found = votes(curves, traits)
    if found.agree:
        return (
            "robust",
            f"{', '.join(found.together)} fall together, {most}; {_count(curves)}, "
            f"{not_under}{_mute(curves)}",
        )
    return (
        "estimator-dependent",
        f"{_count(curves)}, {most}, {not_under}{_disagreement(found)}{_mute(curves)}",
    )


def votes(curves: Sequence[Compression], traits: Mapping[str, Traits]) -> Votes:
    """Count the families; clipped and saturated curves have no vote."""
    members: dict[Family, list[Compression]] = {}
    for curve in curves:
        if not curve.mute:
            members.setdefault(traits[curve.estimator].family, []).append(curve)
    falling: dict[Family, Compression] = {}
    still: list[Family] = []
    split: list[Family] = []
    for family, those in sorted(members.items()):
        fall = [curve.compresses for curve in those]
        if all(fall):
            falling[family] = max(those, key=attrgetter("drop"))
        elif any(fall):
            split.append(family)
        else:
            still.append(family)
    return Votes(falling, tuple(still), tuple(split), _together(falling))


def _together(falling: Mapping[Family, Compression]) -> tuple[Family, ...]:
    """Return the largest group of families that fall at the same time, none against another."""
    largest: list[Family] = []
    for first in falling:
        group = [first]
        for other in falling:
            members = [falling[family] for family in group]
            if other != first and all(_as_one(falling[other], member) for member in members):
                group.append(other)
        largest = max(largest, group, key=len)
    return tuple(sorted(largest))


def _as_one(one: Compression, two: Compression) -> bool:
    """Return whether two falls overlap in time and the curves do not run against each other."""
    (first, last), (start, end) = _window(one), _window(two)
    return max(first, start) <= min(last, end) and _correlation(one, two) >= 0


def _window(curve: Compression) -> tuple[int, int]:
    """Return steps from the peak to where most of the fall is done."""
    if not curve.steps:
        return curve.onset, curve.onset
    bits = np.array(curve.bits)
    peak = curve.steps.index(curve.onset)
    goal = bits[peak] - _DONE * (bits[peak] - bits[-1])
    done = peak + int(np.argmax(bits[peak:] <= goal))
    return curve.onset, curve.steps[done]


def _correlation(one: Compression, two: Compression) -> float:
    if one.steps != two.steps or len(one.bits) < 3:
        return 0.0
    curves = np.array([one.bits, two.bits])
    return float(np.corrcoef(curves)[0, 1]) if (curves.std(axis=1) > 0).all() else 0.0


def _count(curves: Sequence[Compression]) -> str:
    """Under how many of the conventions that have a vote, over which checkpoints."""
    voting = [curve for curve in curves if not curve.mute]
    number = sum(curve.compresses for curve in voting)
    steps = curves[0].steps
    over = "over these checkpoints"
    if steps:
        over = f"over these {len(steps)} checkpoints (steps {steps[0]} to {steps[-1]})"
    if not voting:
        return f"no convention has a vote {over}"
    return f"falls under {number} of {len(voting)} conventions {over}"


def _not_under(others: Sequence[Compression]) -> str:
    """Say under which conventions a layer does not fall, of those that have a vote."""
    if not others:
        return "under all of them"
    voting = [curve.estimator for curve in others if not curve.mute]
    return f"not under {', '.join(voting)}" if voting else "under all that have a vote"


def _nothing(curves: Sequence[Compression], exact_codes: Sequence[Compression]) -> str:
    text = f"{_count(curves)}: no drop has a 95 % interval above its threshold{_nearest(curves)}"
    passing = [curve for curve in curves if curve.low > curve.threshold]
    if passing:
        largest = max(passing, key=attrgetter("drop"))
        text = (
            f"no fall that lasts: {largest.estimator} ends {largest.drop:.2f} bits below its peak, "
            f"and came back from such a dip before; {_count(curves)}"
        )
    small = [curve for curve in exact_codes if curve.drop > 0]
    if small:
        text += f"; few rows merge ({small[0].estimator} falls by {small[0].drop:.3f} bits)"
    return text + _mute(curves)


def _nearest(curves: Sequence[Compression]) -> str:
    """Name the threshold, and why the largest drop beyond its own is no fall."""
    rule = "0.05 bit or 2 % of the peak, the larger"
    beyond = [curve for curve in curves if curve.drop > curve.threshold]
    if not beyond:
        return f" ({rule})"
    largest = max(beyond, key=attrgetter("drop"))
    return (
        f" ({rule}); largest drop: {largest.drop:.3f} bits ({largest.estimator}), whose interval "
        f"begins at {largest.low:.3f}, threshold {largest.threshold:.3f}"
    )


def _disagreement(found: Votes) -> str:
    reasons = []
    if found.split:
        reasons.append(f"the curves of {', '.join(found.split)} contradict each other")
    if found.falling and found.still:
        reasons.append(f"{', '.join(found.still)} stand still")
    if len(found.falling) > len(found.together):
        reasons.append(f"{', '.join(found.falling)} do not fall at the same time")
    return f" ({'; '.join(reasons)})" if reasons else ""


def _mute(curves: Sequence[Compression]) -> str:
    silent = [f"{curve.estimator} ({curve.mute})" for curve in curves if curve.mute]
    return f"; without a vote: {', '.join(silent)}" if silent else ""
