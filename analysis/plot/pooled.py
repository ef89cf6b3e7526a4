"""Runs of several seeds pooled in one plane.

The path of the median or mean over runs, with the runs around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.caveats import Caveats
from infoplane.analysis.plot import style
from infoplane.analysis.plot.labels import ceilings_of
from infoplane.analysis.plot.legend import Legend, draw_legend, keep_shape
from infoplane.analysis.plot.marks import marks_of
from infoplane.analysis.plot.plane import Canvas, axes_labels
from infoplane.analysis.plot.trajectory import Trajectory
from infoplane.analysis.plot.view import View
from infoplane.analysis.studies.compare import mostly_saturated, sense_of
from infoplane.errors import InputError
from infoplane.plane import Plane
from infoplane.types import Quantity

if TYPE_CHECKING:
    from infoplane.analysis.studies.compare import Pooled


def pairs_of(pooled: Sequence[Pooled]) -> list[tuple[Pooled, Pooled]]:
    """Return I(X;Z) and I(Z;Y) of every layer that has both, in layer order.

    Raises:
        InputError: no layer has both.
    """
    by_layer: dict[str, dict[Quantity, Pooled]] = {}
    for curve in pooled:
        by_layer.setdefault(curve.layer, {})[curve.quantity] = curve
    pairs = [(both["i_xz"], both["i_zy"]) for both in by_layer.values() if len(both) == 2]
    if not pairs:
        raise InputError("no layer has both I(X;Z) and I(Z;Y) in all runs")
    return pairs


def pooled_paths(
    planes: Mapping[str, Plane], pooled: Sequence[Pooled], centre: str = "median"
) -> list[Trajectory]:
    """Return the path of every layer: the centre over runs, with the points of the runs.

    Args:
        planes: of the runs, by name.
        pooled: from `infoplane.analysis.studies.compare.pool`.
        centre: ``median`` or ``mean``, of either coordinate by itself.
    """
    paths: list[Trajectory] = []
    for across, up in pairs_of(pooled):
        steps = [step for step in across.steps if step in up.steps]
        of_x = [across.steps.index(step) for step in steps]
        of_y = [up.steps.index(step) for step in steps]
        runs = np.stack([across.values[:, of_x], up.values[:, of_y]], axis=-1)  # (runs, steps, 2)
        path = Trajectory(
            across.layer,
            tuple(steps),
            tuple(map(float, across.centre(centre)[of_x])),
            tuple(map(float, up.centre(centre)[of_y])),
            tuple(map(bool, mostly_saturated(across, planes)[of_x])),
            (sense_of(across, planes), sense_of(up, planes)),
            runs=tuple(tuple(map(tuple, of_step)) for of_step in runs.swapaxes(0, 1).tolist()),
            place=len(paths),
        )
        paths.append(path)
    return paths


@style.styled
def draw_pooled(
    planes: Mapping[str, Plane],
    pooled: Sequence[Pooled],
    *,
    centre: str = "median",
    width: float = style.PAGE * 0.8,
    view: View | None = None,
) -> Figure:
    """Draw `plot_pooled` on a figure of ``width`` inches; see there for the other arguments.

    Args:
        planes, pooled, centre, view: see `plot_pooled`.
        width: of the figure in inches.
    """
    height = width * (1.05 if width < 5 else 0.78)
    ax = style.new_figure(width, height).add_subplot()
    return style.figure_of(plot_pooled(planes, pooled, centre=centre, ax=ax, view=view, grow=True))


@style.styled
def plot_pooled(
    planes: Mapping[str, Plane],
    pooled: Sequence[Pooled],
    *,
    centre: str = "median",
    ax: Axes | None = None,
    log: bool | None = None,
    view: View | None = None,
    grow: bool | None = None,
) -> Axes:
    """Draw several runs as one plane.

    Per layer the path of the centre over runs, every run as a thin line, and as a pale band the
    hull of the runs at neighbouring checkpoints.

    Args:
        planes: of the runs, by name; all of one probe set.
        pooled: the same runs from `infoplane.analysis.studies.compare.pool`.
        centre: ``median`` or ``mean``.
        ax: where to draw; None makes a new pyplot figure.
        log: logarithmic step colours; None decides from the steps.
        view: title, unit and limits.
        grow: whether the figure becomes higher for a long legend; None does so for a figure of its
            own.

    Raises:
        InputError: no layer has both quantities in all runs, or another centre.
    """
    paths = pooled_paths(planes, pooled, centre)
    plane, spec = next(iter(planes.values())), pooled[0].estimator
    grows = ax is None if grow is None else grow
    canvas = Canvas(style.new_axes(ax), view or View(), log)
    words = f", {centre} of {len(planes)} runs"
    across, up = axes_labels(plane, paths[0], spec)
    canvas.draw(paths, ceilings_of(plane, spec), Caveats(), (across + words, up + words))
    names = [path.layer for path in paths]
    legend = Legend(names, marks_of(paths), bands=True)
    places = draw_legend(canvas.ax, plane, legend, spec, cut=not grows)
    if grows:
        keep_shape(canvas.ax)
    canvas.finish(paths, Caveats(), places, names)
    return canvas.ax
