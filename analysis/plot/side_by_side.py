"""Several planes on equal axes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.depth import depth_of
from infoplane.analysis.plot.fonts import drawable
from infoplane.analysis.plot.frame import fit_labels_across
from infoplane.analysis.plot.labels import choose_estimator
from infoplane.analysis.plot.legend import Legend, layers_to_name, legend_entries
from infoplane.analysis.plot.marks import marks_of
from infoplane.analysis.plot.names import short_names
from infoplane.analysis.plot.plane import plot_plane
from infoplane.analysis.plot.small import plain_legend
from infoplane.analysis.plot.trajectory import not_drawn, trajectories
from infoplane.analysis.plot.view import View
from infoplane.errors import InputError
from infoplane.plane import Plane

MOST_IN_A_ROW = 3


@style.styled
def draw_side_by_side(
    planes: Mapping[str, Plane],
    *,
    estimator: str | None = None,
    sense: str | None = None,
    view: View | None = None,
) -> Figure:
    """Draw several planes on equal axes and in equal colours: rows, runs, activations.

    One legend serves all where their layers have the same names.

    Args:
        planes: by the name that stands above each, ``{"train": a, "test": b}``.
        estimator: spec to draw; None takes each plane's first.
        sense: exact, point, upper or lower; None takes the first that is present.
        view: title of the figure, unit and limits of all.

    Raises:
        InputError: no plane, or one without the estimator.
    """
    if not planes:
        raise InputError("expected at least one plane")
    view = view or View()
    own_legends = len({plane.layers for plane in planes.values()}) > 1
    count = len(planes)
    columns = -(-count // -(-count // MOST_IN_A_ROW))
    height = style.PAGE / max(2, columns) + (1.3 if own_legends else 0.0)
    figure, axes = style.new_panels(count, columns, height, 0.9, sharex=True, sharey=True)
    if view.title:
        figure.suptitle(drawable(view.title), fontsize=9, parse_math=False)
    steps = sorted(set[int]().union(*(plane.steps for plane in planes.values())))
    limits = []
    for ax, (name, plane) in zip(axes, planes.items(), strict=True):
        plot_plane(
            plane,
            ax=ax,
            estimator=estimator,
            sense=sense,
            steps=steps,
            colour_bar=ax is axes[-1],
            legend=own_legends,
            grow=False,
            view=replace(view, title=short_names([name], 40)[0]),
        )
        limits.append((*ax.get_xlim(), *ax.get_ylim()))
        if not ax.get_subplotspec().is_first_col():  # type: ignore[union-attr]  # made by subplots
            ax.set_ylabel("")
    left, right, low, high = zip(*limits, strict=True)
    axes[0].set_xlim(min(left), max(right))
    axes[0].set_ylim(min(low), max(high))
    fit_labels_across(axes)
    if not own_legends:
        draw_shared_legend(figure, list(planes.values()), estimator, sense)
    return figure


def draw_shared_legend(
    figure: Figure, planes: Sequence[Plane], estimator: str | None, sense: str | None = None
) -> None:
    """Draw one legend under all planes: the layers of the first, and the marks of any.

    Args:
        figure: its first Axes holds the first plane.
        planes: that are drawn.
        estimator: spec that is drawn; None for each plane's first.
        sense: exact, point, upper or lower; None for the first that is present.
    """
    paths = [trajectories(plane, choose_estimator(plane, estimator), sense) for plane in planes]
    first = planes[0]
    drawn = list(itertools.chain(*paths))
    spec = choose_estimator(first, estimator)
    missing = not_drawn(first, spec, drawn)
    depth = depth_of(first, first.layers)
    listed = Legend(first.layers, marks_of(drawn), depth=depth, missing=missing)
    places = layers_to_name(figure.axes[0], len(first.layers), depth)
    handles = legend_entries(first, listed, places, spec)
    plain_legend(
        figure,
        handles,
        loc="outside lower center",
        ncols=min(5, len(handles)),
        handletextpad=0.3,
        columnspacing=1.0,
    )
