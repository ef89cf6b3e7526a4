"""The information plane: one trajectory per layer, coloured by training step."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, Normalize
from matplotlib.lines import Line2D

from infoplane.analysis.errorbars import null_of
from infoplane.analysis.floors import tightened
from infoplane.analysis.honesty import floor_bits, warnings_of
from infoplane.analysis.plot import style
from infoplane.analysis.plot.labels import axis_label, choose_estimator, short_names
from infoplane.analysis.plot.place import place_labels
from infoplane.errors import InputError
from infoplane.plane import Plane
from infoplane.types import VERDICTS, DPIReport, Finding, Verdict

if TYPE_CHECKING:
    from infoplane.analysis.invariance import Invariance

_COVERED = 0.95
LOWER_BOUNDS = ("vinfo", "infonce", "nwj")
"""Families whose I(Z;Y) is a lower bound in expectation: only these may be raised along the chain."""
FLAGS: tuple[Verdict, ...] = ("fault", "violation", "estimator")
"""Verdicts drawn unless asked otherwise."""


@dataclass(frozen=True)
class Trajectory:
    """The path of one layer: steps and both coordinates in bits, only where both were measured, which points are saturated, which have a
    coverage below 0.95, and the label-permutation band of I(Z;Y) at the last checkpoint where one was drawn."""

    layer: str
    steps: tuple[int, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    saturated: tuple[bool, ...]
    senses: tuple[str, str] = ("point", "point")
    sparse: tuple[bool, ...] = ()
    null: tuple[float, float] | None = None

    def at(self, step: int) -> tuple[float, float] | None:
        """The point of one checkpoint, None where it was not measured."""
        return (self.x[self.steps.index(step)], self.y[self.steps.index(step)]) if step in self.steps else None


def trajectories(plane: Plane, estimator: str, sense: str | None = None) -> list[Trajectory]:
    """The path of every layer that has both I(X;Z) and I(Z;Y) from ``estimator``, in layer order."""
    out = []
    for layer in plane.layers:
        xs = dict(zip(*plane.series(layer, "i_xz", estimator, sense)))
        ys = dict(zip(*plane.series(layer, "i_zy", estimator, sense)))
        steps = tuple(s for s in xs if s in ys)
        if steps:
            null = null_of(ys[steps[-1]])
            out.append(
                Trajectory(
                    layer,
                    steps,
                    tuple(xs[s].bits for s in steps),
                    tuple(ys[s].bits for s in steps),
                    tuple(xs[s].saturated for s in steps),
                    (xs[steps[0]].sense, ys[steps[0]].sense),
                    tuple((c := xs[s].coverage) is not None and c < _COVERED for s in steps),
                    None if null is None else (null.low, null.high),
                )
            )
    return out


def concerns(finding: Finding, estimator: str, sense: str) -> bool:
    """Whether a finding is about the numbers drawn: of their estimator and bound, or a fault of the pipeline, which is about all of them."""
    other_bound = finding.law.endswith((", lower", ", upper")) and not finding.law.endswith(f", {sense}")
    return finding.verdict == "fault" or (finding.estimator in ("", estimator) and not other_bound)


def flag_segments(
    paths: Sequence[Trajectory], findings: Collection[Finding], verdicts: Collection[Verdict]
) -> dict[Verdict, list[tuple[tuple[float, float], tuple[float, float]]]]:
    """Per verdict, the segments from the upstream to the downstream point of each finding; one of no length for a law of a single layer."""
    known = {p.layer: p for p in paths}
    out: dict[Verdict, list[tuple[tuple[float, float], tuple[float, float]]]] = {}
    for f in findings:
        if f.verdict not in verdicts or f.upstream not in known or f.downstream not in known:
            continue
        a, b = known[f.upstream].at(f.step), known[f.downstream].at(f.step)
        if a is not None and b is not None:
            out.setdefault(f.verdict, []).append((a, b))
    return {v: out[v] for v in VERDICTS if v in out}


@style.styled
def plot_plane(
    plane: Plane,
    report: DPIReport | None = None,
    *,
    ax: Axes | None = None,
    estimator: str | None = None,
    sense: str | None = None,
    layers: Collection[str] | None = None,
    flags: Collection[Verdict] = FLAGS,
    log: bool | None = None,
    colour_bar: bool = True,
    legend: bool = True,
    invariance: Sequence[Invariance] = (),
) -> Axes:
    """The information plane of one estimator, drawn on ``ax``.

    One trajectory per layer, coloured by step (log scale where the steps span decades); a small open mark at the first checkpoint, the
    layer's own shape at the last. Saturated points are hollow and crossed, points with coverage below 0.95 hollow, the
    saturated band is shaded. A grey bar at a last mark is the band of shuffled labels, a dotted line what the predictions prove; what a reader must know first (`warnings_of`) stands above the axes in words. Findings of ``report`` with a
    verdict in ``flags`` are drawn as segments between the two layers at that checkpoint; ``not comparable`` is never drawn.

    Args:
        plane: what was measured.
        report: the DPI check, None to draw no flags.
        ax: where to draw; None makes a new pyplot figure.
        estimator: spec to draw; None takes the plane's first.
        sense: exact, point, upper or lower; None takes the first that is present.
        layers: layer names to draw; None draws all.
        flags: verdicts to mark.
        log: logarithmic step colours; None decides from the steps.
        colour_bar: whether to add the step scale (off for small multiples).
        legend: whether to list the layers and marks.
        invariance: results of `infoplane.invariance`: the invariance error, what notation alone can move, as a band around a layer's last mark.

    Returns:
        The Axes.

    Raises:
        InputError: empty plane, unknown estimator or layer, or no layer with both I(X;Z) and I(Z;Y).
    """
    spec = choose_estimator(plane, estimator)
    shown = plane.select(layer=layers, estimator=spec) if layers is not None else plane.select(estimator=spec)
    paths = trajectories(shown, spec, sense)
    if not paths:
        raise InputError(f"no layer has both I(X;Z) and I(Z;Y) from {spec!r}; plot_curves draws a single quantity")
    ax = style.new_axes(ax)
    steps = sorted({s for p in paths for s in p.steps})
    norm, colours = style.step_norm(steps, log), style.colour_map()
    lines = None
    for k, path in enumerate(paths):
        lines = _draw_path(ax, path, k, norm, colours) or lines
    found = [f for f in report.findings if concerns(f, spec, paths[0].senses[0])] if report else []
    marks = _draw_flags(ax, flag_segments(paths, found, flags), report, spec)
    _draw_tightened(ax, shown, paths, spec)
    _draw_notation(ax, paths, [f for f in invariance if f.estimator == spec])
    _frame(ax, shown, paths, spec)
    if colour_bar and lines is not None:
        _colour_bar(ax, lines, steps, log)
    if legend:
        _legend(ax, shown, paths, marks)
    _end_numbers(ax, paths)
    if words := warnings_of(shown, spec):
        ax.set_title(
            "\n".join(textwrap.fill(style.drawable(w), 88) for w in words), fontsize=6.5, loc="left", color=style.VERDICT_COLOURS["fault"]
        )
    return ax


def _draw_path(ax: Axes, path: Trajectory, k: int, norm: Normalize, colours: Colormap) -> LineCollection | None:
    points = np.column_stack([path.x, path.y])
    lines = None
    if len(points) > 1:
        segments = np.stack([points[:-1], points[1:]], axis=1)
        lines = LineCollection(list(segments), cmap=colours, norm=norm, linewidths=1.1, alpha=0.85, zorder=2)
        lines.set_array(np.asarray(path.steps[1:], dtype=float))
        lines.set_gid(f"path-{k}")
        ax.add_collection(lines)
    tone = colours(norm(np.asarray(path.steps, dtype=float)))
    full = np.asarray(path.saturated)
    hollow = full | np.asarray(path.sparse or [False] * len(path.x))
    faces = np.where(hollow[:, None], np.ones(4), tone)
    ax.scatter(path.x, path.y, s=7, c=faces, edgecolors=tone, linewidths=0.6, zorder=3, gid=f"points-{k}")
    if full.any():
        x, y = np.asarray(path.x)[full], np.asarray(path.y)[full]
        ax.scatter(x, y, s=5, c=tone[full], marker="x", linewidths=0.4, zorder=3, gid=f"crosses-{k}")
    if path.null is not None:
        ax.plot([path.x[-1]] * 2, path.null, color="#8a8a8a", lw=3, alpha=0.7, solid_capstyle="butt", zorder=1, gid=f"null-{k}")
    ax.plot(path.x[0], path.y[0], marker="o", ms=6.5, mfc="none", mec="#444444", mew=0.8, ls="none", zorder=4, gid=f"first-{k}")
    ax.plot(
        path.x[-1],
        path.y[-1],
        marker=_marker(k),
        ms=6.5,
        mfc="white" if hollow[-1] else tone[-1],
        mec="black",
        mew=0.8,
        ls="none",
        zorder=5,
        gid=f"last-{k}",
    )
    return lines


def _draw_tightened(ax: Axes, plane: Plane, paths: Sequence[Trajectory], spec: str) -> None:
    """Lower bounds of I(Z;Y) raised to those of the layers downstream: what a layer must have, whatever its own estimate found."""
    if plane.chain is None or spec.partition(":")[0] not in LOWER_BOUNDS:
        return
    ends = {p.layer: p.y[-1] for p in paths}
    cuts = {a: tuple(b for b in ends if plane.chain.relation(a, b) == "cut") for a in ends}
    for k, (path, raised) in enumerate(zip(paths, tightened(ends, cuts).values())):
        if raised > path.y[-1]:
            ax.plot(
                [path.x[-1]] * 2,
                [path.y[-1], raised],
                color="#009e73",
                lw=0.9,
                marker="^",
                markevery=[1],
                ms=4,
                zorder=4,
                gid=f"tightened-{k}",
            )


def _draw_notation(ax: Axes, paths: Sequence[Trajectory], found: Sequence[Invariance]) -> None:
    for k, path in enumerate(paths):
        for f in found:
            if f.layer == path.layer:
                x, y = path.x[-1], path.y[-1]
                band = ([x, x], [y - f.error, y + f.error]) if f.quantity == "i_zy" else ([x - f.error, x + f.error], [y, y])
                ax.plot(*band, color="#d55e00", lw=5, alpha=0.3, solid_capstyle="butt", zorder=1, gid=f"notation-{k}")


def _marker(k: int) -> str:
    return style.MARKERS[k % len(style.MARKERS)]


def _draw_flags(
    ax: Axes, segments: dict[Verdict, list[tuple[tuple[float, float], tuple[float, float]]]], report: DPIReport | None, spec: str
) -> list[Line2D]:
    """Draw the flagged segments; returns their legend entries."""
    marks = []
    for verdict, pairs in segments.items():
        colour = style.VERDICT_COLOURS.get(verdict, "#7f7f7f")
        failing = verdict in ("fault", "violation")
        width, dash = (1.6, "-") if failing else (0.8, (0, (2, 1.2)))
        ax.add_collection(
            LineCollection(
                pairs,
                colors=colour,
                linewidths=width,
                linestyles=[dash],
                alpha=0.9 if failing else 0.45,
                zorder=6 if failing else 1,
                gid=f"flag-{verdict}",
            )
        )
        lone = np.array([a for a, b in pairs if a == b])
        if len(lone):
            ax.scatter(
                lone[:, 0], lone[:, 1], s=60, facecolors="none", edgecolors=colour, linewidths=width, zorder=6, gid=f"ring-{verdict}"
            )
        marks.append(Line2D([], [], color=colour, lw=width, ls=dash, label=f"{verdict}: {len(pairs)}"))
    return marks


def _frame(ax: Axes, plane: Plane, paths: Sequence[Trajectory], spec: str) -> None:
    """Limits, reference lines, the saturated band and the axis labels."""
    xs, ys = [v for p in paths for v in p.x], [v for p in paths for v in p.y]
    top_x, top_y = max([*xs, plane.log2_n]), max([*ys, plane.h_y_bits or 0.0])
    low_x, low_y = min([0.0, *xs]), min([0.0, *ys])
    ax.set_xlim(low_x - 0.03 * (top_x - low_x), top_x + 0.06 * (top_x - low_x or 1))
    ax.set_ylim(low_y - 0.04 * (top_y - low_y or 1), top_y + 0.09 * (top_y - low_y or 1))
    ax.axvline(plane.log2_n, color="#555555", lw=0.8, ls="--", zorder=0, gid="log2n")
    ax.axvspan(plane.log2_n - 0.5, plane.log2_n, color="#bbbbbb", alpha=0.25, lw=0, zorder=0, gid="saturated")
    note: dict[str, Any] = {"fontsize": 6.5, "color": "#444444", "parse_math": False}
    ax.annotate(
        f"log2 N = {plane.log2_n:.4g}",
        (plane.log2_n, 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(-3, 0),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="bottom",
        **note,
    )
    if plane.h_y_bits is not None:
        ax.axhline(plane.h_y_bits, color="#555555", lw=0.8, ls="--", zorder=0, gid="hy")
        ax.annotate(
            f"H(Y) = {plane.h_y_bits:.4g}",
            (0.01, plane.h_y_bits),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="left",
            va="bottom",
            **note,
        )
    if (proved := floor_bits(plane)) > 0:
        ax.axhline(proved, color="#8a6d00", lw=0.9, ls=":", zorder=0, gid="floor")
    senses = paths[0].senses
    ax.set_xlabel(style.drawable(axis_label("i_xz", spec, plane.n, senses[0])), parse_math=False)
    label = style.drawable(axis_label("i_zy", spec, plane.n, senses[1]))
    ax.set_ylabel(textwrap.fill(label, 30) if len(label) > 40 else label, parse_math=False)


def _colour_bar(ax: Axes, lines: LineCollection, steps: Sequence[int], log: bool | None) -> None:
    bar = style.figure_of(ax).colorbar(lines, ax=ax, pad=0.02, fraction=0.045, aspect=28)
    ticks = style.step_ticks(steps, log)
    bar.set_ticks(ticks, labels=[f"{t:g}" for t in ticks])
    bar.minorticks_off()
    bar.outline.set_linewidth(0.4)
    bar.set_label("training step")
    if bar.solids is not None:
        bar.solids.set_alpha(1)


def _legend(ax: Axes, plane: Plane, paths: Sequence[Trajectory], marks: list[Line2D]) -> None:
    names = [style.drawable(n) for n in short_names([p.layer for p in paths])]
    entries = [
        Line2D(
            [],
            [],
            marker=_marker(k),
            ls="none",
            ms=5.5,
            mfc="#9aa7b0",
            mec="black",
            mew=0.7,
            label=f"{k + 1}  {name}" + (" (reduced)" if plane.reductions.get(p.layer, "none") != "none" else ""),
        )
        for k, (p, name) in enumerate(zip(paths, names))
    ]
    entries.append(Line2D([], [], marker="o", ls="none", ms=5.5, mfc="none", mec="#444444", mew=0.8, label="first checkpoint"))
    if any(any(p.sparse) and not all(s for s, c in zip(p.saturated, p.sparse) if c) for p in paths):
        entries.append(Line2D([], [], marker="o", ls="none", ms=3, mfc="white", mec="#444444", mew=0.7, label="hollow: coverage < 0.95"))
    if any(any(p.saturated) for p in paths):
        entries.append(
            Line2D([], [], marker="X", ls="none", ms=3.5, mfc="white", mec="#444444", mew=0.6, label="hollow, crossed: saturated")
        )
    if any(p.null is not None for p in paths):
        entries.append(Line2D([], [], color="#8a8a8a", lw=3, alpha=0.7, label="shuffled labels, 95 %"))
    if any(str(line.get_gid()).startswith("notation") for line in ax.lines):
        entries.append(Line2D([], [], color="#d55e00", lw=5, alpha=0.3, label="invariance error"))
    if any(str(line.get_gid()).startswith("tightened") for line in ax.lines):
        entries.append(Line2D([], [], color="#009e73", lw=0.9, marker="^", ms=4, label="lower bound, raised by layers downstream"))
    if any(line.get_gid() == "floor" for line in ax.lines):
        entries.append(Line2D([], [], color="#8a6d00", lw=0.9, ls=":", label="floor: proved by the predictions"))
    widest = max(len(str(e.get_label())) for e in entries + marks)
    room = style.figure_of(ax).get_figwidth() * 72 * ax.get_position().width / 0.8
    columns = max(1, min(4, int(room / (4.1 * widest + 24)), (len(entries) + 3) // 3))
    box = ax.legend(
        handles=entries + marks,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.17),
        ncols=columns,
        handletextpad=0.3,
        columnspacing=1.0,
        borderaxespad=0,
    )
    for text in box.get_texts():
        text.set_parse_math(False)


def _end_numbers(ax: Axes, paths: Sequence[Trajectory]) -> None:
    """The layer's number beside its last mark, moved aside where numbers would collide."""
    figure = style.figure_of(ax)
    figure.draw_without_rendering()  # the layout must be settled before pixels mean anything
    scale = figure.dpi / 72
    anchors = [tuple(ax.transData.transform((p.x[-1], p.y[-1])) / scale) for p in paths]
    frame = ax.get_window_extent()
    sizes = [(4.6 * len(str(k + 1)) + 1, 7.5) for k in range(len(paths))]
    box = (frame.x0 / scale, frame.y0 / scale, frame.x1 / scale, frame.y1 / scale)
    for k, ((x, y), (cx, cy)) in enumerate(zip(anchors, place_labels(anchors, sizes, box))):
        far = float(np.hypot(cx - x, cy - y)) > 11
        ax.annotate(
            str(k + 1),
            (paths[k].x[-1], paths[k].y[-1]),
            xytext=(cx - x, cy - y),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=7,
            zorder=7,
            gid=f"number-{k}",
            arrowprops={"arrowstyle": "-", "lw": 0.4, "color": "#888888", "shrinkA": 3, "shrinkB": 3} if far else None,
        )
