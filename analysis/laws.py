"""The laws that hold for one layer alone, whatever the network: bounds by entropies and by each other."""

from __future__ import annotations

from collections.abc import Iterable

from infoplane.plane import Plane
from infoplane.types import Finding, Verdict

_THEOREMS = ("bin", "exact", "plugin")
"""Families whose numbers obey these laws by arithmetic: exceeding one is a bug, not an error of estimation."""


def tolerance_bits(plane: Plane, estimator: str = "") -> float:
    """max(0.01 bit, 1 % of min(H(Y), log2 N)); 0.02 bit for k-NN estimators."""
    scale = plane.log2_n if plane.h_y_bits is None else min(plane.h_y_bits, plane.log2_n)
    least = 0.02 if estimator.partition(":")[0] in ("ksg", "mixed") else 0.01
    return max(least, 0.01 * scale)


def layer_findings(plane: Plane) -> Iterable[Finding]:
    """0 <= I(X;Z) <= H(X), 0 <= I(Z;Y) <= H(Y), I(Z;Y) <= I(X;Z) at every point; excess beyond the tolerance is a finding."""
    tolerances = {spec: tolerance_bits(plane, spec) for spec in plane.estimators}
    by_place = {(p.step, p.layer, p.estimator, p.sense, p.quantity): p.bits for p in plane.points}
    for (step, layer, estimator, sense, quantity), bits in by_place.items():
        tolerance = tolerances[estimator]
        if quantity == "i_xz":
            yield _judge(tolerance, "I(X;Z) >= 0", step, layer, estimator, -bits)
            if plane.h_x_bits is not None:
                yield _judge(tolerance, "I(X;Z) <= H(X)", step, layer, estimator, bits - plane.h_x_bits)
        else:
            yield _judge(tolerance, "I(Z;Y) >= 0", step, layer, estimator, -bits)
            if plane.h_y_bits is not None:
                yield _judge(tolerance, "I(Z;Y) <= H(Y)", step, layer, estimator, bits - plane.h_y_bits)
            other = by_place.get((step, layer, estimator, sense, "i_xz"))
            if other is not None:
                yield _judge(tolerance, "I(Z;Y) <= I(X;Z)", step, layer, estimator, bits - other)


def _judge(tolerance: float, law: str, step: int, layer: str, estimator: str, excess: float) -> Finding:
    verdict: Verdict = "ok"
    text = "holds"
    if excess > tolerance:
        by_arithmetic = estimator.partition(":")[0] in _THEOREMS
        verdict = "violation" if by_arithmetic else "estimator"
        text = (
            f"{law} fails by {excess:.3f} bits at {layer}, and {estimator} obeys it by arithmetic: a bug in the estimator or the capture"
            if by_arithmetic
            else f"{law} fails by {excess:.3f} bits at {layer}: {estimator} is no plug-in, its error exceeds the law here"
        )
    return Finding(law, step, layer, layer, excess, verdict, text, estimator=estimator)
