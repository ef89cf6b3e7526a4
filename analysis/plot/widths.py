"""Information against the width of the bins: a panel per layer, a line per checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from infoplane.analysis.estimators.binned import SAXE_WIDTH
from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable_names
from infoplane.analysis.plot.names import short_names
from infoplane.analysis.plot.small import plain_legend
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
    steps = sorted(set[int]().union(*(sweep.steps for sweep in found)))
    norm, colours = style.step_norm(steps), style.colour_map()
    tones = {step: colours(norm(step)) for step in steps}
    names = drawable_names(short_names([sweep.layer for sweep in found]))
    for ax, sweep, name in zip(axes, found, names, strict=False):
        ax.axhline(np.log2(sweep.n), **CEILING)
        if sweep.widths[0] < SAXE_WIDTH < sweep.widths[-1]:
            ax.axvline(SAXE_WIDTH, **DEFAULT_WIDTH)
        for step, bits in zip(sweep.steps, sweep.bits, strict=True):
            ax.plot(sweep.widths, bits, color=tones[step], lw=1.3)
        ax.set_xscale("log")
        ax.set_xlim(sweep.widths[0], sweep.widths[-1])
        ax.set_ylim(0, 1.06 * np.log2(sweep.n))
        ax.set_title(name, fontsize=7.5, parse_math=False)
    figure.supxlabel("width of the bins [units of the activation]", fontsize=8)
    figure.supylabel("I(X;Z) [bits], bin:saxe", fontsize=8)
    of_steps = [
        Line2D([], [], color=tone, lw=1.3, label=f"step {step}") for step, tone in tones.items()
    ]
    ceiling = Line2D([], [], label=f"log2 {found[0].n}", **CEILING)
    width = Line2D([], [], label=f"width {SAXE_WIDTH:g}", **DEFAULT_WIDTH)
    plain_legend(figure, [*of_steps, ceiling, width], loc="outside right center")
    return figure
