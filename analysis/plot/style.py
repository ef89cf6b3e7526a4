"""The one style of our pictures: an rcParams context, never global, and figures made in it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from infoplane.analysis.plot.fonts import families
from infoplane.analysis.plot.tones import Tone, luminance
from infoplane.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")

COLUMN, PAGE = 3.5, 7.2
"""Widths in inches of a figure in one column of a two-column paper and across the page."""

RC: Any = {  # Any: matplotlib types every key
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "figure.dpi": 120,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}
INKS: Any = (  # Any: matplotlib types every key
    "text.color",
    "axes.labelcolor",
    "axes.edgecolor",
    "axes.titlecolor",
    "xtick.color",
    "ytick.color",
    "xtick.labelcolor",
    "ytick.labelcolor",
    "legend.labelcolor",
    "savefig.facecolor",
)
"""Colours that a figure of ours takes from matplotlib's default, whatever the reader's style.

The words of a dark style are white, and so is our paper.
"""


Look = dict[str, Any]  # Any: what matplotlib takes
"""Keywords of a line, a mark or a text."""


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """``draw`` running inside our rcParams.

    The caller's own style is untouched before and after. Words on an Axes of the caller's keep
    their colour.
    """

    @functools.wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with context(inks=kwargs.get("ax") is None):
            return draw(*args, **kwargs)

    return inside


def context(*, inks: bool = True) -> AbstractContextManager[None]:
    """Our rcParams for a with block, e.g. around ``savefig``; `INKS` among them.

    Text stays text in SVG, fonts are embedded in PDF.
    """
    ours: Any = {key: mpl.rcParamsDefault[key] for key in INKS if inks}
    return mpl.rc_context({**RC, **ours, "font.family": families()})


def new_axes(ax: Axes | None, width: float = PAGE * 0.75, height: float = PAGE * 0.5) -> Axes:
    """Return the given Axes, or one on a new pyplot figure (so that notebooks show it).

    Args:
        ax: one that is there, or None.
        width, height: of a new figure in inches.
    """
    if ax is not None:
        if luminance(to_rgba(ax.get_facecolor())) < 0.5:
            ax.set_facecolor("white")  # our colours are made for white paper
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def figure_of(ax: Axes) -> Figure:
    """Return the figure an Axes stands on, the outermost one where figures are nested."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise InputError("the Axes has been removed from its figure")
    return figure


@styled
def new_figure(width: float = PAGE, height: float = PAGE * 0.6) -> Figure:
    """Return a figure of our style outside pyplot: nothing to close, nothing shown."""
    return Figure(figsize=(width, height), layout="constrained")


def new_panels(
    count: int, columns: int, height: float, extra: float, **shared: bool
) -> tuple[Figure, list[Axes]]:
    """Return a figure across the page of so many panels.

    In rows of at most ``columns`` and as even as can be, each row ``height`` inches; places left
    over are blank.

    Args:
        count: panels.
        columns: panels in a row, at most.
        height: of a row in inches.
        extra: inches for what stands around the panels.
        shared: ``sharex`` and ``sharey`` of matplotlib.
    """
    rows = -(-count // columns)
    in_a_row = -(-count // rows)
    figure = new_figure(PAGE, height * rows + extra)
    axes = figure.subplots(rows, in_a_row, squeeze=False, **shared).ravel()  # type: ignore[call-overload]  # sharex, sharey
    for ax in axes[count:]:
        ax.set_axis_off()
    panels = list(axes[:count])
    for ax in panels[-in_a_row:]:  # the lowest of its column, also above a blank place
        ax.tick_params(labelbottom=True)
    return figure, panels


def ink(tone: Tone, ax: Axes) -> Tone:
    """Return a colour for words outside an Axes.

    The tone, as dark as words on white paper must be; white on a dark figure of the reader's own.
    """
    if luminance(to_rgba(figure_of(ax).get_facecolor())) < 0.5:
        return to_rgba("white")
    share = min(1.0, 0.42 / max(luminance(tone), 1e-9))
    red, green, blue, _ = tone
    return (share * red, share * green, share * blue, 1.0)
