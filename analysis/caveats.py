"""What a reader of a plane must be told before looking: saturation, labels that mean nothing, estimates below what the network proves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infoplane.analysis.estimators.spec import traits_of
from infoplane.errors import InfoplaneError
from infoplane.plane import Plane
from infoplane.types import Estimate

if TYPE_CHECKING:
    from infoplane.analysis.lower_bounds import LowerBound
    from infoplane.archive import Archive


@dataclass(frozen=True)
class Caveats:
    """What stands beside a picture of a plane, computed before anything is drawn.

    Attributes:
        warnings: short sentences about the last checkpoint, see `warnings_of`.
        lower_bound_bits: what the network's own predictions prove of I(Z;Y); 0 where nothing is known.
    """

    warnings: tuple[str, ...]
    lower_bound_bits: float = 0.0


def caveats_of(plane: Plane, estimator: str | None = None) -> Caveats:
    """Return the caveats of one estimator (all of the plane's when left out).

    The run behind it is read once.
    """
    archive = source_archive(plane) if plane.points else None
    return Caveats(
        tuple(warnings_of(plane, estimator, archive=archive)),
        lower_bound_bits(plane, archive=archive),
    )


def warnings_of(
    plane: Plane, estimator: str | None = None, *, archive: Archive | None = None
) -> list[str]:
    """Return sentences about the last checkpoint under one estimator, or all; none is good.

    Saturation: more than half of the layers at their ceiling. Labels: no layer's I(Z;Y) leaves the label-permutation null (where one was drawn).
    Floor: an estimate of I(Z;Y) below what the network's own predictions prove (Fano, cross entropy), for layers that cut the input off from
    the output; looked up in the archive behind the plane, where it is at hand. Symbols: labels of which there are nearly as many as rows.
    """
    if not plane.points:
        return []
    last = plane.steps[-1]
    specs = [s for s in plane.estimators if estimator in (None, s)]
    sentences = []
    for spec in specs:
        points = [p for p in plane if p.step == last and p.estimator == spec]
        xs = [p for p in points if p.quantity == "i_xz" and p.sense != "lower"]
        full = [p for p in xs if p.estimate.saturated]
        if traits_of(spec).family != "exact codes" and xs and len(full) > len(xs) / 2:
            sentences.append(
                f"{spec}: saturated: {len(full)} of {len(xs)} layers sit at the ceiling, their values are the number of rows, not information"
            )
        tested = [p for p in points if p.quantity == "i_zy" and p.estimate.null is not None]
        inside = [p.layer for p in tested if _within_null(p.estimate)]
        if tested and len(inside) == len(tested):
            sentences.append(
                f"{spec}: I(Z;Y) is no larger than for shuffled labels in any layer: nothing about the labels is shown"
            )
        elif inside:
            sentences.append(
                f"{spec}: I(Z;Y) is no larger than for shuffled labels in {', '.join(inside)}: nothing about the labels is shown there"
            )
    return _lone_labels(plane) + sentences + _below_bound(plane, specs, archive)


def _within_null(estimate: Estimate) -> bool:
    """Return whether shuffled labels give as much."""
    return estimate.null is not None and estimate.bits <= estimate.null.high


def _lone_labels(plane: Plane) -> list[str]:
    """Say where a label belongs to fewer than two rows in the geometric mean.

    I(Z;Y) then counts rows.
    """
    shown = any(p.quantity == "i_zy" for p in plane)
    if not shown or plane.h_y_bits is None or plane.h_y_bits <= plane.log2_n - 1:
        return []
    return [
        f"labels: H(Y) = {plane.h_y_bits:.2f} of at most {plane.log2_n:.2f} bits: nearly as many symbols as rows, "
        "I(Z;Y) counts rows; is Y continuous (y_kind='continuous'), or a joint symbol of many labels?"
    ]


def lower_bound_bits(plane: Plane, *, archive: Archive | None = None) -> float:
    """Return what the last predictions prove of I(Z;Y), in bits; 0 where nothing is known."""
    bound = _bound(plane, archive) if plane.points else None
    return 0.0 if bound is None else bound.bits


def _bound(plane: Plane, archive: Archive | None) -> LowerBound | None:
    from infoplane.analysis.lower_bounds import lower_bound_of

    archive = archive or source_archive(plane)
    try:
        bound = None if archive is None else lower_bound_of(archive, plane.steps[-1])
    except InfoplaneError:  # a damaged run: `infoplane verify` says how
        return None
    if (
        bound is None or bound.bits <= 0 or bound.rows < plane.n
    ):  # held-out rows only: a floor of another population than the plane's
        return None
    return bound


def _below_bound(plane: Plane, specs: list[str], archive: Archive | None) -> list[str]:
    from infoplane.analysis.dpi.layer_laws import tolerance_bits

    bound = _bound(plane, archive)
    if bound is None or plane.chain is None:
        return []
    last = plane.steps[-1]
    sentences = []
    for spec in specs:
        if traits_of(spec).measures in ("usable", "other"):
            continue
        low = [
            p.layer
            for p in plane
            if p.step == last
            and p.estimator == spec
            and p.quantity == "i_zy"
            and p.sense != "lower"
            and (p.layer == bound.output or plane.chain.separates(p.layer, bound.output))
            and p.bits < bound.bits - tolerance_bits(plane, spec)
        ]
        if low:
            sentences.append(
                f"{spec}: below the floor: the network's predictions prove I(Z;Y) >= {bound.bits:.2f} bits in {', '.join(low)}, the estimate is too coarse"
            )
    return sentences


def source_archive(plane: Plane) -> Archive | None:
    """Return the archive behind a plane, where it is at hand and has the last checkpoint."""
    from infoplane.analysis.dpi.evidence import archive_of

    archive = archive_of(plane, [], check=False)
    return (
        archive
        if archive is not None
        and archive.run_uuid == plane.provenance.get("run_uuid")
        and plane.steps[-1] in archive.steps
        else None
    )
