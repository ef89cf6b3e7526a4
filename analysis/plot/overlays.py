"""What is laid over the trajectories: flags of the DPI check, lower bounds raised along the chain, what notation alone could move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from infoplane.analysis.estimators.spec import traits_of
from infoplane.analysis.lower_bounds import tightened
from infoplane.analysis.plot import style
from infoplane.analysis.plot.trajectory import Segment, Trajectory
from infoplane.plane import Plane
from infoplane.types import DPIReport, Verdict

if TYPE_CHECKING:
    from infoplane.analysis.studies.invariance import Invariance


def draw_flags(
    ax: Axes, segments: Mapping[Verdict, list[Segment]], report: DPIReport | None, spec: str
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
                lone[:, 0],
                lone[:, 1],
                s=60,
                facecolors="none",
                edgecolors=colour,
                linewidths=width,
                zorder=6,
                gid=f"ring-{verdict}",
            )
        marks.append(
            Line2D([], [], color=colour, lw=width, ls=dash, label=f"{verdict}: {len(pairs)}")
        )
    return marks


def draw_tightened(ax: Axes, plane: Plane, paths: Sequence[Trajectory], spec: str) -> None:
    """Lower bounds of I(Z;Y) raised to those of the layers downstream: what a layer must have, whatever its own estimate found."""
    if plane.chain is None or traits_of(spec).measures not in ("bound", "usable"):
        return
    if any(p.estimate.bound != "lower" for p in plane.select(estimator=spec, quantity="i_zy")):
        return
    ends = {p.layer: p.y[-1] for p in paths}
    cuts = {a: tuple(b for b in ends if plane.chain.separates(a, b)) for a in ends}
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


def draw_notation(ax: Axes, paths: Sequence[Trajectory], found: Sequence[Invariance]) -> None:
    for k, path in enumerate(paths):
        for f in found:
            if f.layer == path.layer:
                x, y = path.x[-1], path.y[-1]
                band = (
                    ([x, x], [y - f.error, y + f.error])
                    if f.quantity == "i_zy"
                    else ([x - f.error, x + f.error], [y, y])
                )
                ax.plot(
                    *band,
                    color="#d55e00",
                    lw=5,
                    alpha=0.3,
                    solid_capstyle="butt",
                    zorder=1,
                    gid=f"notation-{k}",
                )
