"""Characters that our first font lacks come from another font, or become boxes."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt

from infoplane.analysis.caveats import Caveats
from infoplane.analysis.plot import plot_metrics, plot_plane, style
from infoplane.analysis.plot.fonts import drawable, drawable_names, families, wrap_label
from infoplane.plane import Plane, Point
from infoplane.types import Estimate

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


MATHS = r"$\frac$"
"""A name that matplotlib would read as a broken formula."""


def plane_of(**metrics: float) -> Plane:
    numbers = (Estimate(1.0, 8, "exact"), Estimate(0.5, 8, "exact"))
    across, up = (Point(0, "fc", q, e) for q, e in zip(("i_xz", "i_zy"), numbers, strict=True))  # type: ignore[arg-type]
    return Plane((across, up), ("fc",), 8, 1.0, metrics={0: metrics})


def test_a_warning_that_looks_like_a_formula_stands_as_it_is() -> None:
    ax = plot_plane(plane_of(), caveats=Caveats(warnings=(f"nothing is shown in {MATHS}",)))
    ax.figure.draw_without_rendering()
    assert MATHS in ax.get_title(loc="left")
    plt.close("all")


def test_names_of_metrics_that_look_like_formulas_stand_as_they_are() -> None:
    ax = plot_metrics(plane_of(**{MATHS: 1.0, "_hidden": 2.0}))
    ax.figure.draw_without_rendering()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [MATHS, "_hidden"]
    plt.close("all")


def test_a_label_is_broken_outside_of_its_formula() -> None:
    label = wrap_label("I(Z+N(0,(0.2 RMS)^2);Y) [bits], upper, kde:relative=0.2", 19)
    assert label.split("\n") == ["I(Z+N(0,(0.2 RMS)^2);Y)", "[bits], upper,", "kde:relative=0.2"]
