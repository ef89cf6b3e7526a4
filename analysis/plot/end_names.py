"""Names of layers at the ends of their curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable_names
from infoplane.analysis.plot.layout import height_points, is_narrow, settle
from infoplane.analysis.plot.names import layer_labels, named
from infoplane.analysis.plot.place import spread
from infoplane.analysis.plot.small import layer_tones
from infoplane.analysis.plot.tones import Tone
from infoplane.plane import Plane

if TYPE_CHECKING:
    from infoplane.analysis.plot.curves import Curve

_SMALLEST = 5.5
"""Points of the smallest names of layers."""
_START = 1.035
"""Where names begin, as a share of the width of the Axes; their length does not change with it."""


def name_ends(ax: Axes, plane: Plane, curves: Sequence[Curve]) -> None:
    """Write names in a column at the right of the axes, spread so that none covers another.

    Each is joined to its curve; of many layers, as many are named as fit. To be called when all
    else on the figure is there and laid out.

    Args:
        ax: the Axes.
        plane: knows the reductions of the layers.
        curves: in layer order.
    """
    height = height_points(ax)
    places = named(len(curves), max(2, int(height / (1.25 * _SMALLEST))))
    layers = [curve.layer for curve in curves]
    tones = layer_tones(layers)
    labels = drawable_names(layer_labels(plane, layers, 14 if is_narrow(ax) else 22))
    size = min(7.0, height / len(places) / 1.25)
    wanted = [_height_of_end(ax, curves[index]) for index in places]
    slots = spread(wanted[::-1], 1.2 * size / height, 0.02, 0.98)[::-1]
    for index, slot in zip(places, slots, strict=True):
        _write_name(ax, labels[index], curves[index], tones[layers[index]], slot, size)
    figure = style.figure_of(ax)
    settle(figure)  # the names have taken room from the Axes
    right = max(text.get_window_extent().x1 for text in ax.texts)
    inches = (right - ax.transAxes.transform((_START, 0.0))[0]) / figure.dpi
    ends = ax.transAxes + ScaledTranslation(inches, 0, figure.dpi_scale_trans)
    legend = ax.get_legend()
    if legend is not None:
        legend.set_bbox_to_anchor((_START, 1), transform=ends)
    if len(places) < len(curves):
        label = ax.xaxis.label
        low = label.get_window_extent().y0
        height = float(ax.transAxes.inverted().transform((0.0, low))[1])
        ax.annotate(
            f"{len(places)} of {len(curves)} layers named",
            (_START, height),
            xycoords=ends,
            ha="right",
            fontsize=6.0,
            color=label.get_color(),
            gid="named",
        )


def _height_of_end(ax: Axes, curve: Curve) -> float:
    """Return where a curve ends, as a share of the Axes.

    Rounded, so that curves that end together are listed in layer order.
    """
    low, high = ax.get_ylim()
    return round((curve.estimates[-1].bits - low) / (high - low) / 0.03) * 0.03


def _write_name(ax: Axes, name: str, curve: Curve, tone: Tone, slot: float, size: float) -> None:
    """Write a layer's name right of the Axes at the height ``slot``, joined to its curve's end."""
    ax.annotate(
        name,
        (curve.steps[-1], curve.estimates[-1].bits),
        xytext=(_START, slot),
        textcoords="axes fraction",
        fontsize=size,
        va="center",
        ha="left",
        color=style.ink(tone, ax),
        parse_math=False,
        annotation_clip=False,
        gid="name",
        arrowprops={
            "arrowstyle": "-",
            "lw": 0.5,
            "color": tone,
            "alpha": 0.7,
            "shrinkA": 1,
            "shrinkB": 1,
            "relpos": (0, 0.5),
        },
    )
