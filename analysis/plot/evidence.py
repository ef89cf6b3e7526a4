"""The numbers behind a verdict: one dot per seed beside the bar it is held against.

Curves of all seeds with their median.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.labels import wrap_label


def unit_of(quantity: str) -> str:
    """Return the unit in brackets at the end of a quantity's name.

    Example:
        >>> unit_of("drop of layer 5 [bits]"), unit_of("leaks")
        ('bits', '')
    """
    found = re.search(r"\[([^\]]*)\]\s*$", quantity)
    return found.group(1) if found else ""


@style.styled
def draw_numbers(numbers: Mapping[str, Sequence[float]], limits: Mapping[str, float]) -> Figure:
    """One row per quantity: a dot per seed, a bar at their median, a dashed line at the limit.

    Quantities of one unit share a scale.
    """
    units: dict[str, list[str]] = {}
    for name in numbers:
        units.setdefault(unit_of(name) if unit_of(name) else name, []).append(name)
    rows = [len(names) for names in units.values()]
    figure = style.new_figure(style.PAGE, 0.5 + 0.30 * sum(rows) + 0.38 * len(rows))
    axes = figure.subplots(len(units), 1, squeeze=False, gridspec_kw={"height_ratios": rows})[:, 0]
    for ax, (unit, names) in zip(axes, units.items(), strict=True):
        _strip(ax, [(n, numbers[n], limits.get(n)) for n in names])
        ax.set_xlabel(unit if unit not in numbers else "", labelpad=1)
    return figure


def _strip(ax: Axes, rows: Sequence[tuple[str, Sequence[float], float | None]]) -> None:
    names = []
    for k, (name, values, limit) in enumerate(rows):
        finite = [v for v in values if np.isfinite(v)]
        ax.scatter(
            finite,
            np.full(len(finite), k),
            s=16,
            color="#3b528b",
            alpha=0.8,
            linewidths=0,
            zorder=3,
        )
        if finite:
            ax.plot([np.median(finite)] * 2, [k - 0.3, k + 0.3], color="#3b528b", lw=1.5, zorder=2)
        if limit is not None:
            ax.plot(
                [limit] * 2,
                [k - 0.42, k + 0.42],
                color=style.VERDICT_COLOURS["fault"],
                lw=1.2,
                ls=(0, (2, 1.5)),
                zorder=2,
            )
        names.append(re.sub(r"\s*\[[^\]]*\]\s*$", "", name))
    ax.set_yticks(range(len(names)), [wrap_label(n, 44) for n in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    low, high = ax.get_xlim()
    shown = [
        v
        for _, values, limit in rows
        for v in (*values, *([] if limit is None else [limit]))
        if np.isfinite(v)
    ]
    if shown and min(shown) >= 0:
        low = 0.0
    ax.set_xlim(low - 0.02 * (high - low), high + 0.03 * (high - low))


@style.styled
def draw_lines(
    x: Sequence[float] | Sequence[str],
    lines: Mapping[str, Sequence[Sequence[float]]],
    *,
    x_label: str,
    y_label: str,
    log: bool = False,
) -> Figure:
    """Per name one thin curve for every seed and their median in bold.

    Marks tell the names apart without colour. Words as ``x`` are places side by side.
    """
    figure = style.new_figure(style.PAGE * 0.8, style.PAGE * 0.42)
    ax = figure.add_subplot()
    colours = style.colour_map()(np.linspace(0, 1, max(2, len(lines))))
    words = [str(v) for v in x] if x and isinstance(x[0], str) else []
    at = np.arange(len(x), dtype=np.float64) if words else np.asarray(x, np.float64)
    for k, (name, seeds) in enumerate(lines.items()):
        for values in seeds:
            ax.plot(at, values, color=colours[k], lw=0.6, alpha=0.45)
        middle = np.median(np.asarray(seeds, np.float64), axis=0)
        ax.plot(
            at,
            middle,
            color=colours[k],
            marker=style.MARKERS[k % len(style.MARKERS)],
            ms=4,
            markevery=max(1, len(at) // 12),
            label=name,
        )
    if words:
        ax.set_xticks(at, words)
    elif log:
        style.step_axis(ax, [int(v) for v in at], True)
    low, high = ax.get_ylim()
    if high - low < 0.05 * abs(
        high
    ):  # nearly constant: a scale that does not blow up the last digit
        ax.set_ylim(min(0.0, low), 1.05 * high)
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.set(xlabel=x_label, ylabel=wrap_label(y_label, 34))
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
