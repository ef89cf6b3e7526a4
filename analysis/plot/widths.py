"""Information against the width of the bins: a panel per layer, a line per checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from infoplane.analysis.estimators.binned import SAXE_WIDTH
from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable_short_names
from infoplane.analysis.plot.small import plain_legend
from infoplane.analysis.plot.step_axis import step_norm
from infoplane.analysis.plot.tones import Tone, colour_map
from infoplane.errors import InputError

if TYPE_CHECKING:
    from infoplane.analysis.studies.bin_width import WidthSweep

CEILING: style.Look = {"color": "#555555", "lw": 0.8, "ls": "--"}
DEFAULT_WIDTH: style.Look = {"color": "#555555", "lw": 0.8, "ls": ":"}
"""How both lines are drawn, here and in the legend."""


@style.styled
def draw_widths(found: Sequence[WidthSweep], *, columns: int = 3) -> Figure:
    """Draw I(X;Z) of `bin:saxe` against the width of its cells: a panel per layer.

    One line per checkpoint; dashed, log2 of the rows; dotted, the width that `bin:saxe` takes
    unasked.
    """
    if not found:
        raise InputError("nothing to draw: give the sweep of at least one layer")
    figure, axes = style.new_panels(len(found), columns, 1.45, 0.6, sharey=True)
    tones = _step_tones(found)
    names = drawable_short_names([sweep.layer for sweep in found])
    for ax, sweep, name in zip(axes, found, names, strict=True):
        _draw_sweep(ax, sweep, tones)
        ax.set_title(name, fontsize=7.5, parse_math=False)
    figure.supxlabel("width of the bins [units of the activation]", fontsize=8)
    figure.supylabel("I(X;Z) [bits], bin:saxe", fontsize=8)
    plain_legend(figure, _entries(tones, found[0].n))
    return figure


def _step_tones(found: Sequence[WidthSweep]) -> dict[int, Tone]:
    """Return a colour for every checkpoint of any layer, dark to bright."""
    steps = sorted(set[int]().union(*(sweep.steps for sweep in found)))
    norm, colours = step_norm(steps), colour_map()
    return {step: colours(norm(step)) for step in steps}


def _draw_sweep(ax: Axes, sweep: WidthSweep, tones: Mapping[int, Tone]) -> None:
    """Draw the lines of one layer, its ceiling, and the width that is taken unasked."""
    ceiling = np.log2(sweep.n)
    ax.axhline(ceiling, **CEILING)
    if sweep.widths[0] < SAXE_WIDTH < sweep.widths[-1]:
        ax.axvline(SAXE_WIDTH, **DEFAULT_WIDTH)
    for step, bits in zip(sweep.steps, sweep.bits, strict=True):
        ax.plot(sweep.widths, bits, color=tones[step], lw=1.3)
    ax.set_xscale("log")
    ax.set_xlim(sweep.widths[0], sweep.widths[-1])
    ax.set_ylim(0, 1.06 * ceiling)


def _entries(tones: Mapping[int, Tone], rows: int) -> list[Line2D]:
    """Return the entries of the legend: checkpoints, ceiling, default width."""
    entries = []
    for step, tone in tones.items():
        entries.append(Line2D([], [], color=tone, lw=1.3, label=f"step {step}"))
    entries.append(Line2D([], [], label=f"log2 {rows}", **CEILING))
    entries.append(Line2D([], [], label=f"width {SAXE_WIDTH:g}", **DEFAULT_WIDTH))
    return entries
