"""Pictures for a paper: intervals, units, limits, titles, marks, captions, pooled runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.text import Text

from infoplane.analysis.caveats import Caveats, caveats_of
from infoplane.analysis.plot import (
    MARKS,
    View,
    caption_of,
    draw_side_by_side,
    plot_curves,
    plot_plane,
    plot_pooled,
    style,
)
from infoplane.analysis.plot.draw_path import convex_hull
from infoplane.analysis.plot.layout import settle
from infoplane.analysis.plot.save import draw
from infoplane.analysis.studies.compare import pool
from infoplane.errors import InputError
from infoplane.plane import Plane, Point
from infoplane.types import Estimate

N, STEPS = 1024, (0, 10, 100)


def plane_with(
    layers: Sequence[str] = ("fc1", "fc2"), shift: float = 0.0, **fields: object
) -> Plane:
    """Values across from 8 and 7 bits down, up from 0.2; ``fields`` of every estimate."""
    points = []
    for k, layer in enumerate(layers):
        for i, step in enumerate(STEPS):
            for quantity, bits in (("i_xz", 8 - k - 0.5 * i + shift), ("i_zy", 0.2 + 0.3 * i)):
                estimate = Estimate(bits, N, "bin:szt", **fields)  # type: ignore[arg-type]
                points.append(Point(step, layer, quantity, estimate))  # type: ignore[arg-type]
    return Plane(tuple(points), tuple(layers), N, 1.0, metrics={step: {} for step in STEPS})


def fresh() -> Axes:
    return style.new_figure().add_subplot()


def drawn(ax: Axes, gid: str) -> list[object]:
    return [a for a in ax.get_children() if str(a.get_gid() or "").startswith(gid)]


def words_of(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_an_interval_is_a_bar_in_the_plane_and_is_named() -> None:
    ax = plot_plane(plane_with(low=0.1, high=9.0), ax=fresh())
    (bars,) = drawn(ax, "bars-x-0")
    ends = [segment[:, 0].tolist() for segment in bars.get_segments()]  # type: ignore[attr-defined]
    assert ends == [[0.1, 9.0]] * 3
    assert MARKS["interval"].meaning in words_of(ax)


def test_a_standard_error_is_a_bar_of_95_percent() -> None:
    (bars,) = drawn(plot_plane(plane_with(stderr=0.1), ax=fresh()), "bars-y-1")
    first = bars.get_segments()[0]  # type: ignore[attr-defined]
    assert first[:, 1].tolist() == pytest.approx([0.2 - 0.196, 0.2 + 0.196])


def test_numbers_without_an_interval_have_no_bar() -> None:
    ax = plot_plane(plane_with(), ax=fresh())
    assert not drawn(ax, "bars") and MARKS["interval"].meaning not in words_of(ax)


def test_the_axes_hold_the_bars() -> None:
    ax = plot_plane(plane_with(low=-1.0, high=11.5), ax=fresh())
    assert ax.get_xlim()[0] < -1 and ax.get_xlim()[1] > 11.5 and ax.get_ylim()[0] < -1


def test_bars_stand_in_both_of_two_planes() -> None:
    figure = draw_side_by_side({"train": plane_with(stderr=0.1), "test": plane_with(stderr=0.2)})
    assert all(len(drawn(ax, "bars-x")) == 2 for ax in figure.axes[:2])
    assert MARKS["interval"].meaning in [t.get_text() for t in figure.legends[0].get_texts()]


def test_fit_puts_the_axes_around_the_data() -> None:
    ax = plot_plane(plane_with(), ax=fresh(), view=View(fit=True))
    (low, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert 5.5 < low < 6 and 8 < high < 8.5 and 0 < bottom < 0.2 and 0.8 < top < 1


def test_limits_in_nats_hold_bits() -> None:
    view = View(unit="nats", xlim=(math.log(2), 5 * math.log(2)), ylim=(0.0, 0.5))
    ax = plot_plane(plane_with(), ax=fresh(), view=view)
    assert ax.get_xlim() == pytest.approx((1, 5))
    assert ax.get_ylim() == pytest.approx((0, 0.5 / math.log(2)))


def test_ticks_in_nats_are_round_and_stand_where_they_belong() -> None:
    ax = plot_plane(plane_with(), ax=fresh(), view=View(unit="nats"))
    ticks = np.asarray(ax.xaxis.get_major_locator()())
    labels = [ax.xaxis.get_major_formatter()(tick, 0) for tick in ticks]
    assert [float(label) for label in labels] == pytest.approx((ticks * math.log(2)).tolist())
    assert all(len(label) <= 3 for label in labels)
    assert "[nats]" in ax.get_xlabel() and "[bits]" not in ax.get_xlabel() + ax.get_ylabel()


def test_a_title_stands_above_what_a_reader_must_know() -> None:
    said = Caveats(warnings=("bin:szt: saturated: all of it",))
    ax = plot_plane(plane_with(), ax=fresh(), caveats=said, view=View(title="My network"))
    settle(style.figure_of(ax))
    assert ax.get_title() == "My network" and "saturated" in ax.get_title(loc="left")
    (words,) = (t for t in ax.findobj(Text) if t.get_text().startswith("bin:szt: saturated"))
    assert ax.title.get_window_extent().y0 >= words.get_window_extent().y1 - 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": "bans"}, "expected unit bits or nats, got 'bans'"),
        ({"xlim": (3.0, 1.0)}, "expected xlim of two ascending numbers"),
        ({"ylim": (0.0, math.nan)}, "expected ylim of two ascending numbers"),
    ],
)
def test_a_view_that_cannot_be_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        View(**options)  # type: ignore[arg-type]


def test_a_kind_without_these_axes_refuses_a_view() -> None:
    with pytest.raises(InputError, match="title, unit and limits are of the kinds"):
        draw(plane_with(), kind="sensitivity", view=View(fit=True))


def test_layers_that_are_numbers_are_not_numbered_again() -> None:
    ax = plot_plane(plane_with(("0", "4")), ax=fresh())
    assert [t.get_text() for t in drawn(ax, "number-")] == ["0", "4"]  # type: ignore[attr-defined]
    assert words_of(ax)[:2] == ["0", "4"]


def test_axes_have_symbols_and_the_caption_defines_them() -> None:
    plane = plane_with()
    assert plot_plane(plane, ax=fresh()).get_xlabel() == "H(bin(Z)) [bits], bin:szt"
    caption = caption_of(plane)
    assert "30 bins on [-1,1]" in caption and "N=1024" in caption and "1 fc1, 2 fc2" in caption


def test_a_caption_names_every_mark_that_the_legend_names() -> None:
    plane = plane_with(stderr=0.1, coverage=0.9)
    said = Caveats(("labels: as many as rows",), lower_bound_bits=0.4)
    caption = caption_of(plane, caveats=said, unit="nats").lower()
    for words in words_of(plot_plane(plane, ax=fresh(), caveats=said))[2:]:
        assert words in caption
    assert "note: labels: as many as rows." in caption and "[bits]" not in caption


def test_curves_mark_saturation_as_the_plane_does() -> None:
    plane = plane_with(ceiling_bits=8.0)
    ax = plot_curves(plane, ax=fresh())
    (marks,) = drawn(ax, "saturated-0")
    assert marks.get_marker() == MARKS["saturated"].look["marker"]  # type: ignore[attr-defined]
    assert words_of(ax) == [MARKS["saturated"].meaning]


def test_a_plane_whose_metrics_are_empty_is_drawn_without_them() -> None:
    assert len(draw(plane_with(), kind="curves").axes) == 2


def test_caveats_that_are_handed_in_are_what_is_drawn() -> None:
    said = Caveats(lower_bound_bits=0.7, raised_bits={"fc1": 0.95})
    ax = plot_plane(plane_with(), ax=fresh(), caveats=said)
    (floor,), (arrow,) = drawn(ax, "floor"), drawn(ax, "tightened-0")
    assert floor.get_ydata()[0] == 0.7  # type: ignore[attr-defined]
    assert arrow.get_ydata()[1] == 0.95  # type: ignore[attr-defined]


def test_a_plane_drawn_without_its_run_says_what_the_numbers_say() -> None:
    full = plane_with(ceiling_bits=6.0)
    assert "saturated" in plot_plane(full, ax=fresh()).get_title(loc="left")
    assert caveats_of(full, "bin:szt", open_run=False).lower_bound_bits == 0.0


@pytest.mark.parametrize("centre", ["median", "mean"])
def test_pooled_runs_are_one_path_per_layer_with_their_range(centre: str) -> None:
    planes = {str(s): plane_with(shift=s) for s in (0.0, 0.1, 0.8)}
    ax = plot_pooled(planes, pool(planes), centre=centre, ax=fresh())
    (points,), (band,) = drawn(ax, "points-1"), drawn(ax, "range-1")
    middle = 0.1 if centre == "median" else 0.3
    across = np.asarray(points.get_offsets())[:, 0]  # type: ignore[attr-defined]
    assert across.tolist() == pytest.approx([7 + middle, 6.5 + middle, 6 + middle])
    corners = np.concatenate([p.vertices for p in band.get_paths()])  # type: ignore[attr-defined]
    assert corners[:, 0].min() == pytest.approx(6) and corners[:, 0].max() == pytest.approx(7.8)
    assert f"{centre} of 3 runs" in ax.get_xlabel() and MARKS["runs"].meaning in words_of(ax)


def test_the_band_of_runs_that_move_together_is_no_wider_than_they_are() -> None:
    low = plane_with()
    points = [
        replace(p, estimate=replace(p.estimate, bits=p.bits + (2 if p.quantity == "i_xz" else 0.4)))
        for p in low
    ]
    planes = {"low": low, "high": replace(low, points=tuple(points))}
    (band,) = drawn(plot_pooled(planes, pool(planes), ax=fresh()), "range-0")
    first = band.get_paths()[0].vertices[:-1]  # type: ignore[attr-defined]
    x, y = first[:, 0], first[:, 1]
    area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    assert area == pytest.approx(2 * 0.3 + 0.5 * 0.4)  # a parallelogram of the two steps


def test_another_centre_is_refused() -> None:
    planes = {str(s): plane_with(shift=s) for s in (0.0, 0.1)}
    with pytest.raises(InputError, match="expected median or mean, got 'mode'"):
        plot_pooled(planes, pool(planes), centre="mode", ax=fresh())


def test_compared_axes_name_estimator_and_bound() -> None:
    from infoplane.analysis.plot import draw_compared

    points = tuple(
        replace(p, estimate=replace(p.estimate, estimator="kde:variance=0.1", sense="upper"))
        for p in plane_with()
    )
    planes = {name: replace(plane_with(), points=points) for name in ("a", "b")}
    figure = draw_compared(planes, pool(planes))
    labels = [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()]
    labels += [str(part.get_supxlabel()) for part in figure.subfigs[:1]]
    assert len(labels) == 4
    for label in labels:
        assert "upper" in label and "kde:variance=0.1" in label and "[bits]" in label


Corners = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=12)


@given(Corners)
def test_a_hull_holds_every_point_on_its_left(corners: list[tuple[int, int]]) -> None:
    hull = convex_hull(corners)
    if len(hull) < 3:
        return
    for (ax, ay), (bx, by) in zip(hull, [*hull[1:], hull[0]], strict=True):
        assert all((bx - ax) * (y - ay) >= (by - ay) * (x - ax) for x, y in corners)


def test_labels_of_planes_side_by_side_do_not_run_into_each_other() -> None:
    plane = plane_with()
    long = "a-plug-in-with-a-long-name:width=0.25,scope=layer"
    points = []
    for point in plane.points:
        estimate = replace(point.estimate, estimator=long)
        points.append(replace(point, estimate=estimate))
    figure = draw_side_by_side(
        dict.fromkeys(("train", "test"), replace(plane, points=tuple(points)))
    )
    figure.draw_without_rendering()
    left, right = (ax.xaxis.label.get_window_extent() for ax in figure.axes[:2])
    assert left.x1 < right.x0


def test_the_legend_of_pooled_runs_shows_the_band_of_each_layer() -> None:
    planes = {f"seed {k}": plane_with(shift=0.1 * k) for k in range(3)}
    ax = plot_pooled(planes, pool(planes), ax=fresh())
    legend = ax.get_legend()
    assert legend is not None
    for index in range(2):
        (band,) = drawn(ax, f"range-{index}")
        entry = legend.legend_handles[index]
        assert to_rgba(entry.get_color()) == pytest.approx(band.get_facecolor()[0])  # type: ignore[union-attr, attr-defined]


@pytest.mark.parametrize("width", [3.0, 3.3, 3.5])
def test_the_step_scale_stands_beside_a_narrow_plane(width: float) -> None:
    plane = plane_with(("bn", "b1", "b2", "fc1", "fc2"), stderr=0.1)
    points = [
        replace(point, estimate=replace(point.estimate, estimator="kde:relative=0.25"))
        for point in plane.points
    ]
    known = Caveats(("the predictions prove more than is estimated here, " * 2,), 0.9)
    plane = replace(plane, points=tuple(points))
    figure = draw(plane, size=width, caveats=known, view=View(fit=True))
    settle(figure)
    axes, scale = (ax.get_window_extent() for ax in figure.axes)
    assert scale.x0 - axes.x1 < 0.09 * figure.bbox.width


def test_the_words_above_a_column_stay_on_the_figure() -> None:
    spec = "kde:relative=0.2"
    points = [
        Point(step, "a", quantity, Estimate(1.0 + step, 64, spec, sense="upper"))
        for step in (0, 1)
        for quantity in ("i_xz", "i_zy")
    ]
    words = f"{spec}: the predictions prove I(Z;Y) >= 3.22 bits in out, the estimate is too coarse"
    plane = Plane(tuple(points), ("a",), 64, 1.0)  # type: ignore[arg-type]
    shown = draw(plane, size="column", caveats=Caveats((words,)))
    shown.draw_without_rendering()
    red = [text for text in shown.findobj(Text) if "too" in text.get_text()]  # type: ignore[attr-defined]
    assert red[0].get_window_extent().x1 <= shown.bbox.x1
