"""From a plane to a picture file: one function behind `infoplane plot`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from infoplane.analysis.plot import style
from infoplane.analysis.plot.curves import draw_curves
from infoplane.analysis.plot.judged import draw_sensitivity
from infoplane.analysis.plot.matrix import plot_dpi_matrix, plot_snapshots
from infoplane.analysis.plot.plane import plot_plane
from infoplane.analysis.plot.usable import draw_usable
from infoplane.errors import InputError
from infoplane.new_file import new_file
from infoplane.plane import Plane
from infoplane.types import DPIReport

SUFFIXES = (".png", ".svg", ".pdf", ".gif", ".mp4")
KINDS = ("plane", "curves", "snapshots", "dpi", "sensitivity", "usable")
SIZES = {"column": style.COLUMN, "page": style.PAGE * 0.8}
"""Width in inches of a picture with one Axes: one column of a two-column paper, or a page."""


@style.styled
def draw(
    plane: Plane,
    *,
    kind: str = "plane",
    estimator: str | None = None,
    report: DPIReport | None = None,
    size: str = "page",
    log: bool | None = None,
) -> Figure:
    """A figure of the given kind, one of `KINDS`, and size, one of `SIZES`; ``log`` forces a logarithmic or a linear step axis.

    Raises:
        InputError: an unknown kind or size, or a plane without what the kind needs.
    """
    if kind not in KINDS:
        raise InputError(f"expected kind {', '.join(KINDS)}, got {kind!r}")
    if size not in SIZES:
        raise InputError(f"expected size {' or '.join(SIZES)}, got {size!r}")
    width = SIZES[size]
    if kind == "curves":
        return draw_curves(
            plane,
            estimator=estimator,
            log=log,
            width=style.COLUMN if size == "column" else style.PAGE,
        )
    if kind == "sensitivity":
        return draw_sensitivity(plane)
    if kind == "usable":
        return draw_usable(plane, shannon=estimator)
    if kind == "dpi" and report is None:
        raise InputError("a picture of kind 'dpi' needs the DPI report")
    figure = style.new_figure(
        width, width * (1.05 if size == "column" and kind == "plane" else 0.78)
    )
    ax = figure.add_subplot()
    if kind == "plane":
        plot_plane(plane, report, estimator=estimator, ax=ax, log=log)
    elif kind == "snapshots":
        plot_snapshots(plane, estimator=estimator, ax=ax, log=log)
    elif (judged := report) is not None:
        plot_dpi_matrix(plane, judged, estimator=estimator, ax=ax)
    return figure


def require_suffix(path: Path) -> None:
    """Refuse a file whose ending names no format of pictures.

    Raises:
        InputError: it does.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"expected a file ending in {', '.join(SUFFIXES)}, got {path.name!r}")


def save_picture(
    plane: Plane,
    path: str | Path,
    *,
    kind: str = "plane",
    estimator: str | None = None,
    report: DPIReport | None = None,
    size: str = "page",
    log: bool | None = None,
) -> Path:
    """Draw and write a picture; the suffix of ``path`` decides the format. Returns the path.

    Raises:
        InputError: an unknown kind or suffix.
    """
    path = Path(path)
    require_suffix(path)
    if path.suffix.lower() in (".gif", ".mp4"):
        from infoplane.analysis.plot.animate import save_animation

        return save_animation(plane, path, report=report, estimator=estimator)
    figure = draw(plane, kind=kind, estimator=estimator, report=report, size=size, log=log)
    return write_figure(figure, path)


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
    path = Path(path)
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InputError(f"expected a file ending in .png, .svg or .pdf, got {path.name!r}")
    with style.context(), new_file(path) as part:
        figure.savefig(part)
    return path
