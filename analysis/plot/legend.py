"""The legend of a plane: its layers, then its marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.legend import Legend as MatplotlibLegend
from matplotlib.lines import Line2D

from infoplane.analysis.plot import style
from infoplane.analysis.plot.depth import Depth
from infoplane.analysis.plot.fonts import drawable, drawable_short_names
from infoplane.analysis.plot.layout import below, is_narrow, settle
from infoplane.analysis.plot.marks import MARKS
from infoplane.analysis.plot.names import layer_labels, named, numbered_names
from infoplane.analysis.plot.small import plain_legend
from infoplane.analysis.plot.tones import layer_tone, marker, pale
from infoplane.plane import Plane

MOST_NAMED = {"page": 24, "column": 12}
"""Layers in a legend, and with a number beside their mark: more would leave the plane itself no
room.
"""
SHAPE = 0.6
"""Least height of a plane as a share of its width; a figure that is ours grows for the legend."""
SHARE = 0.55
"""Most of the height of an Axes that a legend takes from a figure that must not grow."""
_UP = 18.0
"""Points at either side of a page that are left for the label of the upright axis."""
_MARGIN = 0.1
"""Inches between a legend and the left edge of a narrow figure."""
_FEW = {"page": 8, "column": 6}
"""Layers whose names are written out; names of more are cut, so that they stand in more columns."""
_WIDE, _CUT = 24, {"page": 15, "column": 13}
"""Letters of a name that is written out, and of one that is cut."""

DEPTH_LINE = {"color": "#9a9a9a", "lw": 0.7, "ls": (0, (2, 2))}
"""Look of the line from block to block at the last checkpoint."""


@dataclass(frozen=True)
class Legend:
    """What a legend lists.

    Attributes:
        layers: names of the layers of the picture, in order.
        marks: keys of `MARKS`.
        flags: entries of the findings that are drawn.
        depth: the layers by depth, where they are drawn so.
        bands: whether every layer has a band of its own colour.
        missing: by layer what keeps it from being drawn.
    """

    layers: Sequence[str]
    marks: Sequence[str]
    flags: Sequence[Line2D] = ()
    depth: Depth | None = None
    bands: bool = False
    missing: Mapping[str, str] = field(default_factory=dict)


def layers_to_name(ax: Axes, count: int, depth: Depth | None = None, *, most: int = 0) -> list[int]:
    """Return places of the layers with a name in the legend and a number at their mark.

    Args:
        ax: the Axes, narrow or wide.
        count: layers that are drawn.
        depth: the layers by depth, where they are drawn so.
        most: layers that have a name; 0 takes `MOST_NAMED`.
    """
    most = most or MOST_NAMED[_size(ax)]
    return named(count, most) if depth is None else depth.marked(most)


def _size(ax: Axes) -> str:
    return "column" if is_narrow(ax) else "page"


def draw_legend(ax: Axes, plane: Plane, legend: Legend, spec: str, *, cut: bool) -> list[int]:
    """Draw a legend under the labels of an Axes; returns the places of the layers that it names.

    Args:
        ax: the Axes, laid out already.
        plane: knows the reductions of the layers.
        legend: what it lists.
        spec: the estimator that is drawn.
        cut: whether fewer layers are named where the legend would take too much of the Axes; there
            is none where it would even so.
    """
    room = SHARE * ax.get_window_extent().height
    most = MOST_NAMED[_size(ax)]
    while True:
        places = layers_to_name(ax, len(legend.layers), legend.depth, most=most)
        box = _place(ax, legend_entries(plane, legend, places, spec, _size(ax)))
        if not cut or box.get_window_extent().height <= room:
            return places
        if most == 2:  # a plane without legend is read, one without room is not
            box.remove()
            return places
        most = max(2, min(most, len(places)) - 2)


def _place(ax: Axes, entries: Sequence[Line2D]) -> MatplotlibLegend:
    """Draw entries in as many columns as fit: at most four, none of fewer than three entries.

    In a narrow figure it may reach under the labels at the left, but hardly beyond the Axes at the
    right: the step scale would move away from it. It is centred there only where it fits with room
    to spare, since labels that are wrapped later make the Axes narrower.
    """
    lines = ax.get_xlabel().count("\n") + 1
    most = max(1, min(4, (len(entries) + 2) // 3))
    narrow, extent = is_narrow(ax), ax.get_window_extent()
    figure = style.figure_of(ax)
    others = [other for other in figure.axes if other is not ax]
    alone = all(other.get_label() == "<colorbar>" for other in others)
    outside = min(extent.x0, figure.bbox.x1 - extent.x1) - _UP * figure.dpi / 72
    room = extent.width + 2 * outside if alone and not narrow else 1.12 * extent.width
    if narrow and alone:
        room = 0.9 * extent.width
    for columns in range(most, 0, -1):
        look: style.Look = {
            "bbox_transform": below(ax, 20 + 11 * lines),
            "ncols": columns,
            "handletextpad": 0.3,
            "columnspacing": 0.7 if narrow else 1.0,
            "handlelength": 1.5 if narrow else 2.0,
            "borderaxespad": 0,
        }
        box = plain_legend(ax, entries, loc="upper center", bbox_to_anchor=(0.5, 0), **look)
        reach = box.get_window_extent().width
        if reach <= room:
            break
        if not narrow:
            continue
        box = plain_legend(ax, entries, loc="upper right", bbox_to_anchor=(1.06, 0), **look)
        if reach <= 0.06 * extent.width + extent.x1 - _MARGIN * figure.dpi:
            break
    return box


def keep_shape(ax: Axes) -> None:
    """Let the figure of an Axes grow until the Axes is at least `SHAPE` times as high as wide."""
    figure = style.figure_of(ax)
    least = SHAPE * ax.get_window_extent().width
    legend = ax.get_legend()
    if legend is not None:
        least += legend.get_window_extent().height
    if figure.bbox.height < least:  # no layout fits before there is this much room
        figure.set_figheight(least / figure.dpi)
    for _ in range(3):  # a layout gives back a part of what a figure grows by
        settle(figure)
        box = ax.get_window_extent()
        missing = SHAPE * box.width - box.height
        if missing < 2:
            return
        figure.set_figheight(figure.get_figheight() + missing / figure.dpi)


def legend_entries(
    plane: Plane, legend: Legend, places: Sequence[int], spec: str, size: str = "page"
) -> list[Line2D]:
    """Return the entries of a legend.

    Args:
        plane: knows the reductions of the layers.
        legend: what it lists.
        places: of the layers that have an entry.
        spec: the estimator that is drawn.
        size: ``page`` or ``column``, the width of the figure.
    """
    if legend.depth is not None:
        layers = _of_parts(legend.depth, _WIDE if size == "page" else _CUT[size])
        if legend.missing:
            share = f"{len(legend.missing)} of {len(legend.layers)} layers not drawn"
            layers.append(Line2D([], [], ls="none", label=share))
    else:
        letters = _WIDE if len(legend.layers) <= _FEW[size] else _CUT[size]
        labels = layer_labels(plane, legend.layers, letters, estimator=spec)
        words = [drawable(text) for text in numbered_names(legend.layers, labels)]
        for index, layer in enumerate(legend.layers):
            words[index] += f": {legend.missing[layer]}" if layer in legend.missing else ""
        layers = [_of_layer(index, words[index], band=legend.bands) for index in places]
        if len(places) < len(words):
            share = f"{len(places)} of {len(words)} layers named"
            layers.append(Line2D([], [], ls="none", label=share))
    return [*layers, *_of_marks(legend.marks), *legend.flags]


def _of_parts(depth: Depth, letters: int) -> list[Line2D]:
    """Return the shapes of the parts of a block, and of the layers around the blocks."""
    words = drawable_short_names(depth.parts, letters)
    entries = [_of_layer(shape, text) for shape, text in enumerate(words)]
    if depth.stream():
        entries.append(Line2D([], [], label="path through the depth", **DEPTH_LINE))  # type: ignore[arg-type]  # keywords of a line
    return entries


def _of_layer(index: int, words: str, *, band: bool = False) -> Line2D:
    look: style.Look = {"ls": "none", "ms": 5.5, "mfc": "#9aa7b0", "mec": "black", "mew": 0.7}
    if band:
        tone = pale(layer_tone(index))
        look |= {"ls": "-", "lw": 7, "color": tone, "solid_capstyle": "butt"}
    return Line2D([], [], marker=marker(index), label=words, **look)


def _of_marks(keys: Sequence[str]) -> list[Line2D]:
    return [Line2D([], [], label=MARKS[key].meaning, **MARKS[key].look) for key in keys]


def draw_marks(ax: Axes, keys: Sequence[str]) -> None:
    """Draw a legend of marks alone above an Axes, in a line where there is room for one."""
    for columns in range(len(keys), 0, -1):
        box = ax.legend(
            handles=_of_marks(keys),
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=columns,
            handletextpad=0.4,
            borderaxespad=0.1,
        )
        if box.get_window_extent().width <= ax.get_window_extent().width:
            return
