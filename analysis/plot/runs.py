"""Several runs of one kind in one figure: planes side by side, pooled curves, clouds.

In a cloud every run is a small point per layer at one checkpoint, the median the layer's own shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable, drawable_short_names, wrap_label
from infoplane.analysis.plot.frame import label_across, label_up
from infoplane.analysis.plot.labels import QUANTITIES, short_axis
from infoplane.analysis.plot.layout import settle
from infoplane.analysis.plot.pooled import pairs_of
from infoplane.analysis.plot.small import layer_handles, layer_tones, plain_legend, small_plane
from infoplane.analysis.plot.step_axis import step_axis
from infoplane.analysis.plot.tones import Tone, marker
from infoplane.analysis.studies.compare import sense_of
from infoplane.errors import InputError
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
    axes[0].set_ylabel(wrap_label(up, 24), parse_math=False)
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
            ax.set_ylabel(wrap_label(label, 24), parse_math=False)
        step_axis(ax, steps)
    plain_legend(figure, layer_handles(axes[0], layers, marks=False))


def _draw_curves(ax: Axes, pooled: Sequence[Pooled], tones: Mapping[str, Tone]) -> None:
    for curve in pooled:
        tone = tones[curve.layer]
        low, high = curve.band()
        ax.fill_between(curve.steps, low, high, color=tone, alpha=0.15, lw=0)
        ax.plot(curve.steps, curve.values.T, color=tone, lw=0.4, alpha=0.6)
        ax.plot(curve.steps, curve.median, color=tone, lw=1.6)


@style.styled
def plot_cloud(
    pooled: Sequence[Pooled], *, step: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draw every run as a small point per layer at one checkpoint.

    The median has the layer's own shape, with thin lines to it.

    The way Shwartz-Ziv and Tishby (2017) drew many random initialisations, with the median added:
    coordinates are medians one by one.

    Args:
        pooled: from `infoplane.analysis.studies.compare.pool`.
        step: one of the checkpoints that all runs share; the last when left out.
        ax: where to draw; None makes a new pyplot figure.

    Raises:
        InputError: a step that not all runs have, or no layer with both quantities.
    """
    pairs = pairs_of(pooled)
    across, up = pairs[0]
    step = across.steps[-1] if step is None else step
    _require_steps(across, [step])
    ax = style.new_axes(ax, style.PAGE * 0.6, style.PAGE * 0.42)
    handles = _draw_step(ax, pairs, step)
    runs = len(across.names)
    ax.set_title(f"step {step}, {runs} runs: every run, median", fontsize=8, loc="left")
    settle(style.figure_of(ax))
    label_across(ax, _label(across))
    label_up(ax, _label(up))
    plain_legend(ax, handles, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax


def _require_steps(pooled: Pooled, steps: Sequence[int]) -> None:
    for step in steps:
        if step not in pooled.steps:
            raise InputError(f"no such step in all runs: {step}; they share {list(pooled.steps)}")


def _draw_step(ax: Axes, pairs: Sequence[tuple[Pooled, Pooled]], step: int) -> list[Artist]:
    """Draw all layers at one checkpoint; returns their legend entries."""
    layers = [across.layer for across, _ in pairs]
    tones = layer_tones(layers)
    for index, (across, up) in enumerate(pairs):
        _draw_cloud(ax, across, up, step, tones[across.layer], index)
    return layer_handles(ax, layers)


def _draw_cloud(ax: Axes, across: Pooled, up: Pooled, step: int, tone: Tone, index: int) -> None:
    """Draw one layer: its runs, their median, and thin lines between."""
    of_x, of_y = across.steps.index(step), up.steps.index(step)
    xs, ys = across.values[:, of_x], up.values[:, of_y]
    middle = float(across.median[of_x]), float(up.median[of_y])
    for x, y in zip(xs, ys, strict=True):
        ax.plot([x, middle[0]], [y, middle[1]], color=tone, lw=0.4, alpha=0.5, zorder=1)
    ax.scatter(xs, ys, s=9, color=[tone], alpha=0.75, lw=0, zorder=2, gid=f"cloud-{index}")
    ax.plot(
        *middle,
        marker(index),
        ms=7,
        mfc=tone,
        mec="black",
        mew=0.8,
        zorder=4,
        gid=f"median-{index}",
    )


@style.styled
def draw_clouds(pooled: Sequence[Pooled], *, steps: Sequence[int] | None = None) -> Figure:
    """Draw `plot_cloud` at several checkpoints on equal axes.

    Args:
        pooled: from `infoplane.analysis.studies.compare.pool`.
        steps: checkpoints that all runs share; the first, those at a third and two thirds, and the
            last when left out.
    """
    pairs = pairs_of(pooled)
    across, up = pairs[0]
    chosen = _four_of(across.steps) if steps is None else list(steps)
    _require_steps(across, chosen)
    count = len(chosen)
    figure, axes = style.new_panels(count, count, style.PAGE / count, 0.7, sharex=True, sharey=True)
    for ax, step in zip(axes, chosen, strict=True):
        handles = _draw_step(ax, pairs, step)
        ax.set_title(f"step {step}", fontsize=8, loc="left")
    label_up(axes[0], _label(up))
    words = f"{_label(across)}; {len(across.names)} runs, median marked"
    figure.supxlabel(words, fontsize=8, parse_math=False)
    plain_legend(figure, handles)
    return figure


def _label(pooled: Pooled) -> str:
    """Return the label of an axis of pooled runs: what is drawn, its unit and spec."""
    nothing = Plane((), (), 2)  # the symbol does not depend on the rows
    return drawable(short_axis(nothing, pooled.quantity, pooled.estimator))


def _four_of(steps: Sequence[int]) -> list[int]:
    """Return the first step, those at a third and two thirds of the way, and the last."""
    last = len(steps) - 1
    places = sorted({0, round(last / 3), round(2 * last / 3), last})
    return [steps[place] for place in places]
