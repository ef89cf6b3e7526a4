"""Several runs of one kind in one figure: planes side by side, curves pooled over runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable, drawable_short_names, wrap_label
from infoplane.analysis.plot.labels import QUANTITIES, short_axis
from infoplane.analysis.plot.small import layer_handles, layer_tones, plain_legend, small_plane
from infoplane.analysis.plot.step_axis import step_axis
from infoplane.analysis.plot.tones import Tone
from infoplane.analysis.studies.compare import sense_of
from infoplane.plane import Plane

if TYPE_CHECKING:
    from infoplane.analysis.studies.compare import Pooled

MOST_PLANES = 4


@style.styled
def draw_compared(planes: Mapping[str, Plane], pooled: Sequence[Pooled]) -> Figure:
    """Draw planes side by side, and below them I(X;Z) and I(Z;Y) versus step pooled over runs.

    Of the pooled curves every run is thin, the median thick, the range shaded.

    Args:
        planes: of the runs, by name.
        pooled: the same runs from `infoplane.analysis.studies.compare.pool`.
    """
    figure = style.new_figure(style.PAGE, style.PAGE * 0.85)
    grid = figure.add_gridspec(2, 1, height_ratios=[1.1, 1])
    top, bottom = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    _draw_planes(top, planes, pooled)
    _draw_pooled(bottom, planes, pooled)
    return figure


def _draw_planes(figure: SubFigure, planes: Mapping[str, Plane], pooled: Sequence[Pooled]) -> None:
    """Draw the first planes on equal axes, and say how many there are."""
    shown = list(planes)[:MOST_PLANES]
    axes = figure.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0]
    spec = pooled[0].estimator
    senses = {curve.quantity: sense_of(curve, planes) for curve in pooled}
    for ax, title, name in zip(axes, drawable_short_names(shown), shown, strict=True):
        small_plane(ax, planes[name], spec)
        ax.set_title(title, fontsize=8, parse_math=False)
    first = planes[shown[0]]
    up = short_axis(first, "i_zy", spec, senses.get("i_zy", "point"))
    axes[0].set_ylabel(drawable(wrap_label(up, 24)), parse_math=False)
    across = short_axis(first, "i_xz", spec, senses.get("i_xz", "point"))
    more = f" ({len(shown)} of {len(planes)} runs)" if len(planes) > len(shown) else ""
    figure.supxlabel(drawable(across + more), fontsize=8, parse_math=False)


def _draw_pooled(figure: SubFigure, planes: Mapping[str, Plane], pooled: Sequence[Pooled]) -> None:
    """Draw one Axes per quantity, with a legend of the layers beside them."""
    layers = list(dict.fromkeys(curve.layer for curve in pooled))
    steps = sorted(set[int]().union(*(curve.steps for curve in pooled)))
    axes = figure.subplots(1, 2)
    first = next(iter(planes.values()))
    for ax, quantity in zip(axes, QUANTITIES, strict=True):
        curves = [curve for curve in pooled if curve.quantity == quantity]
        _draw_curves(ax, curves, layer_tones(layers))
        ax.set_title(f"{len(planes)} runs: median, every run, range", fontsize=8)
        if curves:
            sense = sense_of(curves[0], planes)
            label = short_axis(first, quantity, curves[0].estimator, sense)
            ax.set_ylabel(drawable(wrap_label(label, 24)), parse_math=False)
        step_axis(ax, steps)
    plain_legend(figure, layer_handles(axes[0], layers, marks=False), loc="outside right center")


def _draw_curves(ax: Axes, pooled: Sequence[Pooled], tones: Mapping[str, Tone]) -> None:
    for curve in pooled:
        tone = tones[curve.layer]
        low, high = curve.band()
        ax.fill_between(curve.steps, low, high, color=tone, alpha=0.15, lw=0)
        ax.plot(curve.steps, curve.values.T, color=tone, lw=0.4, alpha=0.6)
        ax.plot(curve.steps, curve.median, color=tone, lw=1.6)
