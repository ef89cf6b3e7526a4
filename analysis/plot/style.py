"""The one style of our pictures.

An rcParams context (never global), colours that survive grey print and colour blindness, sizes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import (
    Colormap,
    FuncNorm,
    LinearSegmentedColormap,
    Normalize,
    to_rgba,
)
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox, ScaledTranslation, Transform
from numpy.typing import NDArray

from infoplane.analysis.plot.fonts import families
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

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d", "8", "H")
"""End marker of layer k: shapes tell layers apart without colour."""


Look = dict[str, Any]  # Any: what matplotlib takes
"""Keywords of a line, a mark or a text."""
Tone = tuple[float, float, float, float]
LAYER_TONES = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
    "#000000",
    "#7f7f7f",
    "#8c6d31",
    "#6a3d9a",
)
"""Colours that a colour-blind reader tells apart."""


def marker(index: int) -> str:
    """Return the shape of a layer; shapes repeat after 15 layers."""
    return MARKERS[index % len(MARKERS)]


def dashes(index: int) -> Any:  # Any: a line style
    """Return the line style of a layer; line styles repeat after four layers."""
    return DASHES[index % len(DASHES)]


DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)))
"""Line styles in turn, so that neighbouring layers differ without colour."""

VERDICT_COLOURS = {
    "fault": "#b2182b",
    "violation": "#d6336c",
    "estimator": "#e08214",
    "bias": "#8c6d31",
    "sampling": "#7f7f7f",
}
"""Colour of a flag; the two that fail a check are the darkest in grey.

``not comparable`` is never drawn, ``untestable`` is a hollow mark.
"""


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """``draw`` running inside our rcParams.

    The caller's own style is untouched before and after. Words on an Axes of the caller's keep
    their colour.
    """

    @functools.wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with _sizes() if kwargs.get("ax") is not None else context():
            return draw(*args, **kwargs)

    return inside


def context() -> AbstractContextManager[None]:
    """Our rcParams for a with block, e.g. around ``savefig``.

    Text stays text in SVG, fonts are embedded in PDF.
    """
    inks: Any = {key: mpl.rcParamsDefault[key] for key in INKS}
    return mpl.rc_context({**RC, **inks, "font.family": families()})


def _sizes() -> AbstractContextManager[None]:
    return mpl.rc_context({**RC, "font.family": families()})


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


def height_points(ax: Axes) -> float:
    """Height of an Axes in points."""
    return float(ax.get_window_extent().height / figure_of(ax).dpi * 72)


@styled
def new_figure(width: float = PAGE, height: float = PAGE * 0.6) -> Figure:
    """Return a figure of our style outside pyplot: nothing to close, nothing shown."""
    return Figure(figsize=(width, height), layout="constrained")


def new_panels(
    count: int, columns: int, height: float, extra: float, **shared: bool
) -> tuple[Figure, NDArray[np.object_]]:
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
    figure = new_figure(PAGE, height * rows + extra)
    axes = figure.subplots(rows, -(-count // rows), squeeze=False, **shared).ravel()  # type: ignore[call-overload]  # sharex, sharey
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, axes


def colour_map(name: str = "viridis", low: float = 0.0, high: float = 0.86) -> Colormap:
    """Return a perceptually uniform map without the end that vanishes on white paper.

    Args:
        name: of a map of matplotlib.
        low, high: the part of it that is taken, as shares.
    """
    base = mpl.colormaps[name]
    return LinearSegmentedColormap.from_list(
        f"{name}-{low}-{high}", base(np.linspace(low, high, 256))
    )


def layer_tone(index: int) -> Tone:
    """Colour of layer ``index`` where colours tell layers apart and their number is not known.

    Colours repeat after ten.
    """
    return to_rgba(LAYER_TONES[index % len(LAYER_TONES)])


def pale(tone: Tone, share: float = 0.22) -> Tone:
    """Return a colour mixed with white, ``share`` of it left.

    Opaque, so that what overlaps grows no darker.
    """
    red, green, blue, _ = tone
    return (
        1 - share * (1 - red),
        1 - share * (1 - green),
        1 - share * (1 - blue),
        1.0,
    )


def luminance(tone: Tone) -> float:
    """Return how light a colour is, 0 (black) to 1 (white), linear in sRGB's parts (Rec. 709)."""
    red, green, blue, _ = tone
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ink(tone: Tone, ax: Axes) -> Tone:
    """Return a colour for words outside an Axes.

    The tone, as dark as words on white paper must be; white on a dark figure of the reader's own.
    """
    if luminance(to_rgba(figure_of(ax).get_facecolor())) < 0.5:
        return to_rgba("white")
    share = min(1.0, 0.42 / max(luminance(tone), 1e-9))
    red, green, blue, _ = tone
    return (share * red, share * green, share * blue, 1.0)


def heat_map(empty: str = "white") -> Colormap:
    """Pale to dark for cells of a heat map.

    Perceptually uniform, dark ink for large values, readable in grey; masked cells in ``empty``.
    """
    return colour_map("magma_r", 0.0, 0.92).with_extremes(bad=empty)


def is_log(steps: Sequence[int]) -> bool:
    """Return whether steps are better read on a logarithmic axis.

    Their positive part spans more than a factor of 30.

    Example:
        >>> is_log([0, 1, 10, 100]), is_log([0, 10, 20, 30])
        (True, False)
    """
    positive = [step for step in steps if step > 0]
    return len(positive) > 2 and max(positive) / min(positive) > 30


def step_norm(steps: Sequence[int], log: bool | None = None) -> Normalize:
    """Return the colour scale of steps: linear, or log(1 + step) so that step 0 has its place."""
    low, high = min(steps), max(steps)
    high = high if high > low else low + 1
    if is_log(steps) if log is None else log:
        return FuncNorm((np.log1p, np.expm1), vmin=low, vmax=high)
    return Normalize(low, high)


def step_ticks(steps: Sequence[int], log: bool | None = None) -> list[int]:
    """Return ticks of a step axis.

    0, powers of ten and the last step on a log axis, about five round numbers on a linear one.

    Example:
        >>> step_ticks([0, 1, 5, 40, 300, 8000])
        [0, 1, 10, 100, 1000, 8000]
    """
    low, high = min(steps), max(steps)
    if low == high:
        return [low]
    if is_log(steps) if log is None else log:
        powers = [10**power for power in range(19) if low <= 10**power <= high]
        if powers and high < 5 * powers[-1]:  # the two labels would touch
            powers = powers[:-1]
        return sorted({low, *(powers if len(powers) < 6 else powers[::2]), high})
    ticks = MaxNLocator(5, integer=True).tick_values(low, high)
    return [int(tick) for tick in ticks if low <= tick <= high]


def step_text(step: float) -> str:
    """Return a step as a tick shows it.

    Example:
        >>> step_text(3000), step_text(143000), step_text(2.5e6)
        ('3000', '143k', '2.5M')
    """
    if step < 10_000:
        return f"{step:g}"
    return f"{step / 1e6:.4g}M" if step >= 1e6 else f"{step / 1e3:.4g}k"


def step_axis(ax: Axes, steps: Sequence[int], log: bool | None = None) -> None:
    """Make the x axis a step axis, logarithmic (with step 0) where that reads better.

    Args:
        ax: the Axes.
        steps: that are drawn.
        log: logarithmic; None decides from the steps.
    """
    logarithmic = is_log(steps) if log is None else log
    if logarithmic:
        ax.set_xscale("symlog", linthresh=1, linscale=0.4)
        ax.xaxis.set_minor_locator(NullLocator())
    if logarithmic or len(set(steps)) == 1:
        ax.xaxis.set_major_locator(FixedLocator(step_ticks(steps, log)))
    ax.xaxis.set_major_formatter(lambda step, _place: step_text(step))
    ax.set_xlabel("training step")
