"""What a reader of a plane must know before looking.

Saturation, labels that mean nothing, estimates below what the network proves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from infoplane.analysis.estimators.spec import traits_of
from infoplane.analysis.lower_bounds import LowerBound, lower_bound_of
from infoplane.errors import InfoplaneError
from infoplane.plane import Plane, Point
from infoplane.types import Estimate, Quantity

ONE_SIDED_BITS = 0.3
"""Entropy of labels below which they are one-sided: 19 of 20 rows of two classes are the same."""


_MANY_LAYERS = 20
"""Numbers of which some leave the band of shuffled labels by chance."""
_OUTSIDE = 0.05
"""Share of numbers about nothing that exceed a band of some twenty draws."""


@dataclass(frozen=True)
class Caveats:
    """The warnings of a picture of a plane, computed before anything is drawn.

    Attributes:
        warnings: short sentences about the last checkpoint, see `caveats_of`; none is good.
        lower_bound_bits: what the network's own predictions prove of I(Z;Y); 0 where nothing is
            known.
        raised_bits: layers whose lower bound of I(Z;Y) a layer downstream raises, and to how many
            bits.
    """

    warnings: tuple[str, ...] = ()
    lower_bound_bits: float = 0.0
    raised_bits: Mapping[str, float] = field(default_factory=dict)


def caveats_of(plane: Plane, estimator: str | None = None, *, open_run: bool = True) -> Caveats:
    """Return the caveats of one estimator, or of all.

    Saturation: more than half of the layers at their ceiling. Labels: no layer's I(Z;Y) leaves the
    label-permutation null (where one was drawn). Floor: an estimate of I(Z;Y) below what the
    network's own predictions prove (Fano, cross entropy), for layers that cut the input off from
    the output. Symbols: labels of which there are nearly as many as rows, or of which nearly all
    are the same.

    Args:
        plane: what was measured.
        estimator: spec, one of the plane's; None for all of them.
        open_run: whether the run behind the plane, where it is at hand, is read (once). Without it
            nothing is proved.
    """
    if not plane.points:
        return Caveats()
    specs = [spec for spec in plane.estimators if estimator in (None, spec)]
    warnings = _labels(plane)
    for spec in specs:
        warnings += _saturated(plane, spec) + _as_shuffled(plane, spec)
    bound = bound_at_the_end(plane) if open_run else None
    if bound is not None:
        warnings += _below_bound(plane, specs, bound)
    raised = {} if estimator is None else _raised_bits(plane, estimator)
    return Caveats(tuple(warnings), 0.0 if bound is None else bound.bits, raised)


def _raised_bits(plane: Plane, spec: str) -> dict[str, float]:
    """Return lower bounds of I(Z;Y) that a layer downstream raises, in bits by layer.

    A layer that cuts X off from another one has at least what that one has (data processing
    inequality), whatever its own estimate is.
    """
    chain = plane.chain
    if chain is None or traits_of(spec).measures not in ("bound", "usable"):
        return {}
    points = [point for point in plane if point.estimator == spec and point.quantity == "i_zy"]
    if any(point.estimate.bound != "lower" for point in points):
        return {}
    ends: dict[str, float] = {}
    for layer in plane.layers:
        _, estimates = plane.series(layer, "i_zy", spec)
        if estimates:
            ends[layer] = estimates[-1].bits
    raised = {}
    for layer, own in ends.items():
        downstream = [bits for other, bits in ends.items() if chain.separates(layer, other)]
        if max(downstream, default=own) > own:
            raised[layer] = max(downstream)
    return raised


def _saturated(plane: Plane, spec: str) -> list[str]:
    """Say where more than half of the layers sit at their ceiling at the last checkpoint."""
    if traits_of(spec).family == "exact codes":
        return []
    points = [point for point in _at_the_end(plane, spec, "i_xz") if point.sense != "lower"]
    full = [point for point in points if point.estimate.saturated]
    if len(full) <= len(points) / 2:
        return []
    return [
        f"{spec}: saturated: {len(full)} of {len(points)} layers sit at the ceiling, their values "
        "are the number of rows, not information"
    ]


def _as_shuffled(plane: Plane, spec: str) -> list[str]:
    """Say in which layers I(Z;Y) stays in the band of shuffled labels at the end."""
    points = _at_the_end(plane, spec, "i_zy")
    tested = [point for point in points if point.estimate.null is not None]
    inside = [point for point in tested if _within_null(point.estimate)]
    if not inside:
        return []
    same = f"{spec}: I(Z;Y) is no larger than for shuffled labels in"
    if len(inside) == len(tested):
        return [f"{same} any layer: nothing about the labels is shown"]
    layers = dict.fromkeys(point.layer for point in inside)
    sentence = f"{same} {', '.join(layers)}: nothing about the labels is shown there"
    if len(tested) >= _MANY_LAYERS:
        chance = round(_OUTSIDE * len(tested))
        sentence += f"; of {len(tested)} numbers chance alone takes about {chance} out of the band"
    return [sentence]


def _at_the_end(plane: Plane, spec: str, quantity: Quantity) -> list[Point]:
    """Return the points of one estimator and quantity at the last checkpoint."""
    last = plane.steps[-1]
    points = [point for point in plane if point.step == last and point.estimator == spec]
    return [point for point in points if point.quantity == quantity]


def _within_null(estimate: Estimate) -> bool:
    """Return whether shuffled labels give as much."""
    return estimate.null is not None and estimate.bits <= estimate.null.high


def _labels(plane: Plane) -> list[str]:
    """Say where I(Z;Y) counts rows, or rests on a few of them.

    In the former a label belongs to fewer than two rows in the geometric mean, in the latter nearly
    all rows have one label.
    """
    h_y = plane.h_y_bits
    if h_y is None or not any(point.quantity == "i_zy" for point in plane):
        return []
    sentences = []
    if h_y > plane.log2_n - 1:
        sentences.append(
            f"labels: H(Y) = {h_y:.2f} of at most {plane.log2_n:.2f} bits: nearly as many symbols "
            "as rows, I(Z;Y) counts rows; is Y continuous (y_kind='continuous'), or a joint symbol "
            "of many labels?"
        )
    if 0 < h_y < ONE_SIDED_BITS:
        percent = math.floor(1000 * _least_share(h_y) + 1e-6) / 10
        sentences.append(
            f"labels: H(Y) = {h_y:.2f} bits: at least {percent:g} % of the rows have the same "
            "label, I(Z;Y) rests on the others; take a probe with more of them"
        )
    return sentences


def _least_share(h_bits: float) -> float:
    """Return what the commonest of labels of this entropy has at least, where it has most rows.

    H(Y) is at least the binary entropy of the share p of the commonest label (grouping), which
    falls as p grows from 1/2 to 1.

    Example:
        >>> round(_least_share(0.286397), 3)
        0.95
    """
    low, high = 0.5, 1.0
    for _ in range(40):
        share = (low + high) / 2
        binary = -share * math.log2(share) - (1 - share) * math.log2(1 - share)
        low, high = (share, high) if binary > h_bits else (low, share)
    return low


def bound_at_the_end(plane: Plane) -> LowerBound | None:
    """Return what the last predictions prove of I(Z;Y); None where nothing is known.

    They are in the run behind the plane, where that is at hand and has the last checkpoint.
    """
    from infoplane.analysis.dpi.evidence import archive_of

    archive, last = archive_of(plane, [], check=False), plane.steps[-1]
    if archive is None or archive.run_uuid != plane.provenance.get("run_uuid"):
        return None
    try:
        bound = lower_bound_of(archive, last) if last in archive.steps else None
    except InfoplaneError:  # a damaged run: `infoplane verify` says how
        return None
    # of held-out rows alone it bounds another population than the plane's
    if bound is None or bound.bits <= 0 or bound.rows < plane.n:
        return None
    return bound


def _below_bound(plane: Plane, specs: list[str], bound: LowerBound) -> list[str]:
    from infoplane.analysis.dpi.layer_laws import tolerance_bits

    if plane.chain is None:
        return []
    sentences = []
    for spec in specs:
        if traits_of(spec).measures in ("usable", "other"):
            continue
        least = bound.bits - tolerance_bits(plane, spec)
        low = []
        for point in _at_the_end(plane, spec, "i_zy"):
            layer = point.layer
            holds = layer == bound.output or plane.chain.separates(layer, bound.output)
            if holds and point.sense != "lower" and point.bits < least:
                low.append(layer)
        if low:
            sentences.append(
                f"{spec}: below the floor: the network's predictions prove I(Z;Y) >= "
                f"{_rounded_down(bound.bits)} bits in {', '.join(low)}, the estimate is too coarse"
            )
    return sentences


def _rounded_down(bits: float) -> str:
    """A proved lower bound as text: rounded up it would claim more than is proved."""
    return f"{math.floor(bits * 100) / 100:.2f}"
