"""Words that can be drawn: fonts with their characters, short names of layers, lines that fit."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

from infoplane.analysis.plot.names import numbered_names, short_names

FIRST = "DejaVu Sans"
ASIAN = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans CJK KR",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Hiragino Sans",
    "Yu Gothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "Arial Unicode MS",
)
"""Fonts with Chinese, Japanese or Korean characters, as systems and packages call them."""


def families() -> list[str]:
    """Return our font, then those of the user's style and of `ASIAN` that are installed."""
    installed = {font.name for font in fontManager.ttflist}
    wanted = [FIRST, *mpl.rcParams["font.family"], *mpl.rcParams["font.sans-serif"], *ASIAN]
    return [family for family in dict.fromkeys(wanted) if family in installed]


def drawable(text: str) -> str:
    """Return ``text`` with a box for every character that none of the fonts has."""
    if text.isascii() and text.isprintable():
        return text
    known: set[int] = set()
    for family in mpl.rcParams["font.family"]:
        known |= get_font(findfont(FontProperties(family=family))).get_charmap().keys()
    return "".join(letter if letter == "\n" or ord(letter) in known else "□" for letter in text)


def drawable_names(names: Sequence[str]) -> list[str]:
    """Return layer names as `drawable` has them, numbered where two look alike then."""
    shown = [drawable(name) for name in names]
    return shown if len(set(shown)) == len(set(names)) else numbered_names(names, shown)


def drawable_short_names(layers: Sequence[str], width: int = 24) -> list[str]:
    """Return `short_names` of layers as `drawable_names` has them."""
    return drawable_names(short_names(layers, width))


def wrap_label(text: str, width: int) -> str:
    """Return a drawable label in lines of at most about ``width`` characters, at least 18.

    Broken at its commas, and at spaces outside of parentheses where a part is longer: a formula
    stays whole.
    """
    width = max(width, 18)
    lines = [""]
    for part in drawable(text).split(", "):
        joined = f"{lines[-1]}, {part}" if lines[-1] else part
        if len(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines[-1] += ","
            lines.append("")
        pieces = textwrap.wrap(
            _whole_formulas(part), width, break_long_words=False, break_on_hyphens=False
        )
        lines[-1:] = pieces
    return "\n".join(lines).replace(_GLUE, " ")


_GLUE = "\u00a0"
"""A space at which no line is broken."""


def _whole_formulas(text: str) -> str:
    """Return a text in which spaces within parentheses break no line."""
    depth, letters = 0, []
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        letters.append(_GLUE if letter == " " and depth > 0 else letter)
    return "".join(letters)
