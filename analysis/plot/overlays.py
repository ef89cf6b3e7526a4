"""What is laid over the trajectories.

Flags of the DPI check, lower bounds raised along the chain, what notation alone could move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from infoplane.analysis.plot import style
from infoplane.analysis.plot.draw_path import MARK_POINTS
from infoplane.analysis.plot.marks import MARKS
from infoplane.analysis.plot.tones import VERDICT_COLOURS
from infoplane.analysis.plot.trajectory import Segment, Trajectory
from infoplane.types import Verdict, counted

if TYPE_CHECKING:
    from infoplane.analysis.studies.invariance import Invariance

_FAILING: style.Look = {"linewidths": 1.6, "linestyles": ["-"], "alpha": 0.9, "zorder": 6}
_OTHER: style.Look = {
    "linewidths": 0.9,
    "linestyles": [(0, (2, 1.2))],
    "alpha": 0.6,
    "zorder": 2.5,
}
_RING = 60
"""Area of a ring in square points; it stands around the largest mark."""
_MOST_HARMLESS = 60
"""Segments of a verdict that fails no check; more would bury the points. These are evenly taken."""


def draw_flag(ax: Axes, verdict: Verdict, pairs: list[Segment]) -> Line2D:
    """Draw the flagged segments of a verdict; returns their legend entry.

    A ring stands where a mark would cover the segment, as that of a law of one layer.
    """
    colour = VERDICT_COLOURS.get(verdict, "#7f7f7f")
    failing = verdict in ("fault", "violation")
    look = _FAILING if failing else _OTHER
    width, dash = look["linewidths"], look["linestyles"][0]
    apart = 1 if failing else -(-len(pairs) // _MOST_HARMLESS)
    points = np.asarray(pairs[::apart])  # (segments, 2 ends, 2)
    ends = ax.transData.transform(points.reshape(-1, 2)).reshape(points.shape)
    lengths = np.hypot(*(ends[:, 1] - ends[:, 0]).T) / style.figure_of(ax).dpi * 72
    covered = lengths < 2 * MARK_POINTS  # half a mark at either end, and points between
    lines = LineCollection(list(points[~covered]), colors=colour, gid=f"flag-{verdict}", **look)
    ax.add_collection(lines)
    drawn = f" ({len(points)} drawn)" if apart > 1 else ""
    label = f"{verdict}: {counted(len(pairs), 'finding')}{drawn}"
    entry = Line2D([], [], color=colour, lw=width, ls=dash, label=label)
    if covered.any():
        x, y = points[covered].mean(axis=1).T
        rings = ax.scatter(x, y, _RING, edgecolors=colour)
        rings.set(facecolors="none", linewidths=width, zorder=6, gid=f"ring-{verdict}")
        entry.set(marker="o", ms=6, mfc="none", mew=width, ls="none" if covered.all() else dash)
    return entry


def draw_raised(ax: Axes, paths: Sequence[Trajectory], raised_bits: Mapping[str, float]) -> None:
    """Draw an arrow from a lower bound of I(Z;Y) to what a layer downstream raises it to.

    In bits.

    Args:
        ax: where to draw.
        paths: of the layers.
        raised_bits: by layer what its bound is raised to, in bits.
    """
    for path in paths:
        raised = raised_bits.get(path.layer)
        if raised is not None:
            x, y = path.end
            arrow = MARKS["raised"].look
            ax.plot(
                [x, x], [y, raised], markevery=[1], zorder=4, gid=f"tightened-{path.place}", **arrow
            )


def draw_notation(ax: Axes, paths: Sequence[Trajectory], found: Sequence[Invariance]) -> None:
    """Draw the invariance error as a band around the last mark of each layer that has one.

    Args:
        ax: where to draw.
        paths: of the layers.
        found: results of one estimator.
    """
    known = {path.layer: path for path in paths}
    for result in found:
        if result.layer not in known:
            continue
        path = known[result.layer]
        x, y = path.end
        xs, ys = [x, x], [y - result.error, y + result.error]
        if result.quantity == "i_xz":
            xs, ys = [x - result.error, x + result.error], [y, y]
        ax.plot(xs, ys, zorder=1, gid=f"notation-{path.place}", **MARKS["notation"].look)
