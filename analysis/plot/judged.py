"""Figures of what was judged beyond the plane: phases, invariance, sensitivity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable
from infoplane.analysis.plot.labels import wrap_label
from infoplane.analysis.plot.small import layer_handles, plain_legend, small_plane
from infoplane.errors import InputError
from infoplane.plane import Plane

if TYPE_CHECKING:
    from infoplane.analysis.studies.invariance import Invariance
    from infoplane.analysis.studies.phases import Phases

_TONES = style.LAYER_TONES


@style.styled
def plot_phases(phases: Phases, *, ax: Axes | None = None) -> Axes:
    """Draw falls of I(X;Z) from their split-half peaks with 95 % intervals.

    One row per layer and estimator; filled where it counts as compression.
    """
    curves = [(phase, c) for phase in phases.layers for c in phase.curves]
    ax = style.new_axes(ax, style.PAGE * 0.8, max(1.8, 0.17 * len(curves) + 0.9))
    specs = list(dict.fromkeys(c.estimator for _, c in curves))
    y, ticks, names = 0.0, [], []
    for phase in phases.layers:
        top = y
        for c in phase.curves:
            tone = _TONES[specs.index(c.estimator) % len(_TONES)]
            ax.plot([c.low, c.high], [y, y], color=tone, lw=1.4, solid_capstyle="butt")
            ax.plot(c.drop, y, "o", ms=5, color=tone, mfc=tone if c.compresses else "white")
            y += 1
        ticks.append((top + y - 1) / 2)
        names.append(f"{drawable(phase.layer)}\n{phase.verdict}")
        y += 0.8
    ax.axvline(0, color="#555555", lw=0.8)
    ax.set_yticks(ticks, names)
    ax.set_ylim(y - 0.3, -1.0)
    ax.grid(False, axis="y")
    ax.set_xlabel(
        wrap_label(
            "fall of I(X;Z) from its split-half peak [bits], 95 %",
            40 if style.is_narrow(ax) else 80,
        )
    )
    marks = [
        ax.plot([], [], "o-", color=_TONES[k % len(_TONES)], label=spec)[0]
        for k, spec in enumerate(specs)
    ]
    marks.append(
        ax.plot([], [], "o", color="#555555", mfc="white", label="hollow: no compression")[0]
    )
    ax.legend(handles=marks, **style.beside(ax))
    return ax


@style.styled
def plot_invariance(found: Sequence[Invariance], *, ax: Axes | None = None) -> Axes:
    """Draw invariance error beside sensitivity, per layer and estimator.

    What notation moves, and what losing half of the units moves.
    """
    if not found:
        raise InputError("nothing to draw: the battery gave no result")
    ax = style.new_axes(ax, style.PAGE * 0.85, max(1.8, 0.2 * len(found) + 0.9))
    y = np.arange(len(found), dtype=float)
    turn = "\n" if style.is_narrow(ax) else " "
    ax.barh(
        y - 0.18,
        [f.error for f in found],
        0.34,
        color="#d55e00",
        label=f"invariance error:{turn}largest change under invertible maps",
    )
    ax.barh(
        y + 0.18,
        [f.sensitivity for f in found],
        0.34,
        color="#0072b2",
        label=f"sensitivity:{turn}loss when half of the units go",
    )
    high = max(max(f.error, f.sensitivity) for f in found)
    for k, f in enumerate(found):
        ax.text(
            max(f.error, f.sensitivity, 0) + 0.01 * high,
            k,
            f"{f.discriminability:.2f}",
            va="center",
            fontsize=6.5,
        )
    ax.set_yticks(y, [f"{drawable(f.layer)}  {f.estimator}" for f in found])
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    ax.set_xlabel(
        f"{'I(Z;Y)' if found[0].quantity == 'i_zy' else 'I(X;Z)'} as each estimator{turn}defines "
        f"it [bits];{turn}number: discriminability"
    )
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1)
    return ax


@style.styled
def draw_sensitivity(plane: Plane, *, columns: int = 4) -> Figure:
    """Small multiples: the same run's plane under every estimator of ``plane``, on equal axes."""
    specs = plane.estimators
    rows = -(-len(specs) // columns)
    figure = style.new_figure(style.PAGE, 1.45 * rows + 0.5)
    axes = np.atleast_1d(
        figure.subplots(rows, min(columns, len(specs)), sharex=True, sharey=True, squeeze=False)
    ).ravel()
    for ax, spec in zip(axes, specs, strict=False):
        small_plane(ax, plane, spec)
        ax.set_title(spec, fontsize=7.5)
    for ax in axes[len(specs) :]:
        ax.set_axis_off()
    for ax in axes[
        max(0, len(specs) - columns) : len(specs)
    ]:  # the lowest of each column, also above an empty place
        ax.tick_params(labelbottom=True)
    figure.supxlabel("I(X;Z) as each estimator defines it [bits]", fontsize=8)
    figure.supylabel(
        "I(Z;Y) as each\nestimator defines it [bits]", fontsize=8, multialignment="center"
    )
    plain_legend(figure, layer_handles(axes[0], plane.layers), loc="outside right center")
    return figure
