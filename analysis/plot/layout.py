"""Sizes and places on a figure, as its layout will leave them."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox, ScaledTranslation, Transform

from infoplane.analysis.plot.style import Look, figure_of


def settle(figure: Figure) -> None:
    """Lay the figure out as drawing it would: sizes in pixels mean something then.

    Drawing it to find out would take twice as long. Where the figure has no layout, words and
    legends that stand off it are brought back.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        return
    figure.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    held = Bbox.union([box for box in boxes if box is not None])
    width, height = figure.bbox.size
    now = figure.subplotpars
    left = now.left + max(0.0, -held.x0 / width)
    right = now.right - max(0.0, held.x1 / width - 1)
    bottom = now.bottom + max(0.0, -held.y0 / height)
    top = now.top - max(0.0, held.y1 / height - 1)
    moved = (left, right, bottom, top) != (now.left, now.right, now.bottom, now.top)
    if moved and left < right and bottom < top:
        figure.subplots_adjust(left=left, right=right, bottom=bottom, top=top)


def width_points(ax: Axes) -> float:
    """Width of an Axes in points, as the layout will leave it."""
    settle(figure_of(ax))
    return float(ax.get_window_extent().width / figure_of(ax).dpi * 72)


def height_points(ax: Axes) -> float:
    """Height of an Axes in points."""
    return float(ax.get_window_extent().height / figure_of(ax).dpi * 72)


def below(ax: Axes, points: float) -> Transform:
    """Return axes fractions moved down by ``points``.

    A legend there stands clear of tick and axis labels whatever the size of the figure.
    """
    return ax.transAxes + ScaledTranslation(0, -points / 72, figure_of(ax).dpi_scale_trans)


def is_narrow(ax: Axes) -> bool:
    """Return whether the figure is one column of a paper rather than a page."""
    return float(figure_of(ax).get_figwidth()) < 5


def beside(ax: Axes) -> Look:
    """Return where a legend goes.

    Right of the Axes, or under its labels where the figure is one column wide.
    """
    if not is_narrow(ax):
        return {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
    lines = ax.get_xlabel().count("\n") + 1
    return {
        "loc": "upper right",
        "bbox_to_anchor": (1, 0),
        "bbox_transform": below(ax, 20 + 13 * lines),
        "ncols": 2,
    }
