"""The plain-language head of a report: what this run shows, what it cannot show.

Sentences made of the plane's own numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from infoplane.analysis.caveats import caveats_of
from infoplane.analysis.estimators.spec import traits_of
from infoplane.analysis.plot.names import short_names
from infoplane.analysis.units import specs_in_bits
from infoplane.plane import Plane, Point
from infoplane.types import DPIReport, counted


@dataclass(frozen=True)
class Sentence:
    """One sentence of the head of a report, and the estimator that it is about.

    Empty where it is about all.
    """

    text: str
    estimator: str = ""


def sentences_of(
    plane: Plane, report: DPIReport | None = None, *, tested: bool = False
) -> tuple[list[Sentence], list[Sentence]]:
    """Return sentences on what the run shows and on what it cannot show.

    Each holds for the numbers given, none generalises.

    Args:
        plane: what was measured.
        report: the DPI check; None where there was none.
        tested: falls were judged (`infoplane.phases`), so the warning that they are raw is left
            out.
    """
    if not len(plane):
        return [Sentence("Nothing has been measured yet.")], []
    shows = [_extent(plane)]
    for spec in specs_in_bits(plane):
        shows += [Sentence(text, spec) for text in _movement(plane, spec, tested)]
    if report is not None:
        shows.append(_check(report))
    return shows, _limits(plane, report, tested)


def _extent(plane: Plane) -> Sentence:
    steps, rows = plane.steps, plane.row_info.counted(plane.n)
    when = f"from step {steps[0]} to {steps[-1]}" if len(steps) > 1 else f"at step {steps[0]}"
    size = (
        f"{rows} (log2 N = {plane.log2_n:.4g} bits), {counted(len(plane.layers), 'layer')}, "
        f"{counted(len(steps), 'checkpoint')} {when}"
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


def _across(plane: Plane, spec: str) -> list[Point]:
    """Return the points of one estimator's I(X;Z)."""
    return [point for point in plane if point.estimator == spec and point.quantity == "i_xz"]


def _movement(plane: Plane, spec: str, tested: bool) -> list[str]:
    """Return how far the X-coordinate moved under one estimator, where it fell most.

    ``tested`` says that falls were judged, by another measure than this.
    """
    if traits_of(spec).family == "exact codes":
        values = [point.bits for point in _across(plane, spec)]
        if not values:
            return []
        low, high = f"{min(values):.4g}", f"{max(values):.4g}"
        span = f"is {low} bits at" if low == high else f"lies between {low} and {high} bits over"
        return [
            f"Exact codes: H(Z) {span} all layers and checkpoints (ceiling {plane.log2_n:.4g})."
        ]
    drops = []
    for layer in plane.layers:
        steps, estimates = plane.series(layer, "i_xz", spec)
        bits = [estimate.bits for estimate in estimates]
        if len(bits) > 1:
            drops.append((max(bits) - bits[-1], layer, steps[bits.index(max(bits))]))
    if not drops:
        return []
    drop, layer, step = max(drops, key=lambda found: found[0])
    if drop < 0.05:
        words = f"Under {spec} the X-coordinate of no layer ends more than 0.05 bit below its peak."
        return [words]
    return [
        f"Under {spec} the X-coordinate falls most in layer {short_names([layer], 40)[0]}: "
        f"{drop:.3g} bits from its peak (step {step}) to the last checkpoint, on all rows"
        f"{_OF_HALVES if tested else '.'}"
    ]


def _limits(plane: Plane, report: DPIReport | None, tested: bool) -> list[Sentence]:
    sentences = [Sentence(_RESOLUTION)]
    if len(plane.steps) > 1 and not tested:
        sentences.append(Sentence(_RAW))
    for spec in plane.estimators:
        sentences += [_at_the_end(words, spec) for words in caveats_of(plane, spec).warnings]
        sentences += _saturation(plane, spec)
        if traits_of(spec).family == "kde":
            sentences.append(Sentence(_KDE, spec))
    sentences += [Sentence(words) for words in _of_the_plane(plane)]
    if report is not None:
        sentences += [Sentence(f"Not judged: {limit}") for limit in report.limits]
    return list(dict.fromkeys(sentences))


_RESOLUTION = (
    "In a deterministic network the true I(X;Z) is constant or infinite; what moves here is the "
    "resolution of each estimator meeting the geometry of the layer. A falling curve is not yet "
    "lost information, and numbers of different estimators cannot be compared."
)
_RAW = (
    "Drops from a peak are raw differences here: taking the maximum of a noisy curve makes a drop "
    "even on a plateau. `infoplane phases` tests them."
)
_OF_HALVES = "; Phases below choose the peak on one half of the rows and measure it on the other."
_KDE = (
    "KDE: X-values are bounds on I(X;Z+noise), not on I(X;Z); Y-values are differences of bounds "
    "and bound nothing."
)


def _at_the_end(words: str, spec: str) -> Sentence:
    """Return a warning as a sentence; of one estimator where it begins with its spec."""
    about = spec if words.startswith(f"{spec}:") else ""
    return Sentence(f"At the last checkpoint, {words}.", about)


def _saturation(plane: Plane, spec: str) -> list[Sentence]:
    points = _across(plane, spec)
    full = sum(point.estimate.saturated for point in points)
    if not full or traits_of(spec).family == "exact codes":
        return []
    share = full / len(points)
    percent = f"{share:.0%}" if share >= 0.01 else "less than 1 %"
    return [
        Sentence(
            f"{spec}: {percent} of the X-values are saturated (near their "
            "ceiling, or most rows alone in their cell): they say that the probe set is too small "
            "or the cells too fine, not that information is high.",
            spec,
        )
    ]


def _of_the_plane(plane: Plane) -> list[str]:
    """Return what holds whatever the estimator: reduced layers, a missing certificate, failures."""
    sentences = []
    reduced = [name for name, how in plane.reductions.items() if how != "none"]
    if reduced:
        names = ", ".join(short_names(reduced[:3], 40)) + (", ..." if len(reduced) > 3 else "")
        sentences.append(
            f"{len(reduced)} layers were reduced before measuring ({names}): they are not compared "
            "with other layers."
        )
    kind = plane.row_info.kind
    if kind != "sample" and plane.chain is not None:
        sentences.append(
            f"Rows are {kind}s: where a layer mixes positions its {kind} is not computed from the "
            f"same {kind} below alone, so such pairs of layers are not comparable."
        )
    if plane.chain is None:
        sentences.append(
            "No chain certificate: which layers screen the input off from which was not tested, so "
            "no pair of layers is judged."
        )
    if plane.failures:
        sentences.append(
            f"{len(plane.failures)} cells could not be measured; they are listed below and left "
            "empty."
        )
    return sentences
