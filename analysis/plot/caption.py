"""The words under a picture of a plane.

What its axes, marks and lines are, as one text for a paper. No matplotlib.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infoplane.analysis.plot.depth import depth_of
from infoplane.analysis.plot.labels import (
    QUANTITIES,
    UNITS,
    Ceilings,
    axis_of,
    ceiling_name,
    ceiling_text,
    ceilings_of,
    choose_estimator,
)
from infoplane.analysis.plot.marks import MARKS, marks_of
from infoplane.analysis.plot.names import layer_labels, layer_marks
from infoplane.analysis.plot.trajectory import Trajectory, flag_segments, not_drawn, trajectories
from infoplane.plane import Plane
from infoplane.types import DPIReport
from infoplane.types.estimate import saturation_width

if TYPE_CHECKING:
    from infoplane.analysis.caveats import Caveats

_MOST_LAYERS = 24


def caption_of(
    plane: Plane,
    *,
    kind: str = "plane",
    estimator: str | None = None,
    sense: str | None = None,
    caveats: Caveats | None = None,
    report: DPIReport | None = None,
    unit: str = "bits",
    by_depth: bool = True,
) -> str:
    """Return the caption of a picture.

    Rows, layers, checkpoints, the definition of each axis, every mark, the warnings.

    Args:
        plane: what was measured.
        kind: ``plane``, ``snapshots`` or ``curves``.
        estimator: the spec that is drawn; None takes the plane's first.
        sense: exact, point, upper or lower; None takes the first that is present.
        caveats: what a reader must know, from `infoplane.analysis.caveats.caveats_of`.
        report: the DPI check whose findings are marked in a plane; None marks none.
        unit: of the axes, ``bits`` or ``nats``.
        by_depth: whether layers of blocks are named by depth where rows are tokens, as `plot_plane`
            draws them.

    Example:
        >>> from infoplane.plane import Point
        >>> from infoplane.types import Estimate
        >>> numbers = (("i_xz", 3.0), ("i_zy", 0.9))
        >>> points = [Point(0, "fc", q, Estimate(b, 64, "bin:szt")) for q, b in numbers]
        >>> plane = Plane(tuple(points), ("fc",), 64, 1.0)
        >>> print(caption_of(plane))  # doctest: +NORMALIZE_WHITESPACE
        Information plane of 1 layer (1 fc) at step 0, N=64. Across: H(bin(Z)) [bits], 30 bins on
        [-1,1], bin:szt. Up: I(bin(Z);Y) [bits], 30 bins on [-1,1], bin:szt. Dashed: log2 N = 6
        bits, H(Y) = 1 bits; shaded: within 0.3 bits of log2 N.
    """
    spec = choose_estimator(plane, estimator, in_bits=kind == "plane")
    paths = trajectories(plane, spec, sense)
    sentences = [
        _subject(plane, kind, spec, paths, by_depth=by_depth and kind == "plane"),
        *_axes(plane, kind, spec, sense),
        _lines(ceilings_of(plane, spec), kind, unit),
    ]
    if kind == "snapshots":
        sentences.append("Each line joins the layers at one checkpoint; the last has the marks.")
    if kind == "plane":
        if len(plane.steps) > 1:
            sentences.append("Open ring: first checkpoint; large shape: last.")
        sentences += [*_marks(paths, caveats), *_findings(paths, spec, report)]
    sentences = [sentence.replace("[bits]", f"[{unit}]") for sentence in sentences]
    if caveats is not None:
        sentences += [f"Note: {words}." for words in caveats.warnings]
    return " ".join(sentences)


def _subject(plane: Plane, kind: str, spec: str, paths: list[Trajectory], *, by_depth: bool) -> str:
    layers = plane.layers
    missing = {} if kind == "curves" else not_drawn(plane, spec, paths)
    labels = layer_labels(plane, layers, 40, estimator=spec)
    words = []
    for layer, mark, label in zip(layers, layer_marks(layers), labels, strict=True):
        word = label if mark == label or kind != "plane" else f"{mark} {label}"
        words.append(f"{word}: {missing[layer]}" if layer in missing else word)
    more = [f"and {len(words) - _MOST_LAYERS} more"] if len(words) > _MOST_LAYERS else []
    listed = ", ".join(words[:_MOST_LAYERS] + more)
    depth = depth_of(plane, layers) if by_depth else None
    if depth is not None:
        listed = f"{depth.describe()}; the number beside a mark is k"
    steps = plane.steps
    when = f"step {steps[0]}"
    if len(steps) > 1:
        when = f"{len(steps)} checkpoints from step {steps[0]} to {steps[-1]}"
    count = "1 layer" if len(layers) == 1 else f"{len(layers)} layers"
    what = "Information over training" if kind == "curves" else "Information plane"
    return f"{what} of {count} ({listed}) at {when}, {plane.row_info.axis(plane.n)}."


def _axes(plane: Plane, kind: str, spec: str, sense: str | None) -> list[str]:
    """Return the definition of either axis, or of either picture of curves."""
    heads = ("Above", "Below") if kind == "curves" else ("Across", "Up")
    sentences = []
    for head, quantity in zip(heads, QUANTITIES, strict=True):
        points = plane.select(estimator=spec, quantity=quantity).points
        if not points:
            continue
        _, estimates = plane.series(points[0].layer, quantity, spec, sense)
        shown = estimates[0].sense if estimates else points[0].sense
        definition = axis_of(plane, quantity, spec, shown)
        rows = plane.row_info.axis(plane.n)
        parts = [part for part in definition.split(", ") if part != rows]
        sentences.append(f"{head}: {', '.join(parts)}.")
    return sentences


def _lines(ceilings: Ceilings, kind: str, unit: str) -> str:
    """Return what the dashed lines are."""
    known = [ceiling for ceiling in ceilings.values() if ceiling.bits is not None]
    lines = [f"{ceiling_text(ceiling, unit)} {unit}" for ceiling in known]
    across = ceilings["i_xz"]
    width = saturation_width(across.bits or 0.0)
    words = "half a bit" if width == 0.5 else f"{width * UNITS[unit]:.2g} {unit}"
    shaded = f"; shaded: within {words} of {ceiling_name(across, unit)}"
    return f"Dashed: {', '.join(lines)}{shaded if kind != 'curves' else ''}."


def _marks(paths: list[Trajectory], caveats: Caveats | None) -> list[str]:
    """Return one sentence with the meaning of every further mark."""
    used = [MARKS[key].meaning for key in marks_of(paths, caveats) if key != "first"]
    return [f"{'; '.join(used).capitalize()}."] if used else []


def _findings(paths: list[Trajectory], spec: str, report: DPIReport | None) -> list[str]:
    """Return what the segments between layers are, where any are drawn."""
    segments = flag_segments(paths, report, spec)
    if not segments:
        return []
    tally = ", ".join(f"{len(pairs)} with verdict {verdict}" for verdict, pairs in segments.items())
    return [f"Segments between layers: findings of the data processing check ({tally})."]
