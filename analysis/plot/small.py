"""Small planes for many panels.

Trajectories in a colour per layer, without the marks and words of `plot_plane`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable_short_names
from infoplane.analysis.plot.layout import is_narrow
from infoplane.analysis.plot.names import named
from infoplane.analysis.plot.tones import Tone, colour_map, marker
from infoplane.analysis.plot.trajectory import trajectories
from infoplane.plane import Plane

LEAST_BITS = 0.05
_ENTRY = 11.5
"""Points that an entry of a legend takes."""


def layer_tones(layers: Sequence[str]) -> dict[str, Tone]:
    """Return a colour per layer, dark to light with depth."""
    tones = colour_map()(np.linspace(0, 1, len(layers)))  # (layers, 4)
    return dict(zip(layers, map(tuple, tones), strict=True))


def small_plane(ax: Axes, plane: Plane, spec: str) -> None:
    """Draw one line per layer, its own shape at the last checkpoint.

    Args:
        ax: where to draw.
        plane: what was measured.
        spec: of the estimator.
    """
    tones = layer_tones(plane.layers)
    paths = trajectories(plane, spec)
    if not paths:
        _write_missing(ax, plane, spec)
    for path in paths:
        index, tone = plane.layers.index(path.layer), tones[path.layer]
        ax.plot(path.x, path.y, "-", lw=0.9, color=tone, gid=f"path-{index}")
        ax.plot(
            *path.end,
            marker(index),
            color=tone,
            ms=4,
            mec="black",
            mew=0.4,
            gid=f"last-{index}",
        )


def _write_missing(ax: Axes, plane: Plane, spec: str) -> None:
    """Write into an empty panel what the estimator did not give."""
    given = {point.quantity for point in plane if point.estimator == spec}
    absent = [name for key, name in (("i_xz", "I(X;Z)"), ("i_zy", "I(Z;Y)")) if key not in given]
    words = "no " + " and no ".join(absent or ["layer has both I(X;Z) and I(Z;Y)"])
    ax.text(
        0.5,
        0.5,
        words,
        transform=ax.transAxes,
        ha="center",
        va="center",
        fontsize=7,
        color="black",
        gid="missing",
    )


def widen(ax: Axes) -> None:
    """Let axes of nearly equal values span a twentieth of a bit, or the last digit fills them."""
    for low, high, set_limits in ((*ax.get_xlim(), ax.set_xlim), (*ax.get_ylim(), ax.set_ylim)):
        missing = LEAST_BITS - (high - low)
        if missing > 0:
            set_limits(low - missing / 2, high + missing / 2)


def layer_handles(ax: Axes, layers: Sequence[str], *, marks: bool = True) -> list[Artist]:
    """Return legend entries of `layer_tones`, with the layers' shapes where panels draw them.

    Args:
        ax: tells how wide the figure is.
        layers: in order.
        marks: whether panels draw the shapes.
    """
    letters = 14 if is_narrow(ax) else 24
    names, tones = drawable_short_names(layers, letters), layer_tones(layers).values()
    entries: list[Artist] = []
    for index, (name, tone) in enumerate(zip(names, tones, strict=True)):
        entries += ax.plot(
            [],
            [],
            "-",
            color=tone,
            marker=marker(index) if marks else None,
            ms=4,
            mec="black",
            mew=0.4,
            label=name,
        )
    return entries


def plain_legend(
    target: Axes | FigureBase,
    handles: Sequence[Artist],
    *,
    loc: Any = "outside right center",  # Any: of matplotlib's legend
    **where: Any,
) -> Legend:
    """Draw a legend whose texts stand as they are: a ``$`` or ``_`` in a name means nothing.

    Beside a figure it has as many entries as fit.

    Args:
        target: the Axes or figure.
        handles: the entries.
        loc: where; at the right of a figure when left out.
        where: further keywords of matplotlib's legend.
    """
    shown = list(handles)
    if not loc.startswith(("outside lower", "upper", "lower")):
        figure = target if isinstance(target, FigureBase) else style.figure_of(target)
        fits = max(2, int(figure.bbox.height / figure.dpi * 72 / _ENTRY) - 1)  # type: ignore[attr-defined]  # of every figure
        shown = [handles[place] for place in named(len(handles), fits)]
    if len(shown) < len(handles):
        shown.append(Line2D([], [], ls="none", label=f"{len(shown)} of {len(handles)} named"))
    words = [str(entry.get_label()) for entry in shown]
    box = target.legend(handles=shown, labels=words, loc=loc, **where)
    for text in box.get_texts():
        text.set_parse_math(False)
    return box
