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
from infoplane.analysis.plot.fonts import drawable
from infoplane.analysis.plot.names import short_names
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
    """Draw one panel per layer, values of the layer's own range, one scale of shares for all."""
    if not found:
        raise InputError("nothing to draw: give the histograms of at least one layer")
    names = short_names([h.layer for h in found])
    titles = [f"{drawable(name)}, {h.width} units" for name, h in zip(names, found, strict=True)]
    return _panels([(h, None) for h in found], titles, columns, log, "activation")


@style.styled
def draw_unit_histograms(found: Histograms, *, columns: int = 4, log: bool | None = None) -> Figure:
    """One panel per unit of a layer on equal axes: which units saturate, die or part in two."""
    titles = [f"unit {u}" for u in found.units]
    more = (
        "" if len(found.units) == found.width else f" ({len(found.units)} of {found.width} units)"
    )
    label = f"activation of {drawable(short_names([found.layer], 40)[0])}{more}"
    return _panels([(found, u) for u in found.units], titles, columns, log, label, sharey=True)


def _panels(
    cells: Sequence[tuple[Histograms, int | None]],
    titles: Sequence[str],
    columns: int,
    log: bool | None,
    label: str,
    sharey: bool = False,
) -> Figure:
    figure, axes = style.new_panels(len(cells), columns, 1.35, 0.5, sharex=True, sharey=sharey)
    columns = axes[0].get_gridspec().ncols
    for ax, title, (found, unit) in zip(axes, titles, cells, strict=False):
        mesh = _mesh(ax, found, unit, log)
        ax.set_title(title, fontsize=7.5, parse_math=False)
        ax.set_xlabel("")
    for ax in axes[max(0, len(cells) - columns) : len(cells)]:  # the lowest of each column
        ax.tick_params(labelbottom=True)
        ax.set_xlabel("training step")
    figure.supylabel(label, fontsize=8, parse_math=False)
    _scale(figure, mesh, list(axes))
    return figure


def _mesh(ax: Axes, found: Histograms, unit: int | None, log: bool | None) -> QuadMesh:
    shares = found.shares(unit)
    logarithmic = style.is_log(found.steps) if log is None else log
    mesh = ax.pcolormesh(
        step_edges(found.steps, logarithmic),
        found.edges,
        np.ma.masked_equal(shares.T, 0.0),
        cmap=style.heat_map(),
        norm=LogNorm(FAINTEST, 1.0),
        rasterized=True,
        gid="histogram",
    )
    style.step_axis(ax, found.steps, log)
    ax.set_xlim(*step_edges(found.steps, logarithmic)[[0, -1]])
    ax.set_ylim(found.edges[0], found.edges[-1])
    ax.grid(False)
    return mesh


def _scale(figure: Figure, mesh: QuadMesh, axes: Axes | list[Axes]) -> None:
    bar = figure.colorbar(mesh, ax=axes, pad=0.015, fraction=0.045, aspect=28, extend="min")
    bar.set_label("share of values (white: none)")
    bar.minorticks_off()
