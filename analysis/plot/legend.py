"""The legend of a plane: its layers, then its marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.legend import Legend as MatplotlibLegend
from matplotlib.lines import Line2D

from infoplane.analysis.plot import style
from infoplane.analysis.plot.depth import Depth
from infoplane.analysis.plot.labels import layer_labels, named, numbered_names, short_names
from infoplane.analysis.plot.marks import MARKS
from infoplane.plane import Plane

MOST_NAMED = {"page": 24, "column": 12}
"""Layers in a legend, and with a number beside their mark: more would leave the plane itself no
room.
"""
SHAPE = 0.6
"""Least height of a plane as a share of its width; a figure that is ours grows for the legend."""
_LETTER, _HANDLE = 3.9, 24.0
"""Points that a letter of a legend takes, and that the sign before the words takes."""
_FEW = {"page": 8, "column": 6}
"""Layers whose names are written out; names of more are cut, so that they stand in more columns."""
_WIDE, _CUT = 24, {"page": 15, "column": 11}
"""Letters of a name that is written out, and of one that is cut."""

DEPTH_LINE = {"color": "#9a9a9a", "lw": 0.7, "ls": (0, (2, 2))}
"""Look of the line from block to block at the last checkpoint."""


@dataclass(frozen=True)
class Legend:
    """What a legend lists.

    Attributes:
        layers: names of the layers that are drawn, in order.
        marks: keys of `MARKS`.
        flags: entries of the findings that are drawn.
        depth: the layers by depth, where they are drawn so.
    """

    layers: Sequence[str]
    marks: Sequence[str]
    flags: Sequence[Line2D] = ()
    depth: Depth | None = None


def named_layers(ax: Axes, count: int, depth: Depth | None = None) -> list[int]:
    """Return the places of layers with a name in the legend and a number at their mark."""
    most = MOST_NAMED[_size(ax)]
    return named(count, most) if depth is None else depth.marked(most)


def _size(ax: Axes) -> str:
    return "column" if style.is_narrow(ax) else "page"


def draw_legend(ax: Axes, plane: Plane, legend: Legend, width: float, spec: str = "") -> None:
    """Draw a legend under the labels of an Axes.

    Args:
        ax: the Axes.
        plane: knows the reductions of the layers.
        legend: what it lists.
        width: of the Axes, in points.
        spec: the estimator that is drawn.
    """
    entries = legend_entries(ax, plane, legend, spec)
    lines = ax.get_xlabel().count("\n") + 1
    columns = _columns(ax, entries, width)
    while True:
        box = ax.legend(
            handles=entries,
            loc="upper center",
            bbox_to_anchor=(0.5, 0),
            bbox_transform=style.below(ax, 20 + 11 * lines),
            ncols=columns,
            handletextpad=0.3,
            columnspacing=1.0,
            borderaxespad=0,
        )
        if columns == 1 or not _pushes(ax, box):
            break
        columns -= 1
    for text in box.get_texts():
        text.set_parse_math(False)


def _pushes(ax: Axes, box: MatplotlibLegend) -> bool:
    """Return whether a legend is too wide for a narrow Axes.

    The step scale would move away from it.
    """
    if not style.is_narrow(ax):
        return False
    return float(box.get_window_extent().width) > 1.12 * float(ax.get_window_extent().width)


def keep_shape(ax: Axes) -> None:
    """Let the figure of an Axes grow until the Axes is at least `SHAPE` times as high as wide."""
    figure = style.figure_of(ax)
    for _ in range(3):  # a layout gives back a part of what a figure grows by
        style.settle(figure)
        box = ax.get_window_extent()
        missing = SHAPE * box.width - box.height
        if missing < 2:
            return
        figure.set_figheight(figure.get_figheight() + missing / figure.dpi)


def legend_entries(ax: Axes, plane: Plane, legend: Legend, spec: str = "") -> list[Line2D]:
    """Return the entries of a legend; of many layers, as many as the figure has room for."""
    if legend.depth is not None:
        layers = _of_parts(legend.depth)
    else:
        layers = _of_layers(ax, plane, legend.layers, spec)
    return [*layers, *_of_marks(legend.marks), *legend.flags]


def _of_layers(ax: Axes, plane: Plane, layers: Sequence[str], spec: str) -> list[Line2D]:
    letters = _WIDE if len(layers) <= _FEW[_size(ax)] else _CUT[_size(ax)]
    labels = layer_labels(plane, layers, letters, estimator=spec)
    words = [style.drawable(text) for text in numbered_names(layers, labels)]
    chosen = named_layers(ax, len(layers))
    entries = [_of_layer(index, words[index]) for index in chosen]
    if len(chosen) < len(layers):
        entries.append(
            Line2D([], [], ls="none", label=f"{len(chosen)} of {len(layers)} layers named")
        )
    return entries


def _of_parts(depth: Depth) -> list[Line2D]:
    """Return the shapes of the parts of a block, and of the layers around the blocks."""
    words = short_names(depth.parts)
    entries = [_of_layer(shape, style.drawable(text)) for shape, text in enumerate(words)]
    if depth.stream():
        entries.append(Line2D([], [], label="path through the depth", **DEPTH_LINE))  # type: ignore[arg-type]  # keywords of a line
    return entries


def _of_layer(index: int, words: str) -> Line2D:
    look = {"ls": "none", "ms": 5.5, "mfc": "#9aa7b0", "mec": "black", "mew": 0.7}
    return Line2D([], [], marker=style.marker(index), label=words, **look)  # type: ignore[arg-type]  # keywords of a line


def _of_marks(keys: Sequence[str]) -> list[Line2D]:
    return [Line2D([], [], label=MARKS[key].meaning, **MARKS[key].look) for key in keys]


def draw_marks(ax: Axes, keys: Sequence[str]) -> None:
    """Draw a legend of marks alone, in a line above an Axes; nothing where there are none."""
    if keys:
        ax.legend(
            handles=_of_marks(keys),
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=len(keys),
            handletextpad=0.4,
            borderaxespad=0.1,
        )


def _columns(ax: Axes, entries: Sequence[Line2D], width: float) -> int:
    """Return how many columns fit: at most four, and none of fewer than three entries."""
    widest = max(len(str(entry.get_label())) for entry in entries)
    room = min(width + 90, 68.0 * style.figure_of(ax).get_figwidth())
    fits = int(room / (_LETTER * widest + _HANDLE))
    return max(1, min(4, fits, (len(entries) + 2) // 3))
