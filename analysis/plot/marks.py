"""The table of marks: one sign, one meaning, in every picture, the report and the live page.

No matplotlib.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infoplane.analysis.plot.trajectory import Trajectory

if TYPE_CHECKING:
    from infoplane.analysis.caveats import Caveats


@dataclass(frozen=True)
class Mark:
    """A sign with one meaning.

    Attributes:
        meaning: what a legend says of it.
        look: keywords of a matplotlib line that looks like it.
        symbol: plotly's name of the point that looks like it; empty for lines and bars.
    """

    meaning: str
    look: Mapping[str, Any]  # Any: keywords of matplotlib
    symbol: str = ""


GREY, NULL = "#444444", "#8a8a8a"
"""Colours of small marks and of shuffled labels."""

MARKS: Mapping[str, Mark] = {
    "first": Mark(
        "first checkpoint",
        {"marker": "o", "ls": "none", "ms": 5.5, "mfc": "none", "mec": GREY, "mew": 0.8},
    ),
    "sparse": Mark(
        "hollow: coverage < 0.95",
        {"marker": "o", "ls": "none", "ms": 3, "mfc": "white", "mec": GREY, "mew": 0.7},
        "circle-open",
    ),
    "saturated": Mark(
        "crossed: saturated",
        {"marker": "X", "ls": "none", "ms": 3.5, "mfc": "white", "mec": GREY, "mew": 0.6},
        "circle-x-open",
    ),
    "interval": Mark(
        "bars: 95 % interval",
        {"color": GREY, "lw": 0.8, "marker": "|", "ms": 5, "mew": 0.8, "alpha": 0.7},
    ),
    "interval band": Mark(
        "band: 95 % interval", {"color": GREY, "lw": 6, "alpha": 0.2, "solid_capstyle": "butt"}
    ),
    "bounds": Mark(
        "band: lower to upper bound",
        {"color": GREY, "lw": 6, "alpha": 0.2, "solid_capstyle": "butt"},
    ),
    "runs": Mark("band: range over runs", {"color": "#c9cfd6", "lw": 6, "solid_capstyle": "butt"}),
    "null": Mark(
        "shuffled labels, 95 %", {"color": NULL, "lw": 3, "alpha": 0.7, "solid_capstyle": "butt"}
    ),
    "notation": Mark(
        "invariance error", {"color": "#d55e00", "lw": 5, "alpha": 0.3, "solid_capstyle": "butt"}
    ),
    "raised": Mark(
        "lower bound, raised by layers downstream",
        {"color": "#009e73", "lw": 0.9, "marker": "^", "ms": 4},
    ),
    "floor": Mark("floor: proved by the predictions", {"color": "#8a6d00", "lw": 0.9, "ls": ":"}),
}
"""By key, in the order of legends."""


def marks_of(
    paths: Collection[Trajectory], caveats: Caveats | None = None, *, notation: bool = False
) -> list[str]:
    """Return the keys of the marks that a plane of these paths holds, in the order of `MARKS`.

    Args:
        paths: of the layers.
        caveats: what is drawn beside the numbers.
        notation: whether bands of the invariance error are drawn.
    """
    used: set[str] = set()
    for path in paths:
        sparse = zip(path.sparse, path.saturated, strict=False)
        has = {
            "first": len(path.steps) > 1,
            "sparse": any(thin and not full for thin, full in sparse),
            "saturated": any(path.saturated),
            "interval": any(bar is not None for bar in (*path.x_bars, *path.y_bars)),
            "runs": bool(path.runs),
            "null": path.null is not None,
            "raised": caveats is not None and path.layer in caveats.raised_bits,
        }
        used |= {key for key, is_there in has.items() if is_there}
    if caveats is not None and caveats.lower_bound_bits > 0:
        used.add("floor")
    if notation:
        used.add("notation")
    return [key for key in MARKS if key in used]
