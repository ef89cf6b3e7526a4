"""The plain-language head of a report: what this run shows, what it cannot show. Sentences made of the plane's own numbers."""

from __future__ import annotations

from infoplane.analysis.caveats import warnings_of
from infoplane.analysis.estimators.spec import traits_of
from infoplane.analysis.plot.labels import short_names
from infoplane.analysis.units import specs_in_bits
from infoplane.plane import Plane
from infoplane.types import DPIReport


def summarise(
    plane: Plane, report: DPIReport | None = None, *, tested: bool = False
) -> tuple[list[str], list[str]]:
    """Sentences on what the run shows and on what it cannot show; each holds for the numbers given, none generalises.

    ``tested``: falls were judged (`infoplane.phases`), so the warning that they are raw is left out.
    """
    if not len(plane):
        return ["Nothing has been measured yet."], []
    steps = plane.steps
    shows = [
        f"{plane.row_info.counted(plane.n)} (log2 N = {plane.log2_n:.4g} bits), {len(plane.layers)} layers, {len(steps)} checkpoints from step {steps[0]} to {steps[-1]}"
        + (
            f", H({plane.row_info.y}) = {plane.h_y_bits:.4g} bits."
            if plane.h_y_bits is not None
            else ", no labels."
        )
    ]
    shows += [line for spec in specs_in_bits(plane) if (line := _movement(plane, spec))]
    if report is not None:
        tally = ", ".join(f"{count} {verdict}" for verdict, count in report.counts.items() if count)
        shows.append(
            f"Data processing inequality: {report.checked} comparisons ({tally or 'none possible'}): "
            + (
                "no fault and no unexplained violation."
                if report.passed
                else "FAILED, see the table."
            )
        )
    return shows, _limits(plane, report, tested)


def _movement(plane: Plane, spec: str) -> str:
    """How far the X-coordinate moved under one estimator, in the layer where it fell most."""
    if traits_of(spec).family == "exact codes":
        values = [p.bits for p in plane if p.estimator == spec and p.quantity == "i_xz"]
        return (
            f"Exact codes: H(Z) lies between {min(values):.4g} and {max(values):.4g} bits over all layers and checkpoints (ceiling {plane.log2_n:.4g})."
            if values
            else ""
        )
    best: tuple[float, str, int] | None = None
    for layer in plane.layers:
        steps, estimates = plane.series(layer, "i_xz", spec)
        if len(estimates) > 1:
            peak = max(range(len(estimates)), key=lambda i: estimates[i].bits)
            drop = estimates[peak].bits - estimates[-1].bits
            if best is None or drop > best[0]:
                best = (drop, layer, steps[peak])
    if best is None:
        return ""
    drop, layer, step = best
    if drop < 0.05:
        return f"Under {spec} the X-coordinate of no layer ends more than 0.05 bit below its peak."
    return f"Under {spec} the X-coordinate falls most in layer {short_names([layer], 40)[0]}: {drop:.3g} bits from its peak (step {step}) to the last checkpoint."


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "less than 1 %"


def _limits(plane: Plane, report: DPIReport | None, tested: bool) -> list[str]:
    out = [
        "In a deterministic network the true I(X;Z) is constant or infinite; what moves here is the resolution of each estimator meeting the geometry of the layer. "
        "A falling curve is not yet lost information, and numbers of different estimators cannot be compared.",
    ]
    if not tested:
        out.append(
            "Drops from a peak are raw differences here: taking the maximum of a noisy curve makes a drop even on a plateau. `infoplane phases` tests them."
        )
    out += [f"At the last checkpoint, {sentence}." for sentence in warnings_of(plane)]
    for spec in plane.estimators:
        mine = [p for p in plane if p.estimator == spec and p.quantity == "i_xz"]
        share = sum(p.estimate.saturated for p in mine) / len(mine) if mine else 0.0
        if share > 0 and traits_of(spec).family != "exact codes":
            out.append(
                f"{spec}: {_percent(share)} of the X-values are saturated (near their ceiling, or most rows alone in their cell): they say that the probe set is too small or the cells too fine, not that information is high."
            )
    if any(traits_of(spec).family == "kde" for spec in plane.estimators):
        out.append(
            "KDE: X-values are bounds on I(X;Z+noise), not on I(X;Z); Y-values are differences of bounds and bound nothing."
        )
    if reduced := [name for name, how in plane.reductions.items() if how != "none"]:
        out.append(
            f"{len(reduced)} layers were reduced before measuring ({', '.join(short_names(reduced[:3], 40))}{', ...' if len(reduced) > 3 else ''}): they are not compared with other layers."
        )
    if plane.chain is None:
        out.append(
            "No chain certificate: which layers screen the input off from which was not tested, so no pair of layers is judged."
        )
    if plane.failures:
        out.append(
            f"{len(plane.failures)} cells could not be measured; they are listed below and left empty."
        )
    return out + [f"Not judged: {limit}" for limit in (report.limits if report is not None else ())]
