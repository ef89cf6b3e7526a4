"""What is laid over the trajectories.

Flags of the DPI check, lower bounds raised along the chain, what notation alone could move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any  # Any: keywords of matplotlib

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from infoplane.analysis.plot import style
from infoplane.analysis.plot.marks import NOTATION, RAISED
from infoplane.analysis.plot.trajectory import Segment, Trajectory
from infoplane.types import Verdict

if TYPE_CHECKING:
    from infoplane.analysis.studies.invariance import Invariance

_FAILING: dict[str, Any] = {"linewidths": 1.6, "linestyles": ["-"], "alpha": 0.9, "zorder": 6}
_OTHER: dict[str, Any] = {
    "linewidths": 0.8,
    "linestyles": [(0, (2, 1.2))],
    "alpha": 0.45,
    "zorder": 1,
}


def draw_flags(ax: Axes, segments: Mapping[Verdict, list[Segment]]) -> list[Line2D]:
    """Draw the flagged segments, a ring for a law of one layer; returns their legend entries."""
    return [_draw_flag(ax, verdict, pairs) for verdict, pairs in segments.items()]


def _draw_flag(ax: Axes, verdict: Verdict, pairs: list[Segment]) -> Line2D:
    colour = style.VERDICT_COLOURS.get(verdict, "#7f7f7f")
    look = _FAILING if verdict in ("fault", "violation") else _OTHER
    width, dash = look["linewidths"], look["linestyles"][0]
    ax.add_collection(LineCollection(pairs, colors=colour, gid=f"flag-{verdict}", **look))
    alone = np.array([start for start, end in pairs if start == end])
    if len(alone):
        ax.scatter(
            alone[:, 0],
            alone[:, 1],
            s=60,
            facecolors="none",
            edgecolors=colour,
            linewidths=width,
            zorder=6,
            gid=f"ring-{verdict}",
        )
    return Line2D([], [], color=colour, lw=width, ls=dash, label=f"{verdict}: {len(pairs)}")


def draw_raised(ax: Axes, paths: Sequence[Trajectory], raised_bits: Mapping[str, float]) -> None:
    """Draw an arrow from a lower bound of I(Z;Y) to what a layer downstream raises it to.

    In bits.
    """
    for index, path in enumerate(paths):
        raised = raised_bits.get(path.layer)
        if raised is not None:
            ax.plot(
                [path.x[-1]] * 2,
                [path.y[-1], raised],
                color=RAISED,
                lw=0.9,
                marker="^",
                markevery=[1],
                ms=4,
                zorder=4,
                gid=f"tightened-{index}",
            )


def draw_notation(ax: Axes, paths: Sequence[Trajectory], found: Sequence[Invariance]) -> None:
    """Draw the invariance error as a band around the last mark of each layer that has one."""
    places = {path.layer: index for index, path in enumerate(paths)}
    for result in found:
        if result.layer in places:
            index = places[result.layer]
            path = paths[index]
            _draw_band(ax, (path.x[-1], path.y[-1]), result, f"notation-{index}")


def _draw_band(ax: Axes, end: tuple[float, float], result: Invariance, gid: str) -> None:
    x, y = end
    xs, ys = [x, x], [y - result.error, y + result.error]
    if result.quantity == "i_xz":
        xs, ys = [x - result.error, x + result.error], [y, y]
    ax.plot(xs, ys, color=NOTATION, lw=5, alpha=0.3, solid_capstyle="butt", zorder=1, gid=gid)
