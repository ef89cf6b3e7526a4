"""Pictures on the reader's own figures and in the reader's own style."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from infoplane.analysis.plot import (
    draw_curves,
    draw_side_by_side,
    plot_curves,
    plot_plane,
    plot_profile,
    style,
)
from infoplane.analysis.plot.tones import colour_map, luminance
from infoplane.plane import Plane, Point
from infoplane.types import Estimate, Null


def make_plane(layers: int = 3) -> Plane:
    names, points = [f"block.{k}.attention" for k in range(layers)], []
    for k, layer in enumerate(names):
        for step in (0, 1, 10, 100):
            across = Estimate(9.0 - 0.2 * k, 512, "bin:szt", coverage=0.5, ceiling_bits=9.0)
            points.append(Point(step, layer, "i_xz", across))
            points.append(Point(step, layer, "i_zy", Estimate(0.5 - 0.01 * k, 512, "bin:szt")))
    return Plane(tuple(points), tuple(names), 512, 1.0, metrics={100: {"loss": 0.1}})


@pytest.fixture
def dark() -> Iterator[None]:
    """The dark style of matplotlib, whose words are white."""
    with plt.style.context("dark_background"):
        yield
    plt.close("all")


def inks(ax: Axes) -> list[float]:
    """How light the words of an Axes and of its legend are."""
    texts = [ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels()]
    legend = ax.get_legend()
    texts += [] if legend is None else legend.get_texts()
    return [luminance(to_rgba(text.get_color())) for text in texts]


@pytest.mark.usefixtures("dark")
def test_words_of_our_figures_are_dark_in_a_dark_style() -> None:
    for figure in (plot_plane(make_plane()).figure, draw_curves(make_plane())):
        assert luminance(to_rgba(figure.get_facecolor())) == pytest.approx(1.0)
        for ax in figure.axes:
            assert max(inks(ax)) < 0.5


@pytest.mark.usefixtures("dark")
@pytest.mark.parametrize("draw", [plot_plane, plot_curves])
def test_an_axes_of_a_dark_figure_has_white_paper_and_words_that_stay_light(draw: object) -> None:
    _, ax = plt.subplots()
    draw(make_plane(), ax=ax)  # type: ignore[operator]
    assert luminance(to_rgba(ax.get_facecolor())) == pytest.approx(1.0)
    assert min(inks(ax)) > 0.5
    names = [text for text in ax.texts if text.get_gid() == "name"]
    assert all(luminance(to_rgba(name.get_color())) > 0.5 for name in names)


def test_a_dark_style_is_left_as_it_was() -> None:
    with mpl.rc_context({"text.color": "red"}):
        plot_plane(make_plane())
        assert mpl.rcParams["text.color"] == "red"


@pytest.mark.parametrize("size", [(6.4, 4.8), (3.5, 3.0)])
@pytest.mark.parametrize("draw", [plot_plane, plot_curves])
def test_a_figure_without_layout_holds_the_whole_picture(
    draw: object, size: tuple[float, float]
) -> None:
    figure = Figure(figsize=size)
    ax = figure.add_subplot()
    draw(make_plane(), ax=ax)  # type: ignore[operator]
    figure.draw_without_rendering()
    held = ax.get_tightbbox()
    assert held is not None
    assert held.x0 > -1 and held.y0 > -1
    assert held.x1 < figure.bbox.x1 + 1 and held.y1 < figure.bbox.y1 + 1


def test_words_are_dark_enough_for_white_paper() -> None:
    ax = style.new_figure().add_subplot()
    for tone in colour_map()([0.0, 0.5, 1.0]):
        assert luminance(style.ink(tuple(tone), ax)) <= 0.42 + 1e-9


@pytest.mark.parametrize("height", [1.9, 3.0, 4.8])
def test_the_name_of_a_ceiling_stays_inside_the_axes(height: float) -> None:
    figure = Figure(figsize=(4, height), layout="constrained")
    ax = plot_plane(make_plane(), ax=figure.add_subplot())
    figure.draw_without_rendering()
    (name,) = [text for text in ax.texts if text.get_gid() == "ceiling"]
    assert name.get_window_extent().y1 <= ax.get_window_extent().y1 + 1


def test_a_legend_above_narrow_curves_ends_on_the_figure() -> None:
    names = ("a" * 60, "b", "c")
    points = []
    for layer in names:
        for step in (0, 10, 100):
            across = Estimate(5.0, 64, "bin:szt", coverage=0.9, ceiling_bits=6.0, low=4.9, high=5.1)
            null = Null(0.02, 0.01, 0.04, 0.1, 20)
            up = Estimate(0.5, 64, "bin:szt", low=0.4, high=0.6, null=null)
            points += [Point(step, layer, "i_xz", across), Point(step, layer, "i_zy", up)]
    figure = draw_curves(Plane(tuple(points), names, 64, 1.0), width=3.5)
    figure.draw_without_rendering()
    for ax in figure.axes:
        legend = ax.get_legend()
        assert legend is not None
        assert legend.get_window_extent().x1 < figure.bbox.x1 + 1


def test_the_name_of_a_ceiling_stands_inside_a_profile() -> None:
    ax = plot_profile(make_plane())
    (name,) = [text for text in ax.texts if text.get_gid() == "ceiling"]
    assert name.get_window_extent().y1 <= ax.get_window_extent().y1
    plt.close("all")


def test_a_plane_above_a_blank_place_has_its_numbers_across() -> None:
    figure = draw_side_by_side({f"run {k}": make_plane(1) for k in range(5)})
    assert figure.axes[2].get_xticklabels()  # those that are not drawn are left out
