"""What tells layers, verdicts and checkpoints apart: shapes, dashes, and colours.

They survive grey print and colour blindness.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgba

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d", "8", "H")
"""End marker of layer k: shapes tell layers apart without colour."""

DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)))
"""Line styles in turn, so that neighbouring layers differ without colour."""

Tone = tuple[float, float, float, float]
"""Red, green, blue and opacity of a colour, 0 to 1."""

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


def marker(index: int) -> str:
    """Return the shape of a layer; shapes repeat after 15 layers."""
    return MARKERS[index % len(MARKERS)]


def dashes(index: int) -> Any:  # Any: a line style
    """Return the line style of a layer; line styles repeat after four layers."""
    return DASHES[index % len(DASHES)]


def layer_tone(index: int) -> Tone:
    """Colour of layer ``index`` where colours tell layers apart and their number is not known.

    Colours repeat after ten.
    """
    return to_rgba(LAYER_TONES[index % len(LAYER_TONES)])


def pale(tone: Tone) -> Tone:
    """Return a colour mixed with white, 22 % of it left.

    Opaque, so that what overlaps grows no darker.
    """
    red, green, blue, _ = tone
    return (1 - 0.22 * (1 - red), 1 - 0.22 * (1 - green), 1 - 0.22 * (1 - blue), 1.0)


def luminance(tone: Tone) -> float:
    """Return how light a colour is, 0 (black) to 1 (white), linear in sRGB's parts (Rec. 709)."""
    red, green, blue, _ = tone
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


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


def heat_map(empty: str = "white") -> Colormap:
    """Pale to dark for cells of a heat map.

    Perceptually uniform, dark ink for large values, readable in grey; masked cells in ``empty``.
    """
    return colour_map("magma_r", 0.0, 0.92).with_extremes(bad=empty)
