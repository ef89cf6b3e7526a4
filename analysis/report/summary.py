"""The plain-language head of a report: what this run shows, what it cannot show.

Sentences made of the plane's own numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from infoplane.analysis.caveats import warnings_of
from infoplane.analysis.estimators.spec import traits_of
from infoplane.analysis.plot.names import short_names
from infoplane.analysis.units import specs_in_bits
from infoplane.plane import Plane
from infoplane.types import DPIReport


@dataclass(frozen=True)
class Sentence:
    """One sentence of the head of a report, and the estimator that it is about.

    Empty where it is about all.
    """

    text: str
    estimator: str = ""


def summarise(
    plane: Plane, report: DPIReport | None = None, *, tested: bool = False
) -> tuple[list[str], list[str]]:
    """Return sentences on what the run shows and on what it cannot show.

    Each holds for the numbers given, none generalises.

    Args:
        plane: what was measured.
        report: the DPI check; None where there was none.
        tested: falls were judged (`infoplane.phases`), so the warning that they are raw is left
            out.
    """
    shows, cannot = sentences_of(plane, report, tested=tested)
    return [said.text for said in shows], [said.text for said in cannot]


def sentences_of(
    plane: Plane, report: DPIReport | None = None, *, tested: bool = False
) -> tuple[list[Sentence], list[Sentence]]:
    """Return the sentences of `summarise`, each with the estimator that it is about."""
    if not len(plane):
        return [Sentence("Nothing has been measured yet.")], []
    shows = [_extent(plane)]
    for spec in specs_in_bits(plane):
        if text := _movement(plane, spec):
            shows.append(Sentence(text, spec))
    if report is not None:
        shows.append(_check(report))
    return shows, _limits(plane, report, tested)


def _extent(plane: Plane) -> Sentence:
    steps, rows = plane.steps, plane.row_info.counted(plane.n)
    size = (
        f"{rows} (log2 N = {plane.log2_n:.4g} bits), {len(plane.layers)} layers, {len(steps)} "
        f"checkpoints from step {steps[0]} to {steps[-1]}"
    )
    if plane.h_y_bits is None:
        labelled = any(point.quantity == "i_zy" for point in plane)
        labels = f"{plane.row_info.y} is continuous" if labelled else "no labels"
        return Sentence(f"{size}, {labels}.")
    return Sentence(f"{size}, H({plane.row_info.y}) = {plane.h_y_bits:.4g} bits.")


def _check(report: DPIReport) -> Sentence:
    tally = ", ".join(f"{count} {verdict}" for verdict, count in report.counts.items() if count)
    outcome = "FAILED, see the table."
    if report.passed:
        outcome = "no fault and no unexplained violation."
    return Sentence(
        f"Data processing inequality: {report.checked} comparisons ({tally or 'none possible'}): "
        f"{outcome}"
    )


def _movement(plane: Plane, spec: str) -> str:
    """How far the X-coordinate moved under one estimator, in the layer where it fell most."""
    if traits_of(spec).family == "exact codes":
        values = [p.bits for p in plane if p.estimator == spec and p.quantity == "i_xz"]
        return (
            f"Exact codes: H(Z) lies between {min(values):.4g} and {max(values):.4g} bits over all "
            f"layers and checkpoints (ceiling {plane.log2_n:.4g})."
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
    return (
        f"Under {spec} the X-coordinate falls most in layer {short_names([layer], 40)[0]}: "
        f"{drop:.3g} bits from its peak (step {step}) to the last checkpoint."
    )


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "less than 1 %"


def _limits(plane: Plane, report: DPIReport | None, tested: bool) -> list[Sentence]:
    out = [Sentence(_RESOLUTION)]
    if not tested:
        out.append(Sentence(_RAW))
    for spec in plane.estimators:
        out += [_at_the_end(words, spec) for words in warnings_of(plane, spec)]
        out += _saturation(plane, spec)
        if traits_of(spec).family == "kde":
            out.append(Sentence(_KDE, spec))
    out += _of_the_plane(plane)
    out += [Sentence(f"Not judged: {limit}") for limit in (report.limits if report else ())]
    return list(dict.fromkeys(out))


_RESOLUTION = (
    "In a deterministic network the true I(X;Z) is constant or infinite; what moves here is the "
    "resolution of each estimator meeting the geometry of the layer. A falling curve is not yet "
    "lost information, and numbers of different estimators cannot be compared."
)
_RAW = (
    "Drops from a peak are raw differences here: taking the maximum of a noisy curve makes a drop "
    "even on a plateau. `infoplane phases` tests them."
)
_KDE = (
    "KDE: X-values are bounds on I(X;Z+noise), not on I(X;Z); Y-values are differences of bounds "
    "and bound nothing."
)


def _at_the_end(words: str, spec: str) -> Sentence:
    """Return a warning as a sentence; of one estimator where it begins with its spec."""
    about = spec if words.startswith(f"{spec}:") else ""
    return Sentence(f"At the last checkpoint, {words}.", about)


def _saturation(plane: Plane, spec: str) -> list[Sentence]:
    points = [p for p in plane if p.estimator == spec and p.quantity == "i_xz"]
    full = sum(p.estimate.saturated for p in points)
    if not full or traits_of(spec).family == "exact codes":
        return []
    return [
        Sentence(
            f"{spec}: {_percent(full / len(points))} of the X-values are saturated (near their "
            "ceiling, or most rows alone in their cell): they say that the probe set is too small "
            "or the cells too fine, not that information is high.",
            spec,
        )
    ]


def _of_the_plane(plane: Plane) -> list[Sentence]:
    """Return what holds whatever the estimator: reduced layers, a missing certificate, failures."""
    out = []
    if reduced := [name for name, how in plane.reductions.items() if how != "none"]:
        names = ", ".join(short_names(reduced[:3], 40)) + (", ..." if len(reduced) > 3 else "")
        out.append(
            f"{len(reduced)} layers were reduced before measuring ({names}): they are not compared "
            "with other layers."
        )
    if (kind := plane.row_info.kind) != "sample" and plane.chain is not None:
        out.append(
            f"Rows are {kind}s: where a layer mixes positions its {kind} is not computed from the "
            f"same {kind} below alone, so such pairs of layers are not comparable."
        )
    if plane.chain is None:
        out.append(
            "No chain certificate: which layers screen the input off from which was not tested, so "
            "no pair of layers is judged."
        )
    if plane.failures:
        out.append(
            f"{len(plane.failures)} cells could not be measured; they are listed below and left "
            "empty."
        )
    return [Sentence(text) for text in out]
