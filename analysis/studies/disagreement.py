"""No single estimator of continuous information is safe.

A second one for comparison, and a flag where the two disagree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from infoplane.analysis.estimators.spec import parse, traits_of
from infoplane.contract import Estimator
from infoplane.plane import Plane
from infoplane.types import Estimate, Quantity

_APART = 0.1


def companions(estimators: Sequence[str | Estimator]) -> tuple[str, ...]:
    """Return specs to add so that no estimator of continuous Shannon information stands alone.

    The Gaussian copula to neighbours, neighbours to Gaussians.

    Example:
        >>> companions(["ksg:k=5", "exact"]), companions(["gauss"])
        (('gauss:copula=true',), ('knn:k=5',))
        >>> companions(["ksg", "gauss"]), companions(["bin:szt"])
        ((), ())
    """
    present = {traits_of(estimator).family for estimator in estimators}
    if "neighbours" in present and "gaussian" not in present:
        return ("gauss:copula=true",)
    return ("knn:k=5",) if "gaussian" in present and "neighbours" not in present else ()


def without_refused(plane: Plane, added: Sequence[str]) -> tuple[Plane, str]:
    """Return the plane without refusals of estimators that were added, and a sentence on them.

    A companion is a second opinion: where it does not fit a layer, its refusal is no failure of the
    measurement.
    """
    names = {str(parse(spec)) for spec in added}
    refused = [failure for failure in plane.failures if failure.estimator in names]
    if not refused:
        return plane, ""
    others = tuple(failure for failure in plane.failures if failure.estimator not in names)
    first = refused[0]
    sentence = (
        f"{first.estimator}, added for comparison, does not fit {len(refused)} cells; the first, "
        f"step {first.step}, {first.layer}: {first.message}"
    )
    return replace(plane, failures=others), sentence


@dataclass(frozen=True)
class Disagreement:
    """Two point estimates of one information, of which at most one is right.

    They differ by more than 0.1 bit and two standard errors.
    """

    step: int
    layer: str
    quantity: Quantity
    low: str
    high: str
    low_bits: float
    high_bits: float

    def __str__(self) -> str:
        what = "I(X;Z)" if self.quantity == "i_xz" else "I(Z;Y)"
        return (
            f"step {self.step}, {self.layer}, {what}: {self.low} says {self.low_bits:.3f}, "
            f"{self.high} says {self.high_bits:.3f} bits"
        )


def disagreements(plane: Plane) -> tuple[Disagreement, ...]:
    """Return cells where estimators of one continuous information disagree, the widest first.

    Neighbours, Gaussian fits and density ratios estimate one number; bins, kernels, bounds and
    geometric numbers each estimate their own and are left out.
    """
    alike = {spec for spec in plane.estimators if traits_of(spec).measures == "information"}
    cells: dict[tuple[int, str, Quantity], list[Estimate]] = {}
    for point in plane:
        if point.estimator in alike and point.estimate.target == "population":
            cell = (point.step, point.layer, point.quantity)
            cells.setdefault(cell, []).append(point.estimate)
    found = []
    for (step, layer, quantity), estimates in cells.items():
        estimates.sort(key=attrgetter("bits"))
        low, high = estimates[0], estimates[-1]
        chance = 2 * math.hypot(low.stderr or 0.0, high.stderr or 0.0)
        if high.bits - low.bits > max(_APART, chance):
            specs = (low.estimator, high.estimator)
            found.append(Disagreement(step, layer, quantity, *specs, low.bits, high.bits))
    return tuple(sorted(found, key=lambda one: one.low_bits - one.high_bits))
