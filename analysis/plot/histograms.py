"""Activation histograms over training: step along, value up, share of values as darkness.

Per layer and per unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable_short_names, wrap_label
from infoplane.analysis.plot.step_axis import is_log, step_axis
from infoplane.analysis.plot.tones import heat_map
from infoplane.errors import InputError

if TYPE_CHECKING:
    from infoplane.analysis.studies.histograms import Histograms

FAINTEST = 1e-3
"""Share of values below which a cell is as light as the lightest that is drawn; empty cells are
white.
"""


def step_edges(steps: Sequence[int], log: bool) -> NDArray[np.float64]:
    """Return where the column of each checkpoint begins and ends.

    Half way to its neighbours, in log(1 + step) on a logarithmic axis.

    Example:
        >>> step_edges([0, 10, 20], False).tolist()
        [0.0, 5.0, 15.0, 20.0]
    """
    place = np.log1p(steps) if log else np.asarray(steps, float)
    if len(place) == 1:
        place = np.array([place[0], place[0] + 1])
        return np.asarray(np.expm1(place) if log else place)
    edges = np.concatenate([place[:1], (place[1:] + place[:-1]) / 2, place[-1:]])
    return np.asarray(np.expm1(edges) if log else edges)


@style.styled
def plot_histogram(
    found: Histograms, *, unit: int | None = None, ax: Axes | None = None, log: bool | None = None
) -> Axes:
    """Draw one layer's (or one unit's) distribution of values at every checkpoint.

    As a heat map with a logarithmic scale of shares.

    Args:
        found: from `infoplane.analysis.studies.histograms.histograms`.
        unit: index of a unit in the layer; None draws the layer.
        ax: where to draw; None makes a new pyplot figure.
        log: logarithmic step axis; None decides from the steps.
    """
    ax = style.new_axes(ax, style.PAGE * 0.6, style.PAGE * 0.36)
    mesh = _mesh(ax, found, unit, log)
    ax.set_ylabel("activation" if unit is None else f"activation of unit {unit}")
    (name,) = drawable_short_names([found.layer], 40)
    ax.set_title(
        f"{name}, {found.width} units" if unit is None else f"{name}, unit {unit}",
        loc="left",
        parse_math=False,
    )
    _scale(style.figure_of(ax), mesh, ax)
    return ax


@style.styled
def draw_histograms(
    found: Sequence[Histograms], *, columns: int = 3, log: bool | None = None
) -> Figure:
    """Draw one panel per layer, values of the layer's own range, one scale of shares for all.

    Args:
        found: one for each layer.
        columns: panels in a row, at most.
        log: logarithmic step axis; None decides from the steps.
    """
    if not found:
        raise InputError("nothing to draw: give the histograms of at least one layer")
    names = drawable_short_names([of_layer.layer for of_layer in found])
    figure, axes = style.new_panels(len(found), columns, 1.35, 0.5, sharex=True)
    for ax, name, of_layer in zip(axes, names, found, strict=True):
        mesh = _mesh(ax, of_layer, None, log)
        ax.set_title(f"{name}, {of_layer.width} units", fontsize=7.5, parse_math=False)
    return _finished(figure, mesh, axes, "activation")


@style.styled
def draw_unit_histograms(found: Histograms, *, columns: int = 4, log: bool | None = None) -> Figure:
    """One panel per unit of a layer on equal axes: which units saturate, die or part in two.

    Args:
        found: of one layer.
        columns: panels in a row, at most.
        log: logarithmic step axis; None decides from the steps.
    """
    shown = len(found.units)
    figure, axes = style.new_panels(shown, columns, 1.35, 0.5, sharex=True, sharey=True)
    for ax, unit in zip(axes, found.units, strict=True):
        mesh = _mesh(ax, found, unit, log)
        ax.set_title(f"unit {unit}", fontsize=7.5)
    more = "" if shown == found.width else f" ({shown} of {found.width} units)"
    (name,) = drawable_short_names([found.layer], 40)
    label = wrap_label(f"activation of {name}{more}", 24)
    return _finished(figure, mesh, axes, label)


def _finished(figure: Figure, mesh: QuadMesh, panels: Sequence[Axes], label: str) -> Figure:
    """Return a figure of panels with its labels and the scale of shares.

    Args:
        figure: the figure.
        mesh: of any panel.
        panels: row by row.
        label: of the upright axes.
    """
    in_a_row = panels[0].get_gridspec().ncols  # type: ignore[union-attr]  # made by subplots
    for ax in panels[:-in_a_row]:  # all but the lowest of a column
        ax.set_xlabel("")
    figure.supylabel(label, fontsize=8, parse_math=False)
    _scale(figure, mesh, figure.axes)
    return figure


def _mesh(ax: Axes, found: Histograms, unit: int | None, log: bool | None) -> QuadMesh:
    edges = step_edges(found.steps, is_log(found.steps, log))
    mesh = ax.pcolormesh(
        edges,
        found.edges,
        np.ma.masked_equal(found.shares(unit).T, 0.0),
        cmap=heat_map(),
        norm=LogNorm(FAINTEST, 1.0),
        rasterized=True,
        gid="histogram",
    )
    step_axis(ax, found.steps, log)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(found.edges[0], found.edges[-1])
    ax.grid(False)
    return mesh


def _scale(figure: Figure, mesh: QuadMesh, axes: Axes | list[Axes]) -> None:
    bar = figure.colorbar(mesh, ax=axes, pad=0.015, fraction=0.045, aspect=28, extend="min")
    bar.set_label("share of values (white: none)")
    bar.minorticks_off()
