"""A plane on the screen: drawn on a pyplot figure and shown where there is somebody to see it."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.plot.plane import plot_plane
from infoplane.plane import Plane
from infoplane.types import DPIReport

__all__ = [
    "Axes",
    "Figure",
    "show_plane",
]  # the two types for annotations elsewhere: only this package imports matplotlib


def show_plane(
    plane: Plane, report: DPIReport | None = None, *, estimator: str | None = None, **options: Any
) -> Axes:  # Any: of plot_plane
    """Draw and show; without a display (a script on a server) the Axes is only returned."""
    import matplotlib.pyplot as plt

    ax = plot_plane(plane, report, estimator=estimator, **options)
    if mpl.get_backend().lower() != "agg":  # agg draws into memory only, and would warn
        plt.show()
    return ax
