"""Figures of what was judged beyond the plane: phases, invariance, sensitivity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable_short_names
from infoplane.analysis.plot.frame import label_across
from infoplane.analysis.plot.layout import beside, height_points, is_narrow, settle
from infoplane.analysis.plot.names import named
from infoplane.analysis.plot.small import layer_handles, plain_legend, small_plane, widen
from infoplane.analysis.plot.tones import layer_tone, marker
from infoplane.errors import InputError
from infoplane.plane import Plane

if TYPE_CHECKING:
    from infoplane.analysis.studies.compression import Compression
    from infoplane.analysis.studies.invariance import Invariance
    from infoplane.analysis.studies.phases import Phases


@style.styled
def plot_phases(phases: Phases, *, ax: Axes | None = None) -> Axes:
    """Draw falls of I(X;Z) from their split-half peaks with 95 % intervals.

    One row per layer and estimator; filled where it counts as compression.
    """
    looks = _looks(phases)
    rows = sum(len(phase.curves) for phase in phases.layers)
    ax = style.new_axes(ax, style.PAGE * 0.8, max(1.8, 0.17 * rows + 0.9))
    row, centres = 0.0, []
    for phase in phases.layers:
        top = row
        for curve in phase.curves:
            _draw_fall(ax, row, curve, looks[curve.estimator])
            row += 1
        centres.append((top + row - 1) / 2)
        row += 0.8
    ax.axvline(0, color="#555555", lw=0.8)
    ax.set_ylim(row - 0.3, -1.0)
    ax.grid(False, axis="y")
    entries = [Line2D([], [], label=spec, **look) for spec, look in looks.items()]
    words = "hollow: no compression"
    entries.append(Line2D([], [], color="#555555", ls="none", marker="o", mfc="white", label=words))
    ax.legend(handles=entries, **beside(ax))
    _name_phases(ax, phases, centres)
    label_across(ax, "fall of I(X;Z) from its split-half peak [bits], 95 %")
    ax.legend(handles=entries, **beside(ax))  # clear of the label, whose lines are known now
    return ax


def _looks(phases: Phases) -> dict[str, style.Look]:
    """Return shape and colour of every estimator."""
    specs: dict[str, None] = {}
    for phase in phases.layers:
        specs |= dict.fromkeys(curve.estimator for curve in phase.curves)
    return {
        spec: {"marker": marker(index), "color": layer_tone(index)}
        for index, spec in enumerate(specs)
    }


def _draw_fall(ax: Axes, row: float, curve: Compression, look: style.Look) -> None:
    """Draw one fall with its interval, filled where it counts as compression."""
    ends = [curve.low, curve.high]
    ax.plot(ends, [row, row], color=look["color"], lw=1.4, solid_capstyle="butt")
    face = look["color"] if curve.compresses else "white"
    ax.plot(curve.drop, row, ls="none", ms=5, mfc=face, **look)


def _name_phases(ax: Axes, phases: Phases, centres: Sequence[float]) -> None:
    """Write layer and verdict beside the rows of each layer, one above the other where they fit."""
    separator = ": " if height_points(ax) < 20 * len(centres) else "\n"
    names = _row_names(ax, [phase.layer for phase in phases.layers])
    words = []
    for name, phase in zip(names, phases.layers, strict=True):
        words.append(f"{name}{separator}{phase.verdict}")
    _name_rows(ax, centres, words)


def _row_names(ax: Axes, layers: Sequence[str]) -> list[str]:
    return drawable_short_names(layers, 14 if is_narrow(ax) else 24)


def _name_rows(ax: Axes, centres: Sequence[float], words: Sequence[str]) -> None:
    """Write words beside rows, of many as many as fit."""
    settle(style.figure_of(ax))
    height = height_points(ax)
    places = named(len(words), max(2, int(height / 7)))
    size = max(5.5, min(7.0, 0.8 * height / len(places)))
    shown = [words[place] for place in places]
    ax.set_yticks([centres[place] for place in places], shown, fontsize=size, parse_math=False)
    settle(style.figure_of(ax))


@style.styled
def plot_invariance(found: Sequence[Invariance], *, ax: Axes | None = None) -> Axes:
    """Draw invariance error beside sensitivity, per layer and estimator.

    What notation moves, and what losing half of the units moves.
    """
    if not found:
        raise InputError("nothing to draw: the battery gave no result")
    ax = style.new_axes(ax, style.PAGE * 0.85, max(1.8, 0.2 * len(found) + 0.9))
    rows = np.arange(len(found), dtype=float)
    _draw_pairs(ax, found, rows)
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    if is_narrow(ax):
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1))
    else:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1))
    layers = list(dict.fromkeys(result.layer for result in found))
    shorts = dict(zip(layers, _row_names(ax, layers), strict=True))
    words = [f"{shorts[result.layer]}  {result.estimator}" for result in found]
    _name_rows(ax, rows.tolist(), words)
    symbol = "I(Z;Y)" if found[0].quantity == "i_zy" else "I(X;Z)"
    label = f"{symbol} as each estimator defines it [bits]"
    if height_points(ax) > 6 * len(found):
        label += ", number: discriminability"
        _write_discriminability(ax, found)
    label_across(ax, label)
    return ax


def _draw_pairs(ax: Axes, found: Sequence[Invariance], rows: NDArray[np.float64]) -> None:
    """Draw two bars for every result: what notation moves, and what the loss of units moves."""
    turn = "\n" if is_narrow(ax) else " "
    errors = [result.error for result in found]
    label = f"invariance error:{turn}largest change under invertible maps"
    ax.barh(rows - 0.18, errors, 0.34, color="#d55e00", label=label)
    losses = [result.sensitivity for result in found]
    label = f"sensitivity:{turn}loss when half of the units go"
    ax.barh(rows + 0.18, losses, 0.34, color="#0072b2", label=label)


def _write_discriminability(ax: Axes, found: Sequence[Invariance]) -> None:
    """Write a number behind the longer bar of every result."""
    highest = max(max(result.error, result.sensitivity) for result in found)
    for row, result in enumerate(found):
        end = max(result.error, result.sensitivity, 0) + 0.01 * highest
        ax.text(end, row, f"{result.discriminability:.2f}", va="center", fontsize=6.5)


@style.styled
def draw_sensitivity(plane: Plane, *, columns: int = 4) -> Figure:
    """Small multiples: the same run's plane under every estimator of ``plane``, on equal axes."""
    specs = plane.estimators
    figure, axes = style.new_panels(len(specs), columns, 1.45, 0.5, sharex=True, sharey=True)
    for ax, spec in zip(axes, specs, strict=True):
        small_plane(ax, plane, spec)
        ax.set_title(spec, fontsize=6.5)
    widen(axes[0])
    figure.supxlabel("I(X;Z) as each estimator defines it [bits]", fontsize=8)
    words = "I(Z;Y) as each\nestimator defines it [bits]"
    figure.supylabel(words, fontsize=8, multialignment="center")
    plain_legend(figure, layer_handles(axes[0], plane.layers))
    return figure
