"""The frame of a plane.

Limits, reference lines, axis labels, step scale, heading, marks beside the last points.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.text import Annotation

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable, wrap_label
from infoplane.analysis.plot.labels import Ceilings, ceiling_text
from infoplane.analysis.plot.layout import below, height_points, settle, width_points
from infoplane.analysis.plot.marks import MARKS
from infoplane.analysis.plot.place import place_labels
from infoplane.analysis.plot.step_axis import step_norm, step_text, step_ticks
from infoplane.analysis.plot.tones import VERDICT_COLOURS, colour_map
from infoplane.analysis.plot.trajectory import Trajectory
from infoplane.analysis.plot.view import View
from infoplane.plane import Ceiling
from infoplane.types.estimate import saturation_width

_SIDES = {"left": 0.01, "right": 0.99, "center": 0.5}
"""Where the name of a ceiling stands, as shares of the Axes, the best first."""
RING = 3.5
"""Points from the centre of a first mark to what stands clear of it."""
SMALLEST = 6.0
"""Points of the smallest letters of a label."""
_LINE: style.Look = {"color": "#555555", "lw": 0.8, "ls": "--", "zorder": 0}
_NOTE: style.Look = {
    "fontsize": 6.5,
    "color": "#444444",
    "parse_math": False,
    "annotation_clip": True,
    "textcoords": "offset points",
}


def draw_frame(
    ax: Axes,
    ceilings: Ceilings,
    paths: Sequence[Trajectory],
    view: View,
    *,
    proved_bits: float = 0.0,
) -> None:
    """Draw limits, reference lines and the saturated band.

    Args:
        ax: where to draw.
        ceilings: what no estimate can honestly exceed, across and up.
        paths: what the limits must hold.
        view: title, unit and limits as asked for.
        proved_bits: what the predictions prove of I(Z;Y), in bits; 0 where nothing is known.
    """
    _set_limits(ax, ceilings, paths, view)
    view.set_limits(ax)
    _draw_ceiling_across(ax, ceilings["i_xz"], view)
    draw_ceiling_up(ax, ceilings["i_zy"], view)
    if proved_bits > 0:
        ax.axhline(proved_bits, zorder=0, gid="floor", **MARKS["floor"].look)
    view.set_ticks(ax.xaxis, ax.yaxis)


def _set_limits(ax: Axes, ceilings: Ceilings, paths: Sequence[Trajectory], view: View) -> None:
    """Limits from 0 to the ceilings, or to the data where those are farther out.

    Around the data alone where asked.
    """
    across, up = [], []
    for path in paths:
        path_across, path_up = path.extent()
        across += path_across
        up += path_up
    if not view.fit:
        across += [0.0, ceilings["i_xz"].bits or 0.0]
        up += [0.0, ceilings["i_zy"].bits or 0.0]
    ax.set_xlim(with_margins(across, 0.03, 0.06))
    ax.set_ylim(with_margins(up, 0.04, 0.09))


def with_margins(values: Sequence[float], below: float, above: float) -> tuple[float, float]:
    """Return limits around values with margins as shares of their span.

    They are those of one bit where there is one value.

    Args:
        values: what the limits hold.
        below, above: margins, as shares of the span.
    """
    low, high = min(values), max(values)
    span = high - low or 1.0
    return low - below * span, high + above * span


def _draw_ceiling_across(ax: Axes, ceiling: Ceiling, view: View) -> None:
    if ceiling.bits is None:
        return
    ax.axvline(ceiling.bits, gid="log2n", **_LINE)
    ax.axvspan(
        ceiling.bits - saturation_width(ceiling.bits),
        ceiling.bits,
        color="#bbbbbb",
        alpha=0.25,
        lw=0,
        zorder=0,
        gid="saturated",
    )
    left, right = ax.get_xlim()
    beyond = ceiling.bits < right - 0.05 * (right - left)  # room beyond the line, clear of marks
    ax.annotate(
        ceiling_text(ceiling, view.unit),
        (ceiling.bits, 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(2 if beyond else -3, 0),
        rotation=90,
        ha="left" if beyond else "right",
        va="bottom",
        **_NOTE,
    )


def draw_ceiling_up(ax: Axes, ceiling: Ceiling, view: View, *, gid: str = "hy") -> None:
    """Draw the ceiling of a quantity that goes up as a dashed line with its name.

    Nothing where it is not known.

    Args:
        ax: where to draw.
        ceiling: its name, and its height in bits.
        view: the unit of the words.
        gid: id of the line.
    """
    if ceiling.bits is None:
        return
    ax.axhline(ceiling.bits, gid=gid, **_LINE)
    ax.annotate(
        ceiling_text(ceiling, view.unit),
        (0.01, ceiling.bits),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        ha="left",
        va="bottom",
        gid="ceiling",
        **_NOTE,
    )


def place_ceiling_name(ax: Axes, paths: Sequence[Trajectory] = ()) -> None:
    """Move the name of a ceiling to where it covers the fewest points: a side, or the middle.

    It goes under its line where the Axes has no room above it.

    Args:
        ax: the Axes.
        paths: whose points are not to be covered.
    """
    top = ax.get_window_extent().y1
    ends = [np.column_stack([path.x, path.y]) for path in paths]  # (steps, 2)
    points = ax.transData.transform(np.concatenate([np.empty((0, 2)), *ends]))
    for text in ax.texts:
        if not isinstance(text, Annotation) or text.get_gid() != "ceiling":
            continue
        if text.get_window_extent().y1 > top:
            text.set(va="top", position=(0, -2))
        covered = {}
        for side, share in _SIDES.items():
            text.set(ha=side)
            text.xy = (share, text.xy[1])
            box = text.get_window_extent().padded(4 * style.figure_of(ax).dpi / 72)
            covered[side] = sum(box.contains(*point) for point in points)
        best = min(covered, key=lambda side: covered[side])
        text.set(ha=best)
        text.xy = (_SIDES[best], text.xy[1])


def label_across(ax: Axes, text: str, scale: Axes | None = None) -> None:
    """Write the label of the flat axis, broken to the width of the Axes.

    The width is known once it is laid out with the step scale beside it.

    Args:
        ax: laid out already.
        text: the label.
        scale: the step scale beside the Axes, over which the label may reach.
    """
    extent, beside = ax.get_window_extent(), None if scale is None else scale.get_tightbbox()
    room = ((beside or extent).x1 - extent.x0) / style.figure_of(ax).dpi * 72
    ax.set_xlabel(wrap_label(text, int(room / 4.2)), parse_math=False)


def fit_labels_across(axes: Sequence[Axes]) -> None:
    """Break the labels of neighbouring flat axes again where one is wider than its Axes."""
    settle(style.figure_of(axes[0]))
    for ax in axes:
        text = ax.get_xlabel().replace("\n", " ")
        widest = ax.xaxis.label.get_window_extent().width
        if text and widest > ax.get_window_extent().width:
            lines = ax.get_xlabel().split("\n")
            letters = max(map(len, lines)) * ax.get_window_extent().width / widest
            ax.set_xlabel(wrap_label(text, int(letters)), parse_math=False)


def label_up(ax: Axes, text: str) -> None:
    """Write the label of the upright axis, broken to the height that legend and title have left.

    Its letters are smaller where a formula is longer than that.
    """
    settle(style.figure_of(ax))
    label = ax.set_ylabel(wrap_label(text, int(height_points(ax) / 4.4)), parse_math=False)
    room = 1.2 * ax.get_window_extent().height / label.get_window_extent().height
    if room < 1:
        label.set_fontsize(max(SMALLEST, room * float(label.get_fontsize())))


def draw_heading(
    ax: Axes, title: str, warnings: Sequence[str] = (), width: float | None = None
) -> None:
    """Write what a reader must know first above an Axes, and the title above that.

    Args:
        ax: the Axes.
        title: words; none when empty.
        warnings: sentences, each on lines of its own.
        width: that the words may take, in points; the width of the Axes when left out.
    """
    if not title and not warnings:
        return
    room = max(30, int((width or width_points(ax)) / 3.5))
    lines = [textwrap.fill(drawable(sentence), room) for sentence in warnings]
    words = "\n".join(lines)
    if words:
        red = VERDICT_COLOURS["fault"]
        ax.set_title(words, fontsize=6.5, loc="left", color=red, parse_math=False)
    if title:
        above = 4 + (9 * (words.count("\n") + 1) if words else 0)
        words = textwrap.fill(drawable(title), max(24, int(0.75 * room)))
        heading = ax.set_title(words, x=0, y=1, ha="left", color="black", parse_math=False)
        heading.set_transform(below(ax, -above))  # points: a layout may change the height


def draw_step_scale(ax: Axes, steps: Sequence[int], log: bool | None) -> Axes:
    """Draw the scale of step colours beside an Axes; returns the Axes of the scale.

    Args:
        ax: the Axes.
        steps: that are drawn.
        log: logarithmic colours; None decides from the steps.
    """
    colours = ScalarMappable(step_norm(steps, log), colour_map())
    bar = style.figure_of(ax).colorbar(colours, ax=ax, pad=0.02, fraction=0.045, aspect=28)
    ticks = step_ticks(steps, log)
    bar.set_ticks(ticks, labels=list(map(step_text, ticks)))
    bar.minorticks_off()
    bar.outline.set_linewidth(0.4)
    bar.set_label("training step")
    return bar.ax


def number_ends(
    ax: Axes, paths: Sequence[Trajectory], chosen: Sequence[int], marks: Sequence[str]
) -> None:
    """Write what tells a layer beside its last mark, moved aside where they collide.

    Args:
        ax: the Axes.
        paths: what is drawn.
        chosen: places of the layers that are numbered.
        marks: of all layers of the picture, `infoplane.analysis.plot.names.layer_marks`.
    """
    numbered = [path for path in paths if path.place in chosen]
    figure = style.figure_of(ax)
    settle(figure)  # the layout must be settled before pixels mean anything
    scale = figure.dpi / 72
    ends = [path.end for path in numbered]
    anchors = [tuple(ax.transData.transform(end) / scale) for end in ends]
    sizes = [(4.6 * len(marks[path.place]) + 1, 7.5) for path in numbered]
    extent = ax.get_window_extent()
    frame = (extent.x0 / scale, extent.y0 / scale, extent.x1 / scale, extent.y1 / scale)
    words = [tuple(np.array(text.get_window_extent().extents) / scale) for text in ax.texts]
    for path in paths:
        x, y = ax.transData.transform((path.x[0], path.y[0])) / scale
        words.append((x - RING, y - RING, x + RING, y + RING))
    centres = place_labels(anchors, sizes, frame, obstacles=words)
    for path, (x, y), centre in zip(numbered, anchors, centres, strict=True):
        if extent.contains(x * scale, y * scale):
            shift = (centre[0] - x, centre[1] - y)
            _draw_number(ax, marks[path.place], path.end, shift, f"number-{path.place}")


def _draw_number(
    ax: Axes, text: str, end: tuple[float, float], shift: tuple[float, float], gid: str
) -> None:
    """Write a layer's mark ``shift`` points from its end, joined to it where it is far."""
    line = {"arrowstyle": "-", "lw": 0.4, "color": "#888888", "shrinkA": 3, "shrinkB": 3}
    ax.annotate(
        text,
        end,
        xytext=shift,
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=7,
        color="black",
        zorder=7,
        gid=gid,
        arrowprops=line if float(np.hypot(*shift)) > 11 else None,
    )
