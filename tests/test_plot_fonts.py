"""Characters that our first font lacks come from another font, or become boxes."""

from __future__ import annotations

import matplotlib as mpl

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable, drawable_names, families

RARE = "⌖"
"""A sign that STIX, which comes with matplotlib, has and DejaVu Sans has not."""


def test_a_font_of_the_readers_own_style_fills_the_gaps_of_ours() -> None:
    with style.context():
        assert drawable(RARE) == "□"
    with mpl.rc_context({"font.sans-serif": ["STIXGeneral"]}):
        assert families()[:2] == ["DejaVu Sans", "STIXGeneral"]
        with style.context():
            assert drawable(RARE) == RARE


def test_fonts_that_are_not_installed_are_left_out() -> None:
    with mpl.rc_context({"font.family": ["no such font"]}):
        assert "no such font" not in families()


def test_names_that_look_alike_without_a_font_are_numbered() -> None:
    with style.context():
        assert drawable_names(["一层", "二层"]) == ["1  □□", "2  □□"]
        assert drawable_names(["fc1", "fc2"]) == ["fc1", "fc2"]
