"""No single estimator of continuous information is safe.

A second one beside it, and a flag where the two part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from infoplane.analysis.estimators.spec import parse, traits_of
from infoplane.contract import Estimator
from infoplane.plane import Plane
from infoplane.types import Quantity

_APART = 0.1


def companions(estimators: Sequence[str | Estimator]) -> tuple[str, ...]:
    """Return specs to add so that no estimator of continuous Shannon information stands alone.

    The Gaussian copula beside neighbours, neighbours beside Gaussians.

    Example:
        >>> companions(["ksg:k=5", "exact"]), companions(["gauss"])
        (('gauss:copula=true',), ('knn:k=5',))
        >>> companions(["ksg", "gauss"]), companions(["bin:szt"])
        ((), ())
    """
    present = {traits_of(e).family for e in estimators}
    if "neighbours" in present and "gaussian" not in present:
        return ("gauss:copula=true",)
    return ("knn:k=5",) if "gaussian" in present and "neighbours" not in present else ()


def without_refused(plane: Plane, added: Sequence[str]) -> tuple[Plane, str]:
    """Return the plane without refusals of estimators that were added, and a sentence on them.

    A companion is a second opinion: where it does not fit a layer, its refusal is no failure of the
    measurement.
    """
    names = {str(parse(spec)) for spec in added}
    refused = [f for f in plane.failures if f.estimator in names]
    if not refused:
        return plane, ""
    kept = tuple(f for f in plane.failures if f.estimator not in names)
    first = refused[0]
    sentence = (
        f"{first.estimator}, added for comparison, does not fit {len(refused)} cells; the first, "
        f"step {first.step}, {first.layer}: {first.message}"
    )
    return replace(plane, failures=kept), sentence


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
    alike = {e for e in plane.estimators if traits_of(e).measures == "information"}
    cells: dict[tuple[int, str, Quantity], list[tuple[float, float, str]]] = {}
    for p in plane:
        if p.estimator in alike and p.estimate.target == "population":
            cells.setdefault((p.step, p.layer, p.quantity), []).append(
                (p.bits, p.estimate.stderr or 0.0, p.estimator)
            )
    found = []
    for (step, layer, quantity), values in cells.items():
        low, high = min(values), max(values)
        if high[0] - low[0] > max(_APART, 2 * math.hypot(low[1], high[1])):
            found.append(Disagreement(step, layer, quantity, low[2], high[2], low[0], high[0]))
    return tuple(sorted(found, key=lambda a: a.low_bits - a.high_bits))
