"""The numbers behind a verdict: one dot per seed beside the bar it is held against.

Curves of all seeds with their median.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import wrap_label
from infoplane.analysis.plot.step_axis import step_axis
from infoplane.analysis.plot.tones import VERDICT_COLOURS, colour_map, marker

TONE = "#3b528b"


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
        units.setdefault(unit_of(name) or name, []).append(name)
    rows = [len(names) for names in units.values()]
    figure = style.new_figure(style.PAGE, 0.5 + 0.30 * sum(rows) + 0.38 * len(rows))
    axes = figure.subplots(len(units), 1, squeeze=False, gridspec_kw={"height_ratios": rows})[:, 0]
    for ax, (unit, names) in zip(axes, units.items(), strict=True):
        _strip(ax, {name: numbers[name] for name in names}, limits)
        ax.set_xlabel(unit if unit not in numbers else "", labelpad=1)
    return figure


def _strip(ax: Axes, numbers: Mapping[str, Sequence[float]], limits: Mapping[str, float]) -> None:
    shown: list[float] = []
    for row, (name, values) in enumerate(numbers.items()):
        finite = [value for value in values if np.isfinite(value)]
        shown += finite
        heights = np.full(len(finite), row)
        ax.scatter(finite, heights, s=16, color=TONE, alpha=0.8, linewidths=0, zorder=3)
        if finite:
            _draw_bar(ax, float(np.median(finite)), row, 0.3, color=TONE, lw=1.5)
        if name in limits:
            shown.append(limits[name])
            red = VERDICT_COLOURS["fault"]
            _draw_bar(ax, limits[name], row, 0.42, color=red, lw=1.2, ls=(0, (2, 1.5)))
    names = [wrap_label(re.sub(r"\s*\[[^\]]*\]\s*$", "", name), 44) for name in numbers]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    low, high = ax.get_xlim()
    if shown and min(shown) >= 0:
        low = 0.0
    ax.set_xlim(low - 0.02 * (high - low), high + 0.03 * (high - low))


def _draw_bar(ax: Axes, value: float, row: int, reach: float, **look: Any) -> None:
    """Draw an upright bar in a row. Any: keywords of a line."""
    ax.plot([value, value], [row - reach, row + reach], zorder=2, **look)


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

    Args:
        x: values along the flat axis, or words.
        lines: by name one curve for every seed, each as long as ``x``.
        x_label, y_label: of the axes, with units.
        log: whether ``x`` are steps on a logarithmic axis.
    """
    figure = style.new_figure(style.PAGE * 0.8, style.PAGE * 0.42)
    ax = figure.add_subplot()
    words = list(map(str, x)) if x and isinstance(x[0], str) else []
    places = np.arange(len(x), dtype=np.float64) if words else np.asarray(x, np.float64)
    colours = colour_map()(np.linspace(0, 1, max(2, len(lines))))  # (names, 4)
    for index, (name, seeds) in enumerate(lines.items()):
        look: style.Look = {"color": colours[index], "marker": marker(index), "label": name}
        _draw_seeds(ax, places, seeds, look)
    if words:
        ax.set_xticks(places, words)
    elif log:
        step_axis(ax, places.astype(int).tolist(), True)
    _widen_up(ax)
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.set(xlabel=x_label, ylabel=wrap_label(y_label, 34))
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _draw_seeds(
    ax: Axes, places: NDArray[np.float64], seeds: Sequence[Sequence[float]], look: style.Look
) -> None:
    """Draw a thin curve for every seed and their median in bold.

    Args:
        ax: where to draw.
        places: along the flat axis, shape (points,).
        seeds: a curve for each, as long as ``places``.
        look: colour, mark and name of the median.
    """
    for values in seeds:
        ax.plot(places, values, color=look["color"], lw=0.6, alpha=0.45)
    median = np.median(np.asarray(seeds, np.float64), axis=0)  # (points,)
    ax.plot(places, median, ms=4, markevery=max(1, len(places) // 12), **look)


def _widen_up(ax: Axes) -> None:
    """Let nearly constant curves start at 0: their last digit must not fill the axis."""
    low, high = ax.get_ylim()
    if high - low < 0.05 * abs(high):
        ax.set_ylim(min(0.0, low), 1.05 * high)
