"""The information plane: one trajectory per layer, coloured by training step."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, Normalize

from infoplane.analysis.caveats import caveats_of
from infoplane.analysis.plot import style
from infoplane.analysis.plot.frame import (
    draw_frame,
    draw_legend,
    draw_step_scale,
    label_across,
    label_up,
    number_ends,
)
from infoplane.analysis.plot.labels import choose_estimator
from infoplane.analysis.plot.overlays import draw_flags, draw_notation, draw_tightened
from infoplane.analysis.plot.trajectory import Trajectory, concerns, flag_segments, trajectories
from infoplane.errors import InputError
from infoplane.plane import Plane
from infoplane.types import FLAGS, DPIReport, Verdict

if TYPE_CHECKING:
    from infoplane.analysis.studies.invariance import Invariance


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
        report: the DPI check (or a function that gives it, called once the trajectories are drawn), None to draw no flags.
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
    shown = (
        plane.select(layer=layers, estimator=spec)
        if layers is not None
        else plane.select(estimator=spec)
    )
    paths = trajectories(shown, spec, sense)
    if not paths:
        raise InputError(
            f"no layer has both I(X;Z) and I(Z;Y) from {spec!r}; plot_curves draws a single quantity"
        )
    ax = style.new_axes(ax)
    steps = sorted({s for p in paths for s in p.steps})
    norm, colours = style.step_norm(steps, log), style.colour_map()
    lines = None
    for k, path in enumerate(paths):
        lines = _draw_path(ax, path, k, norm, colours) or lines
    caveats = caveats_of(shown, spec)
    draw_frame(ax, shown, paths, spec, proved_bits=caveats.lower_bound_bits)
    scale = draw_step_scale(ax, lines, steps, log) if colour_bar and lines is not None else None
    width = style.width_points(ax)
    label_across(ax, shown, paths, spec, scale)
    found = [f for f in report.findings if concerns(f, spec, paths[0].senses[0])] if report else []
    marks = draw_flags(ax, flag_segments(paths, found, flags), report, spec)
    draw_tightened(ax, shown, paths, spec)
    draw_notation(ax, paths, [f for f in invariance if f.estimator == spec])
    if legend:
        draw_legend(ax, shown, paths, marks, width, spec)
    if caveats.warnings:
        room = max(30, int((width + 40) / 3.5))
        ax.set_title(
            "\n".join(textwrap.fill(style.drawable(w), room) for w in caveats.warnings),
            fontsize=6.5,
            loc="left",
            color=style.VERDICT_COLOURS["fault"],
        )
    label_up(ax, shown, paths, spec)
    number_ends(ax, paths)
    return ax


def _draw_path(
    ax: Axes, path: Trajectory, k: int, norm: Normalize, colours: Colormap
) -> LineCollection | None:
    points = np.column_stack([path.x, path.y])
    lines = None
    if len(points) > 1:
        segments = np.stack([points[:-1], points[1:]], axis=1)
        lines = LineCollection(
            list(segments), cmap=colours, norm=norm, linewidths=1.1, alpha=0.85, zorder=2
        )
        lines.set_array(np.asarray(path.steps[1:], dtype=float))
        lines.set_gid(f"path-{k}")
        ax.add_collection(lines)
    tone = colours(norm(np.asarray(path.steps, dtype=float)))
    full = np.asarray(path.saturated)
    hollow = full | np.asarray(path.sparse or [False] * len(path.x))
    faces = np.where(hollow[:, None], np.ones(4), tone)
    x, y = points.T
    ax.scatter(x, y, s=7, c=faces, edgecolors=tone, linewidths=0.6, zorder=3, gid=f"points-{k}")
    if full.any():
        ax.scatter(
            x[full],
            y[full],
            s=5,
            c=tone[full],
            marker="x",
            linewidths=0.4,
            zorder=3,
            gid=f"crosses-{k}",
        )
    if path.null is not None:
        ax.plot(
            [path.x[-1]] * 2,
            path.null,
            color="#8a8a8a",
            lw=3,
            alpha=0.7,
            solid_capstyle="butt",
            zorder=1,
            gid=f"null-{k}",
        )
    ax.plot(
        path.x[0],
        path.y[0],
        marker="o",
        ms=6.5,
        mfc="none",
        mec="#444444",
        mew=0.8,
        ls="none",
        zorder=4,
        gid=f"first-{k}",
    )
    ax.plot(
        path.x[-1],
        path.y[-1],
        marker=style.marker(k),
        ms=6.5,
        mfc="white" if hollow[-1] else tone[-1],
        mec="black",
        mew=0.8,
        ls="none",
        zorder=5,
        gid=f"last-{k}",
    )
    return lines
