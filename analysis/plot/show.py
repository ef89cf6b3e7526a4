"""A figure on the screen, where there is a display."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["Axes", "Figure", "show_screen"]
"""The two types are for annotations elsewhere: only this package imports matplotlib."""


def show_screen() -> None:
    """Show pyplot's figures; nothing without a display (a script on a server)."""
    import matplotlib.pyplot as plt

    if mpl.get_backend().lower() != "agg":  # agg draws into memory only, and would warn
        plt.show()
