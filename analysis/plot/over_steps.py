"""A number of every layer against the training step."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable, drawable_short_names, wrap_label
from infoplane.analysis.plot.small import layer_tones, plain_legend
from infoplane.analysis.plot.step_axis import step_axis
from infoplane.analysis.plot.tones import dashes, marker

Row = tuple[str, str, int, float]
"""Layer, which of its numbers, step, value."""


@style.styled
def draw_over_steps(label: str, rows: Sequence[Row]) -> Figure:
    """Draw one line per layer and kind of number.

    Args:
        label: of the vertical axis, with the unit.
        rows: layer, kind, step and value, in the order of the layers.
    """
    figure = style.new_figure(style.PAGE, style.PAGE * 0.5)
    ax = figure.add_subplot()
    lines: dict[str, list[tuple[int, float]]] = {}
    layers = list(dict.fromkeys(row[0] for row in rows))
    shorts = dict(zip(layers, drawable_short_names(layers), strict=True))
    for layer, kind, step, value in rows:
        lines.setdefault(f"{shorts[layer]} {kind}".strip(), []).append((step, value))
    tones = layer_tones(list(lines))
    for index, (name, points) in enumerate(lines.items()):
        steps, values = zip(*sorted(points), strict=True)
        ax.plot(
            steps,
            values,
            color=tones[name],
            ls=dashes(index),
            lw=1.1,
            marker=marker(index),
            ms=4,
            label=name,
        )
    step_axis(ax, [step for _, _, step, _ in rows])
    ax.set_ylabel(wrap_label(drawable(label), 40), parse_math=False)
    plain_legend(figure, ax.get_lines(), loc="outside right center")
    return figure
