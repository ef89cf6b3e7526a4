"""Activation histograms over training: step along, value up, share of values as darkness.

Per layer and per unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable, drawable_names
from infoplane.analysis.plot.labels import wrap_label
from infoplane.analysis.plot.names import short_names
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
    name = drawable(short_names([found.layer], 40)[0])
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
    names = drawable_names(short_names([of_layer.layer for of_layer in found]))
    panels = []
    for name, of_layer in zip(names, found, strict=True):
        panels.append(_Panel(f"{name}, {of_layer.width} units", of_layer))
    return _draw_panels(panels, columns, log, "activation")


@style.styled
def draw_unit_histograms(found: Histograms, *, columns: int = 4, log: bool | None = None) -> Figure:
    """One panel per unit of a layer on equal axes: which units saturate, die or part in two.

    Args:
        found: of one layer.
        columns: panels in a row, at most.
        log: logarithmic step axis; None decides from the steps.
    """
    panels = [_Panel(f"unit {unit}", found, unit) for unit in found.units]
    shown = len(found.units)
    more = "" if shown == found.width else f" ({shown} of {found.width} units)"
    label = wrap_label(f"activation of {drawable(short_names([found.layer], 40)[0])}{more}", 24)
    return _draw_panels(panels, columns, log, label, sharey=True)


@dataclass(frozen=True)
class _Panel:
    """A histogram over training, of a layer or of one unit."""

    title: str
    found: Histograms
    unit: int | None = None


def _draw_panels(
    panels: Sequence[_Panel],
    columns: int,
    log: bool | None,
    label: str,
    sharey: bool = False,
) -> Figure:
    figure, axes = style.new_panels(len(panels), columns, 1.35, 0.5, sharex=True, sharey=sharey)
    for ax, panel in zip(axes, panels, strict=False):
        mesh = _mesh(ax, panel.found, panel.unit, log)
        ax.set_title(panel.title, fontsize=7.5, parse_math=False)
        ax.set_xlabel("")
    below = axes[0].get_gridspec().ncols
    for ax in axes[max(0, len(panels) - below) : len(panels)]:  # the lowest of each column
        ax.tick_params(labelbottom=True)
        ax.set_xlabel("training step")
    figure.supylabel(label, fontsize=8, parse_math=False)
    _scale(figure, mesh, list(axes))
    return figure


def _mesh(ax: Axes, found: Histograms, unit: int | None, log: bool | None) -> QuadMesh:
    edges = step_edges(found.steps, is_log(found.steps) if log is None else log)
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
