"""Several runs as clouds.

Every run a small point per layer at one checkpoint, the median as the layer's own shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable
from infoplane.analysis.plot.frame import label_across, label_up
from infoplane.analysis.plot.labels import short_label
from infoplane.analysis.plot.layout import settle
from infoplane.analysis.plot.pooled import pairs_of
from infoplane.analysis.plot.small import layer_handles, layer_tones, plain_legend
from infoplane.analysis.plot.tones import Tone, marker
from infoplane.errors import InputError

if TYPE_CHECKING:
    from infoplane.analysis.studies.compare import Pooled


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
    figure = style.new_figure(style.PAGE, style.PAGE / len(chosen) + 0.7)
    axes = figure.subplots(1, len(chosen), sharex=True, sharey=True, squeeze=False)[0]
    for ax, step in zip(axes, chosen, strict=True):
        handles = _draw_step(ax, pairs, step)
        ax.set_title(f"step {step}", fontsize=8, loc="left")
    label_up(axes[0], _label(up))
    words = f"{_label(across)}; {len(across.names)} runs, median marked"
    figure.supxlabel(words, fontsize=8, parse_math=False)
    plain_legend(figure, handles, loc="outside right center")
    return figure


def _label(pooled: Pooled) -> str:
    """Return the label of an axis of pooled runs: what is drawn, its unit and spec."""
    return drawable(short_label(pooled.quantity, pooled.estimator))


def _four_of(steps: Sequence[int]) -> list[int]:
    """Return the first step, those at a third and two thirds of the way, and the last."""
    last = len(steps) - 1
    places = sorted({0, round(last / 3), round(2 * last / 3), last})
    return [steps[place] for place in places]
