"""Several runs of one kind in one figure: clouds of seeds with their medians, planes side by side, curves pooled over runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.labels import axis_label, short_names, wrap_label
from infoplane.analysis.plot.small import layer_handles, layer_tones, plain_legend, small_plane
from infoplane.errors import InputError
from infoplane.plane import Plane

if TYPE_CHECKING:
    from infoplane.analysis.studies.compare import Pooled

MOST_PLANES = 4


@style.styled
def plot_cloud(
    pooled: Sequence[Pooled],
    *,
    step: int | None = None,
    n: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Every run as a small point per layer at one checkpoint, the median over runs as the layer's own shape, thin lines from each to its median.

    The way Shwartz-Ziv and Tishby (2017) drew many random initialisations, with the median added: coordinates are medians one by one.

    Args:
        pooled: from `infoplane.analysis.studies.compare.pool`. step: one of the checkpoints that all runs share; the last when left out.
        n: probe rows, for the axis labels.

    Raises:
        InputError: a step that not all runs have, or no layer with both quantities.
    """
    pairs = _pairs(pooled)
    steps = pairs[0][0].steps
    step = steps[-1] if step is None else step
    if step not in steps:
        raise InputError(f"no such step in all runs: {step}; they share {list(steps)}")
    ax = style.new_axes(ax, style.PAGE * 0.6, style.PAGE * 0.42)
    tones = layer_tones([x.layer for x, _ in pairs])
    for k, (x, y) in enumerate(pairs):
        i, j = x.steps.index(step), y.steps.index(step)
        xs, ys, middle = x.values[:, i], y.values[:, j], (float(x.median[i]), float(y.median[j]))
        for a, b in zip(xs, ys, strict=True):
            ax.plot(
                [a, middle[0]], [b, middle[1]], color=tones[x.layer], lw=0.4, alpha=0.5, zorder=1
            )
        ax.scatter(
            xs, ys, s=9, color=[tones[x.layer]], alpha=0.75, lw=0, zorder=2, gid=f"cloud-{k}"
        )
        ax.plot(
            *middle,
            marker=style.marker(k),
            ms=7,
            mfc=tones[x.layer],
            mec="black",
            mew=0.8,
            ls="none",
            zorder=4,
            gid=f"median-{k}",
        )
    ax.set_title(
        f"step {step}, {len(pairs[0][0].names)} runs: every run, median", fontsize=8, loc="left"
    )
    ax.set_xlabel(
        wrap_label(_label(pairs[0][0], n), max(18, int(style.width_points(ax) / 4.2))),
        parse_math=False,
    )
    ax.set_ylabel(
        wrap_label(_label(pairs[0][1], n), max(18, int(style.height_points(ax) / 4.4))),
        parse_math=False,
    )
    handles = layer_handles(ax, [x.layer for x, _ in pairs])
    plain_legend(ax, handles, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax


@style.styled
def draw_clouds(
    pooled: Sequence[Pooled], *, steps: Sequence[int] | None = None, n: int | None = None
) -> Figure:
    """`plot_cloud` at several checkpoints on equal axes; the first, one at a third of the logarithmic way, two thirds, and the last when left out."""
    shared = _pairs(pooled)[0][0].steps
    chosen = (
        list(steps)
        if steps is not None
        else [
            shared[k] for k in sorted({round(f * (len(shared) - 1)) for f in (0, 1 / 3, 2 / 3, 1)})
        ]
    )
    figure = style.new_figure(style.PAGE, style.PAGE / len(chosen) + 0.7)
    axes = figure.subplots(1, len(chosen), sharex=True, sharey=True, squeeze=False)[0]
    for ax, step in zip(axes, chosen, strict=True):
        plot_cloud(pooled, step=step, n=n, ax=ax)
        handles = list(ax.get_legend().legend_handles)
        ax.get_legend().remove()
        ax.set_title(f"step {step}", fontsize=8, loc="left")
        ax.set_xlabel("")
        if ax is not axes[0]:
            ax.set_ylabel("")
    figure.supxlabel(
        f"{_label(_pairs(pooled)[0][0], n)}; {len(pooled[0].names)} runs, median marked",
        fontsize=8,
        parse_math=False,
    )
    plain_legend(figure, handles, loc="outside right center")
    return figure


def _label(pooled: Pooled, n: int | None) -> str:
    """The axis label, with the estimator's own words where the number of rows is known."""
    short = "I(X;Z)" if pooled.quantity == "i_xz" else "I(Z;Y)"
    return style.drawable(
        axis_label(pooled.quantity, pooled.estimator, n)
        if n
        else f"{short} [bits], {pooled.estimator}"
    )


def _pairs(pooled: Sequence[Pooled]) -> list[tuple[Pooled, Pooled]]:
    """I(X;Z) and I(Z;Y) of every layer that has both."""
    known = {(p.layer, p.quantity): p for p in pooled}
    pairs = [
        (known[layer, "i_xz"], known[layer, "i_zy"])
        for layer in dict.fromkeys(p.layer for p in pooled)
        if (layer, "i_xz") in known and (layer, "i_zy") in known
    ]
    if not pairs:
        raise InputError("no layer has both I(X;Z) and I(Z;Y) in all runs")
    return pairs


@style.styled
def draw_compared(planes: Mapping[str, Plane], pooled: Sequence[Pooled]) -> Figure:
    """Planes side by side on top, and below I(X;Z) and I(Z;Y) versus step pooled over runs: every run thin, the median thick, the range shaded."""
    shown = list(planes.items())[:MOST_PLANES]
    figure = style.new_figure(style.PAGE, style.PAGE * 0.85)
    top, bottom = np.asarray(figure.subfigures(2, 1, height_ratios=[1.1, 1]), dtype=object)
    axes = np.atleast_1d(
        top.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)
    ).ravel()
    spec = pooled[0].estimator
    titles = [style.drawable(n) for n in short_names([name for name, _ in shown], 24)]
    for ax, title, (_, plane) in zip(axes, titles, shown, strict=True):
        small_plane(ax, plane, spec)
        ax.set_title(title, fontsize=8, parse_math=False)
    axes[0].set_ylabel("I(Z;Y) [bits]")
    top.supxlabel(
        f"I(X;Z) under {spec} [bits]"
        + (f" ({MOST_PLANES} of {len(planes)} runs)" if len(planes) > MOST_PLANES else ""),
        fontsize=8,
    )
    layers = list(dict.fromkeys(p.layer for p in pooled))
    for ax, quantity, title in zip(
        bottom.subplots(1, 2), ("i_xz", "i_zy"), ("I(X;Z)", "I(Z;Y)"), strict=True
    ):
        _pooled_curves(ax, [p for p in pooled if p.quantity == quantity], layer_tones(layers))
        ax.set_title(f"{title}, {len(planes)} runs: median, every run, range", fontsize=8)
        ax.set_ylabel("[bits]")
        style.step_axis(ax, sorted({s for p in pooled for s in p.steps}))
    plain_legend(bottom, layer_handles(ax, layers, marks=False), loc="outside right center")
    return figure


def _pooled_curves(
    ax: Axes, pooled: Sequence[Pooled], tones: Mapping[str, tuple[float, ...]]
) -> None:
    for p in pooled:
        low, high = p.band()
        ax.fill_between(p.steps, low, high, color=tones[p.layer], alpha=0.15, lw=0)
        ax.plot(p.steps, p.values.T, color=tones[p.layer], lw=0.4, alpha=0.6)
        ax.plot(p.steps, p.median, color=tones[p.layer], lw=1.6)
