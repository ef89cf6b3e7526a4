"""From a plane to a picture file: one function behind `infoplane plot`."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.curves import draw_curves
from infoplane.analysis.plot.matrix import plot_dpi_matrix, plot_snapshots
from infoplane.analysis.plot.plane import plot_plane
from infoplane.errors import InputError
from infoplane.plane import Plane
from infoplane.types import DPIReport

SUFFIXES = (".png", ".svg", ".pdf", ".gif", ".mp4")
KINDS = ("plane", "curves", "snapshots", "dpi")


@style.styled
def draw(plane: Plane, *, kind: str = "plane", estimator: str | None = None, report: DPIReport | None = None) -> Figure:
    """A figure of the given kind: one of `KINDS`.

    Raises:
        InputError: an unknown kind.
    """
    if kind == "plane":
        figure = style.new_figure(style.PAGE * 0.8, style.PAGE * 0.58)
        plot_plane(plane, report, estimator=estimator, ax=figure.add_subplot())
        return figure
    if kind == "snapshots":
        figure = style.new_figure(style.PAGE * 0.8, style.PAGE * 0.5)
        plot_snapshots(plane, estimator=estimator, ax=figure.add_subplot())
        return figure
    if kind == "dpi":
        if report is None:
            raise InputError("a picture of kind 'dpi' needs the DPI report")
        figure = style.new_figure(style.PAGE * 0.7, style.PAGE * 0.6)
        plot_dpi_matrix(plane, report, estimator=estimator, ax=figure.add_subplot())
        return figure
    if kind == "curves":
        return draw_curves(plane, estimator=estimator)
    raise InputError(f"expected kind {', '.join(KINDS)}, got {kind!r}")


def save_picture(
    plane: Plane, path: str | Path, *, kind: str = "plane", estimator: str | None = None, report: DPIReport | None = None
) -> Path:
    """Draw and write a picture; the suffix of ``path`` decides the format. Returns the path.

    Raises:
        InputError: an unknown kind or suffix.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"expected a file ending in {', '.join(SUFFIXES)}, got {path.name!r}")
    if path.suffix.lower() in (".gif", ".mp4"):
        from infoplane.analysis.plot.animate import save_animation

        return save_animation(plane, path, report=report, estimator=estimator)
    figure = draw(plane, kind=kind, estimator=estimator, report=report)
    with style.context():
        figure.savefig(path)
    return path
