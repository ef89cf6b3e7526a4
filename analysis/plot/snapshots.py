"""The plane as its first authors drew it: one line through the layers per checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from infoplane.analysis.plot import style
from infoplane.analysis.plot.frame import (
    draw_frame,
    draw_heading,
    draw_step_scale,
    label_across,
    label_up,
    number_ends,
    place_ceiling_name,
)
from infoplane.analysis.plot.labels import ceilings_of, choose_estimator
from infoplane.analysis.plot.layout import settle
from infoplane.analysis.plot.legend import Legend, draw_legend
from infoplane.analysis.plot.names import layer_marks
from infoplane.analysis.plot.plane import axes_labels
from infoplane.analysis.plot.step_axis import step_norm
from infoplane.analysis.plot.tones import colour_map, marker
from infoplane.analysis.plot.trajectory import Trajectory, not_drawn, require_paths, steps_of
from infoplane.analysis.plot.view import View
from infoplane.plane import Plane


@style.styled
def plot_snapshots(
    plane: Plane,
    *,
    estimator: str | None = None,
    sense: str | None = None,
    ax: Axes | None = None,
    log: bool | None = None,
    view: View | None = None,
) -> Axes:
    """Draw the plane as Shwartz-Ziv and Tishby (2017, arXiv 1703.00810).

    Each checkpoint is one line through all layers; the last one has their shapes and numbers.

    Args:
        plane: what was measured.
        estimator: spec to draw; None takes the plane's first.
        sense: exact, point, upper or lower; None takes the first that is present.
        ax: where to draw; None makes a new pyplot figure.
        log: logarithmic step colours; None decides from the steps.
        view: title, unit and limits.

    Raises:
        InputError: an unknown estimator, or no layer with both I(X;Z) and I(Z;Y).
    """
    spec = choose_estimator(plane, estimator)
    paths = require_paths(plane, spec, sense)
    of_reader = ax is not None
    ax, view = style.new_axes(ax), view or View()
    steps = steps_of(paths)
    _draw_lines(ax, paths, steps, log)
    draw_frame(ax, ceilings_of(plane, spec), paths, view)
    scale = draw_step_scale(ax, steps, log) if len(steps) > 1 else None
    draw_heading(ax, view.title)
    across, up = axes_labels(plane, paths[0], spec)
    settle(style.figure_of(ax))
    label_across(ax, view.text(across), scale)
    listed = Legend(plane.layers, (), missing=not_drawn(plane, spec, paths))
    places = draw_legend(ax, plane, listed, spec, cut=of_reader)
    label_up(ax, view.text(up))
    place_ceiling_name(ax, paths)
    number_ends(ax, paths, places, layer_marks(plane.layers))
    return ax


def _draw_lines(
    ax: Axes, paths: Sequence[Trajectory], steps: Sequence[int], log: bool | None
) -> None:
    """Draw one line and its points per checkpoint."""
    norm, colours = step_norm(steps, log), colour_map()
    joined = []
    for step in steps:
        found = [path.at(step) for path in paths]
        points = [point for point in found if point is not None]
        joined.append(points)
        tone = colours(norm(step))
        ax.plot(*zip(*points, strict=True), "o", ms=3, color=tone, gid=f"step-{step}")
    lines = LineCollection(
        joined,
        cmap=colours,
        norm=norm,
        array=steps,
        linewidths=0.8,
        alpha=0.7,
        gid="snapshots",
    )
    ax.add_collection(lines)
    for path in paths:
        ax.plot(
            *path.end,
            marker(path.place),
            ms=5,
            mfc=colours(norm(path.steps[-1])),
            mec="black",
            mew=0.7,
            gid=f"last-{path.place}",
        )
