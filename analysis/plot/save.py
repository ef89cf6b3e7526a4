"""From a plane to a picture file: one function behind `infoplane plot`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from infoplane.analysis.plot import style
from infoplane.analysis.plot.curves import draw_curves
from infoplane.analysis.plot.judged import draw_sensitivity
from infoplane.analysis.plot.matrix import plot_dpi_matrix
from infoplane.analysis.plot.plane import plot_plane
from infoplane.analysis.plot.snapshots import plot_snapshots
from infoplane.analysis.plot.usable import draw_usable
from infoplane.analysis.plot.view import View
from infoplane.errors import InputError
from infoplane.new_file import new_file
from infoplane.plane import Plane
from infoplane.types import DPIReport
from infoplane.user_path import path_of

if TYPE_CHECKING:
    from infoplane.analysis.caveats import Caveats

SUFFIXES = (".png", ".svg", ".pdf", ".gif", ".mp4")
KINDS = ("plane", "curves", "snapshots", "dpi", "sensitivity", "usable")
SIZES = {"column": style.COLUMN, "page": style.PAGE * 0.8}
"""Width in inches of a picture with one Axes: one column of a two-column paper, or a page."""

LEAST_WIDTH, MOST_WIDTH = 2.0, 40.0
"""Inches that a picture may be wide."""

VIEWED = ("plane", "curves", "snapshots")
"""Kinds that take a `View`."""


@style.styled
def draw(
    plane: Plane,
    *,
    kind: str = "plane",
    estimator: str | None = None,
    report: DPIReport | None = None,
    size: str | float = "page",
    log: bool | None = None,
    caveats: Caveats | None = None,
    view: View | None = None,
) -> Figure:
    """Draw a plane as a figure.

    Args:
        plane: what was measured.
        kind: one of `KINDS`.
        estimator: spec to draw; None takes the plane's first.
        report: the DPI check, for the kinds ``plane`` and ``dpi``.
        size: one of `SIZES`, or the width in inches; the panels of ``sensitivity`` and ``usable``
            take a page.
        log: forces a logarithmic or a linear step axis; None decides from the steps.
        caveats: what a reader of a plane must know, from
            `infoplane.analysis.caveats.caveats_of`.
        view: title, unit and limits, for the kinds in `VIEWED`.

    Raises:
        InputError: an unknown kind or size, a view of a kind that takes none, or a plane without
            what the kind needs.
    """
    if kind not in KINDS:
        raise InputError(f"expected kind {', '.join(KINDS)}, got {kind!r}")
    width = width_of(size)
    view = view or View()
    if kind not in VIEWED and view != View():
        raise InputError(
            f"title, unit and limits are of the kinds {', '.join(VIEWED)}, got kind {kind!r}"
        )
    if kind == "curves":
        width = style.PAGE if size == "page" else width
        return draw_curves(plane, estimator=estimator, log=log, width=width, view=view)
    if kind == "sensitivity":
        return draw_sensitivity(plane)
    if kind == "usable":
        return draw_usable(plane, shannon=estimator)
    # a plane in one column is higher, for its legend
    height = width * (1.05 if width <= style.COLUMN and kind == "plane" else 0.78)
    ax = style.new_figure(width, height).add_subplot()
    if kind == "plane":
        plot_plane(
            plane,
            report,
            estimator=estimator,
            ax=ax,
            log=log,
            caveats=caveats,
            view=view,
            grow=True,
        )
    elif kind == "snapshots":
        plot_snapshots(plane, estimator=estimator, ax=ax, log=log, view=view)
    elif report is None:
        raise InputError("a picture of kind 'dpi' needs the DPI report")
    else:
        plot_dpi_matrix(plane, report, estimator=estimator, ax=ax)
    return style.figure_of(ax)


def width_of(size: str | float) -> float:
    """Return the width in inches of a picture with one Axes.

    Raises:
        InputError: neither one of `SIZES` nor a width from `LEAST_WIDTH` to `MOST_WIDTH`.
    """
    if size in SIZES:
        return SIZES[str(size)]
    try:
        inches = float(size)
    except (TypeError, ValueError):
        inches = 0.0
    if not LEAST_WIDTH <= inches <= MOST_WIDTH:
        raise InputError(
            f"expected size {', '.join(SIZES)}, or a width in inches from {LEAST_WIDTH:g} to "
            f"{MOST_WIDTH:g}, got {size!r}"
        )
    return inches


def save_picture(
    plane: Plane,
    path: str | Path,
    *,
    kind: str = "plane",
    estimator: str | None = None,
    report: DPIReport | None = None,
    size: str | float = "page",
    log: bool | None = None,
    caveats: Caveats | None = None,
    view: View | None = None,
) -> Path:
    """Draw and write a picture; returns the path.

    Args:
        plane: what was measured.
        path: its suffix decides the format; a .gif or .mp4 is an animation of the plane.
        kind, estimator, report, size, log, caveats, view: see `draw`.

    Raises:
        InputError: an unknown kind or suffix, or a kind that cannot move.
    """
    path = path_of(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"expected a file ending in {', '.join(SUFFIXES)}, got {path.name!r}")
    if path.suffix.lower() not in (".gif", ".mp4"):
        figure = draw(
            plane,
            kind=kind,
            estimator=estimator,
            report=report,
            size=size,
            log=log,
            caveats=caveats,
            view=view,
        )
        return write_figure(figure, path)
    if kind != "plane":
        raise InputError(f"an animation is of kind plane, got {kind!r}; write a .png or .svg of it")
    from infoplane.analysis.plot.animate import save_animation

    return save_animation(
        plane, path, report=report, estimator=estimator, caveats=caveats, view=view
    )


def pixels(figure: Figure) -> NDArray[np.uint8]:
    """The figure as RGBA pixels, shape ``(height, width, 4)``, for programs that take images."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with style.context():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib
        return np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]  # matplotlib


def write_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure as .png, .svg (text stays text) or .pdf (fonts embedded); returns the path.

    Raises:
        InputError: another suffix.
    """
    path = path_of(path)
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InputError(f"expected a file ending in .png, .svg or .pdf, got {path.name!r}")
    with style.context(), new_file(path) as part:
        figure.savefig(part)
    return path
