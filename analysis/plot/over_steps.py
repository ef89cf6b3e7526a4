"""A number of every layer against the training step."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable

Row = tuple[str, str, int, float]
"""Layer, which of its numbers, step, value."""


@style.styled
def draw_over_steps(label: str, rows: Sequence[Row]) -> Figure:
    """Draw one line per layer and kind of number.

    Args:
        label: of the vertical axis, with the unit.
        rows: layer, kind, step and value, in the order of the layers.
    """
    figure = style.new_figure(style.PAGE * 0.8, style.PAGE * 0.5)
    axes = figure.add_subplot()
    lines: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for layer, kind, step, value in rows:
        lines.setdefault((layer, kind), []).append((step, value))
    for number, ((layer, kind), points) in enumerate(lines.items()):
        steps, values = zip(*sorted(points), strict=True)
        name = drawable(f"{layer} {kind}".strip())
        axes.plot(steps, values, marker=style.marker(number), ms=4, lw=1.1, label=name)
    smallest, largest = min(row[2] for row in rows), max(row[2] for row in rows)
    if largest > 100 * max(1, smallest):
        axes.set_xscale("symlog", linthresh=1)
    axes.set_xlabel("training step")
    axes.set_ylabel(drawable(label))
    axes.legend(fontsize=7, ncols=1 if len(lines) < 8 else 2)
    return figure
