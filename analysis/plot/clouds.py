"""Several runs as clouds.

Every run a small point per layer at one checkpoint, the median as the layer's own shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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


def pooled_label(pooled: Pooled, sense: str = "point") -> str:
    """Return the label of an axis of pooled runs: what is drawn, its unit, bound and spec."""
    return drawable(short_label(pooled.quantity, pooled.estimator, sense))


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
    steps = pairs[0][0].steps
    step = steps[-1] if step is None else step
    if step not in steps:
        raise InputError(f"no such step in all runs: {step}; they share {list(steps)}")
    ax = style.new_axes(ax, style.PAGE * 0.6, style.PAGE * 0.42)
    layers = [across.layer for across, _ in pairs]
    tones = layer_tones(layers)
    for index, (across, up) in enumerate(pairs):
        _draw_cloud(ax, across, up, step, tones[across.layer], index)
    runs = len(pairs[0][0].names)
    ax.set_title(f"step {step}, {runs} runs: every run, median", fontsize=8, loc="left")
    across, up = pairs[0]
    settle(style.figure_of(ax))
    label_across(ax, pooled_label(across))
    label_up(ax, pooled_label(up))
    plain_legend(ax, layer_handles(ax, layers), loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax


def _draw_cloud(ax: Axes, across: Pooled, up: Pooled, step: int, tone: Tone, index: int) -> None:
    """Draw one layer: its runs, their median, and thin lines between."""
    of_x, of_y = across.steps.index(step), up.steps.index(step)
    xs, ys = across.values[:, of_x], up.values[:, of_y]
    middle = float(across.median[of_x]), float(up.median[of_y])
    for x, y in zip(xs, ys, strict=True):
        ax.plot([x, middle[0]], [y, middle[1]], color=tone, lw=0.4, alpha=0.5, zorder=1)
    ax.scatter(xs, ys, s=9, color=[tone], alpha=0.75, lw=0, zorder=2, gid=f"cloud-{index}")
    look: style.Look = {"ms": 7, "mfc": tone, "mec": "black", "mew": 0.8, "ls": "none"}
    ax.plot(*middle, marker=marker(index), zorder=4, gid=f"median-{index}", **look)


@style.styled
def draw_clouds(pooled: Sequence[Pooled], *, steps: Sequence[int] | None = None) -> Figure:
    """Draw `plot_cloud` at several checkpoints on equal axes.

    Args:
        pooled: from `infoplane.analysis.studies.compare.pool`.
        steps: checkpoints that all runs share; the first, those at a third and two thirds, and the
            last when left out.
    """
    across, up = pairs_of(pooled)[0]
    chosen = _four_of(across.steps) if steps is None else list(steps)
    figure = style.new_figure(style.PAGE, style.PAGE / len(chosen) + 0.7)
    axes = figure.subplots(1, len(chosen), sharex=True, sharey=True, squeeze=False)[0]
    for ax, step in zip(axes, chosen, strict=True):
        plot_cloud(pooled, step=step, ax=ax)
        handles = list(ax.get_legend().legend_handles)
        ax.get_legend().remove()
        ax.set_title(f"step {step}", fontsize=8, loc="left")
        ax.set_xlabel("")
        ax.set_ylabel("")
    label_up(axes[0], pooled_label(up))
    words = f"{pooled_label(across)}; {len(across.names)} runs, median marked"
    figure.supxlabel(words, fontsize=8, parse_math=False)
    plain_legend(figure, handles, loc="outside right center")
    return figure


def _four_of(steps: Sequence[int]) -> list[int]:
    """Return the first step, those at a third and two thirds of the way, and the last."""
    last = len(steps) - 1
    places = sorted({0, round(last / 3), round(2 * last / 3), last})
    return [steps[place] for place in places]
