"""The information plane: one trajectory per layer, coloured by training step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from infoplane.analysis.caveats import Caveats, caveats_of
from infoplane.analysis.plot import style
from infoplane.analysis.plot.depth import Depth, depth_of
from infoplane.analysis.plot.draw_path import draw_path, mark_points
from infoplane.analysis.plot.fonts import drawable
from infoplane.analysis.plot.frame import (
    draw_frame,
    draw_heading,
    draw_step_scale,
    label_across,
    label_up,
    number_ends,
    place_ceiling_name,
)
from infoplane.analysis.plot.labels import Ceilings, ceilings_of, choose_estimator, short_axis
from infoplane.analysis.plot.layout import is_narrow, width_points
from infoplane.analysis.plot.legend import (
    DEPTH_LINE,
    Legend,
    draw_legend,
    keep_shape,
    layers_to_name,
)
from infoplane.analysis.plot.marks import marks_of
from infoplane.analysis.plot.names import layer_marks
from infoplane.analysis.plot.overlays import draw_flag, draw_notation, draw_raised
from infoplane.analysis.plot.step_axis import step_norm
from infoplane.analysis.plot.tones import colour_map
from infoplane.analysis.plot.trajectory import (
    Trajectory,
    flag_segments,
    not_drawn,
    require_paths,
    steps_of,
)
from infoplane.analysis.plot.view import View
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
    steps: Sequence[int] = (),
    colour_bar: bool = True,
    legend: bool = True,
    invariance: Sequence[Invariance] = (),
    caveats: Caveats | None = None,
    view: View | None = None,
    grow: bool | None = None,
) -> Axes:
    """Draw the information plane of one estimator.

    One trajectory per layer, coloured by step (log scale where the steps span decades); a small
    open ring at the first checkpoint, the layer's own shape at the last. Bars are 95 % intervals
    where the estimates have them. Saturated points are hollow and crossed, points with coverage
    below 0.95 hollow; the saturated band is shaded. A grey bar at a last mark is the band of
    shuffled labels, a dotted line what the predictions prove. What a reader must know first stands
    above the axes in words. Findings of ``report`` with a verdict in ``flags`` are segments between
    the two layers at that checkpoint; ``not comparable`` is never drawn. Where rows are tokens and
    layers those of blocks, a shape is a part of a block and a number its depth, and a thin line
    leads from block to block. The definition of both axes is in
    `infoplane.analysis.plot.caption_of`.

    Args:
        plane: what was measured.
        report: the DPI check; None draws no flags.
        ax: where to draw; None makes a new pyplot figure.
        estimator: spec to draw; None takes the plane's first.
        sense: exact, point, upper or lower; None takes the first that is present.
        layers: layer names to draw; None draws all.
        flags: verdicts to mark.
        log: logarithmic step colours; None decides from the steps.
        steps: checkpoints that the colours span, for planes that are compared; those that are drawn
            when left out.
        colour_bar: whether to add the step scale (off for small multiples).
        legend: whether to list the layers and marks.
        invariance: results of `infoplane.invariance`: the invariance error, what notation alone can
            move, as a band around a layer's last mark.
        caveats: what a reader must know, from `infoplane.analysis.caveats.caveats_of`;
            None takes what the plane alone shows.
        view: title, unit and limits.
        grow: whether the figure becomes higher where a long legend would flatten the plane; None
            does so for a figure of its own.

    Returns:
        The Axes.

    Raises:
        InputError: empty plane, unknown estimator or layer, or no layer with both I(X;Z) and
            I(Z;Y).

    Example:
        ``plot_plane(plane, view=View(title="MNIST", unit="nats", fit=True))``
    """
    spec = choose_estimator(plane, estimator)
    shown = plane.select(layer=layers, estimator=spec)
    paths = require_paths(plane.select(layer=layers), spec, sense)
    known = caveats or caveats_of(shown, spec, open_run=False)
    notation = [found for found in invariance if found.estimator == spec]
    depth = depth_of(shown, shown.layers)
    canvas = Canvas(style.new_axes(ax), view or View(), log, steps, colour_bar, depth=depth)
    canvas.draw(paths, ceilings_of(shown, spec), known, axes_labels(shown, paths[0], spec))
    segments = flag_segments(paths, report, spec, flags)
    flagged = [draw_flag(canvas.ax, verdict, pairs) for verdict, pairs in segments.items()]
    draw_raised(canvas.ax, paths, known.raised_bits)
    draw_notation(canvas.ax, paths, notation)
    places = layers_to_name(canvas.ax, len(shown.layers), depth)
    if legend:
        grows = ax is None if grow is None else grow
        drawn = {path.layer for path in paths}
        moved = any(found.layer in drawn for found in notation)
        marks, missing = marks_of(paths, known, notation=moved), not_drawn(shown, spec, paths)
        listed = Legend(shown.layers, marks, flagged, depth, missing=missing)
        places = draw_legend(canvas.ax, shown, listed, spec, cut=not grows)
        if grows:
            keep_shape(canvas.ax)
    canvas.finish(paths, known, places, shown.layers)
    return canvas.ax


def axes_labels(plane: Plane, path: Trajectory, spec: str) -> tuple[str, str]:
    """Return the labels of the axes, across and up, on which a path of this estimator stands.

    Args:
        plane: what was measured.
        path: tells which bounds are drawn.
        spec: of the estimator.
    """
    across, up = path.senses
    return short_axis(plane, "i_xz", spec, across), short_axis(plane, "i_zy", spec, up)


@dataclass
class Canvas:
    """An Axes on which paths are drawn.

    First the paths and their frame, then what lies over them, last the words above.

    Attributes:
        ax: the Axes.
        view: title, unit and limits.
        log: logarithmic step colours; None decides from the steps.
        steps: that the colours span; those of the paths when left out.
        colour_bar: whether the step scale stands beside the Axes.
        width: of the Axes in points, once paths are drawn.
        labels: of the two axes.
        depth: the layers by depth; None numbers them in order.
    """

    ax: Axes
    view: View
    log: bool | None = None
    steps: Sequence[int] = ()
    colour_bar: bool = True
    width: float = 0.0
    labels: tuple[str, str] = ("", "")
    depth: Depth | None = None

    def draw(
        self,
        paths: Sequence[Trajectory],
        ceilings: Ceilings,
        caveats: Caveats,
        labels: tuple[str, str],
    ) -> None:
        """Draw paths, frame, step scale and the label across.

        Args:
            paths: of the layers.
            ceilings: across and up.
            caveats: know what the predictions prove.
            labels: of the axes, across and up.
        """
        steps = self.steps or steps_of(paths)
        norm, colours = step_norm(steps, self.log), colour_map()
        size = mark_points(len(paths))
        for path in paths:
            shape = path.place if self.depth is None else self.depth.shape(path.place)
            draw_path(self.ax, path, path.place, norm, colours, size=size, shape=shape)
        stream = [] if self.depth is None else self.depth.stream()
        ends = [path.end for path in paths if path.place in stream]
        if len(ends) > 1:
            self.ax.plot(*zip(*ends, strict=True), zorder=1.2, gid="depth", **DEPTH_LINE)  # type: ignore[arg-type]  # keywords of a line
        draw_frame(self.ax, ceilings, paths, self.view, proved_bits=caveats.lower_bound_bits)
        scale = None
        self.colour_bar = self.colour_bar and len(steps) > 1
        if self.colour_bar:
            scale = draw_step_scale(self.ax, steps, self.log)
        self.width = width_points(self.ax)
        self.labels = (self.view.text(labels[0]), self.view.text(labels[1]))
        label_across(self.ax, self.labels[0], scale)
        if is_narrow(self.ax):  # a legend must know how much room the other label takes
            label_up(self.ax, self.labels[1])
            self.width = width_points(self.ax)

    def finish(
        self,
        paths: Sequence[Trajectory],
        caveats: Caveats,
        numbered: Sequence[int],
        layers: Sequence[str],
    ) -> None:
        """Write heading, label up and numbers, which need the room that the legend has left.

        Args:
            paths: what is drawn.
            caveats: what is written above.
            numbered: places of the layers whose last marks are numbered.
            layers: names of all layers of the picture.
        """
        room = self.width + (
            40 if self.colour_bar else -10
        )  # beside a scale words may reach over it
        draw_heading(self.ax, self.view.title, caveats.warnings, room)
        label_up(self.ax, self.labels[1])
        place_ceiling_name(self.ax, paths)
        marks = layer_marks(layers)
        if self.depth is not None:
            marks = [drawable(place.mark) for place in self.depth.places]
        number_ends(self.ax, paths, numbered, marks)
