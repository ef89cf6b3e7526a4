"""Pictures, tested on their artists and on the arithmetic behind them."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from infoplane.analysis.plot import (
    curves,
    draw_sensitivity,
    draw_side_by_side,
    place,
    plot_profile,
    plot_snapshots,
    save,
    style,
)
from infoplane.analysis.plot.caption import caption_of
from infoplane.analysis.plot.fonts import wrap_label
from infoplane.analysis.plot.labels import axis_label
from infoplane.analysis.plot.layout import beside, is_narrow, settle
from infoplane.analysis.plot.matrix import plot_dpi_matrix
from infoplane.analysis.plot.names import named, short_names
from infoplane.analysis.plot.plane import plot_plane
from infoplane.analysis.plot.step_axis import step_norm, step_ticks
from infoplane.analysis.plot.tones import colour_map
from infoplane.analysis.plot.trajectory import flag_segments, trajectories
from infoplane.errors import InputError
from infoplane.plane import Plane, Point
from infoplane.types import DPIReport, Estimate, Finding

N, STEPS = 4096, (0, 1, 4, 20, 100, 900, 8000)


def make_plane(
    layers: Sequence[str] = ("a", "b"),
    estimators: Sequence[str] = ("bin:szt", "kde:variance=0.001"),
) -> Plane:
    points = []
    for k, layer in enumerate(layers):
        for spec in estimators:
            for i, step in enumerate(STEPS):
                x, y = 11.8 - 0.7 * k - 0.2 * i * k, 0.3 + 0.1 * i - 0.01 * k
                for sense, scale in (
                    (("lower", 0.8), ("upper", 1.0))
                    if spec.startswith("kde")
                    else (("point", 1.0),)
                ):
                    points.append(
                        Point(
                            step,
                            layer,
                            "i_xz",
                            Estimate(x * scale, N, spec, sense, ceiling_bits=12.0),
                        )
                    )
                    points.append(Point(step, layer, "i_zy", Estimate(y * scale, N, spec, sense)))
    return Plane(
        tuple(points),
        tuple(layers),
        N,
        0.99916,
        12.0,
        metrics={s: {"loss": 1 / (1 + s), "accuracy": 0.9} for s in STEPS},
    )


def finding(verdict: str, step: int = 100, up: str = "a", down: str = "b") -> Finding:
    return Finding("I(X;Z) pair", step, up, down, 0.2, verdict, "why", estimator="bin:szt")  # type: ignore[arg-type]


def artists(ax: object, gid: str) -> list[object]:
    return [a for a in ax.get_children() if str(a.get_gid() or "").startswith(gid)]  # type: ignore[attr-defined]


def fresh() -> mpl.axes.Axes:
    return style.new_figure().add_subplot()


def test_each_layer_has_a_trajectory_with_its_measured_coordinates() -> None:
    ax = plot_plane(make_plane(("a", "b", "c")), ax=fresh())
    points = artists(ax, "points-")
    assert len(points) == 3
    offsets = np.asarray(points[1].get_offsets())  # type: ignore[attr-defined]
    assert offsets[:, 0] == pytest.approx([11.8 - 0.7 - 0.2 * i for i in range(7)])
    assert offsets[:, 1] == pytest.approx([0.29 + 0.1 * i for i in range(7)])


def test_first_and_last_checkpoints_are_marked() -> None:
    ax = plot_plane(make_plane(), ax=fresh())
    (first,), (last,) = artists(ax, "first-1"), artists(ax, "last-1")
    assert first.get_xdata() == pytest.approx([11.1])  # type: ignore[attr-defined]
    assert last.get_xdata() == pytest.approx([11.1 - 1.2])  # type: ignore[attr-defined]


def test_reference_lines_stand_at_log2_n_and_h_y() -> None:
    ax = plot_plane(make_plane(), ax=fresh())
    assert artists(ax, "log2n")[0].get_xdata()[0] == 12.0  # type: ignore[attr-defined]
    assert artists(ax, "hy")[0].get_ydata()[0] == 0.99916  # type: ignore[attr-defined]


def test_axis_labels_name_estimator_sense_and_rows() -> None:
    ax = plot_plane(make_plane(), estimator="kde:variance=0.001", ax=fresh())
    assert ax.get_xlabel() == "I(X;Z+N(0,0.001)) [bits], upper, kde:variance=0.001"
    ax = plot_plane(make_plane(), estimator="kde:variance=0.001", sense="lower", ax=fresh())
    assert "lower" in ax.get_xlabel() and "upper" not in ax.get_xlabel() + ax.get_ylabel()
    for spec in ("bin:szt", "exact", "kde:relative=0.1", "something:new=1"):
        for quantity in ("i_xz", "i_zy"):
            label = axis_label(quantity, spec, 10)  # type: ignore[arg-type]
            assert spec in label and label.count("N=10") == 1 and "[bits]" in label


def test_a_dimensionless_estimator_is_not_labelled_in_bits() -> None:
    from infoplane.analysis.estimators.spec import FAMILIES

    if "cka" in FAMILIES:
        assert "[bits]" not in axis_label("i_xz", "cka", 10)


def test_saturated_points_are_hollow() -> None:
    ax = plot_plane(make_plane(), ax=fresh())
    faces = artists(ax, "points-0")[0].get_facecolors()  # type: ignore[attr-defined]
    assert np.all(faces[:, :3] == 1)  # 11.8 of 12 bits
    assert not np.all(artists(ax, "points-1")[0].get_facecolors()[-1, :3] == 1)  # type: ignore[attr-defined]


def test_the_last_mark_is_crossed_where_it_is_saturated() -> None:
    ax = plot_plane(make_plane(), ax=fresh())
    (cross,), (last,) = artists(ax, "last-cross-0"), artists(ax, "last-0")
    assert cross.get_xydata() == pytest.approx(last.get_xydata())  # type: ignore[attr-defined]
    assert cross.get_zorder() >= last.get_zorder() and not artists(ax, "last-cross-1")


def test_flags_join_the_two_layers_at_their_checkpoint() -> None:
    plane = make_plane()
    ax = plot_plane(plane, DPIReport(9, (finding("violation"),)), ax=fresh())
    (flag,) = artists(ax, "flag-violation")
    (segment,) = flag.get_segments()  # type: ignore[attr-defined]
    assert segment[0] == pytest.approx([11.8, 0.7]) and segment[1] == pytest.approx(
        [11.1 - 0.8, 0.69]
    )
    assert "violation: 1 finding" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_not_comparable_and_untestable_are_never_drawn_as_flags() -> None:
    ax = plot_plane(
        make_plane(), DPIReport(9, (finding("not comparable"), finding("untestable"))), ax=fresh()
    )
    assert not artists(ax, "flag-")


def test_a_law_of_one_layer_is_a_ring() -> None:
    ax = plot_plane(make_plane(), DPIReport(9, (finding("fault", up="a", down="a"),)), ax=fresh())
    assert len(artists(ax, "ring-fault")) == 1


def test_a_finding_at_an_unmeasured_step_or_layer_is_left_out() -> None:
    paths = trajectories(make_plane(), "bin:szt")
    report = DPIReport(9, (finding("fault", step=3), finding("fault", up="zz")))
    assert flag_segments(paths, report, "bin:szt") == {}


def test_colours_follow_steps_on_a_log_scale_that_has_a_place_for_step_zero() -> None:
    norm = step_norm(STEPS)
    values = [float(norm(s)) for s in STEPS]
    assert values[0] == 0 and values[-1] == pytest.approx(1) and values == sorted(values)
    assert values[3] == pytest.approx(math.log(21) / math.log(8001))
    assert float(step_norm([0, 10, 20])(10)) == 0.5


def test_the_colour_map_darkens_one_way_only() -> None:
    rgb = colour_map()(np.linspace(0, 1, 64))[:, :3]
    grey = rgb @ [0.299, 0.587, 0.114]
    assert np.all(np.diff(grey) > 0) and grey[-1] < 0.85


@pytest.mark.parametrize("count", [2, 12])
def test_numbers_beside_last_marks_do_not_cover_each_other(count: int) -> None:
    ax = plot_plane(make_plane([f"block.{i}" for i in range(count)]), ax=fresh())
    ax.figure.draw_without_rendering()
    boxes = [a.get_window_extent() for a in artists(ax, "number-")]
    assert len(boxes) == count
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@given(st.lists(st.floats(0, 1), max_size=12))
def test_spread_keeps_the_gap_and_the_order(wanted: list[float]) -> None:
    got = place.spread(wanted, 0.05, 0, 1)
    assert all(b - a >= 0.05 - 1e-9 for a, b in itertools.pairwise(sorted(got)))
    assert all(-1e-9 <= g <= 1 + 1e-9 for g in got)
    assert all(
        got[i] <= got[j] for i in range(len(got)) for j in range(len(got)) if wanted[i] < wanted[j]
    )


def test_spread_evenly_when_labels_cannot_fit() -> None:
    assert place.spread([0.5] * 5, 1.0, 0, 1) == [0, 0.25, 0.5, 0.75, 1]


@given(st.lists(st.text(max_size=60), min_size=1, max_size=13), st.integers(8, 40))
def test_short_names_fit_and_differ(names: list[str], width: int) -> None:
    short = short_names(names, width)
    assert len(short) == len(names) and len(set(short)) == len(short)
    assert all(0 < len(s) <= width and s.isprintable() for s in short)


def test_short_names_keep_what_differs() -> None:
    assert short_names([f"transformer.h.{i}.mlp.c_proj" for i in range(3)], 12) == [
        "…0…",
        "…1…",
        "…2…",
    ]


def test_a_name_that_is_the_beginning_or_the_end_of_another_keeps_its_last_part() -> None:
    assert short_names(["model.attention", "model.attention.output"], 18) == [
        "…attention",
        "…attention.output",
    ]
    assert short_names(["block.projection", "a.block.projection"], 14) == ["block…", "a.block…"]


def test_wrap_label_breaks_at_commas_only() -> None:
    assert wrap_label("I(Z;Y) [bits], ksg:k=5, N=3", 16) == "I(Z;Y) [bits],\nksg:k=5, N=3"


def test_curves_draw_bounds_as_a_band_for_x_and_none_for_y() -> None:
    plane = make_plane()
    x = curves.plot_curves(plane, estimator="kde:variance=0.001", ax=fresh())
    y = curves.plot_curves(plane, quantity="i_zy", estimator="kde:variance=0.001", ax=fresh())
    assert len(artists(x, "band-")) == 2 and not artists(y, "band-")
    assert artists(x, "curve-0")[0].get_ydata() == pytest.approx([11.8] * 7)  # type: ignore[attr-defined]
    assert x.get_xscale() == "symlog"


def test_curves_figure_has_both_quantities_and_the_metrics() -> None:
    figure = curves.draw_curves(make_plane())
    assert [a.get_ylabel().split(" ")[0] for a in figure.axes] == [
        "H(bin(Z))",
        "I(bin(Z);Y)",
        "loss",
        "accuracy",
    ]


@pytest.mark.slow
def test_hostile_layer_names_are_drawn_as_text(tmp_path: Path) -> None:
    names = [
        "$\\frac{1}",
        "<script>alert(1)</script>",
        "x" * 10_000,
        "😀 名前",
        "שלום",
        "tab\tand\nline",
        "$$",
        "_legend",
    ]
    for kind in ("plane", "curves"):
        for suffix in (".png", ".svg"):
            assert (
                save.save_picture(make_plane(names), tmp_path / f"{kind}{suffix}", kind=kind)
                .stat()
                .st_size
                > 1000
            )
    assert "<script>" not in (tmp_path / "plane.svg").read_text()


def test_drawing_leaves_the_global_style_alone() -> None:
    before = dict(mpl.rcParams)
    plot_plane(make_plane(), ax=fresh())
    curves.draw_curves(make_plane())
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_pictures_are_written_in_the_format_of_the_suffix(suffix: str, tmp_path: Path) -> None:
    head = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix]
    assert save.save_picture(make_plane(), tmp_path / f"a{suffix}").read_bytes().startswith(head)


def test_messages_say_what_was_expected_and_what_came(tmp_path: Path) -> None:
    plane = make_plane()
    with pytest.raises(InputError, match="no such estimator: 'ksg'; the plane has"):
        plot_plane(plane, estimator="ksg")
    with pytest.raises(InputError, match="no such layer"):
        plot_plane(plane, layers=["zz"])
    with pytest.raises(InputError, match="is empty"):
        plot_plane(Plane((), ("a",), 4))
    with pytest.raises(InputError, match=r"expected a file ending in .png"):
        save.save_picture(plane, tmp_path / "a.docx")
    with pytest.raises(InputError, match="expected kind plane, curves"):
        save.save_picture(plane, tmp_path / "a.png", kind="pie")
    with pytest.raises(InputError, match="no layer has both"):
        plot_plane(plane.select(quantity="i_xz"))
    with pytest.raises(InputError, match="no such metrics"):
        curves.plot_metrics(plane, names=["lr"])


@pytest.mark.parametrize("draw", [plot_plane, curves.draw_curves, caption_of])
@pytest.mark.parametrize("wrong", ["runs/first/plane.h5", [make_plane()], None])
def test_what_is_no_plane_is_refused_with_how_to_get_one(draw: Any, wrong: object) -> None:
    with pytest.raises(InputError, match=r"expected a plane .* ip\.Plane\.load\(file\)"):
        draw(wrong)


def test_one_checkpoint_and_one_layer_can_be_drawn(tmp_path: Path) -> None:
    plane = make_plane(("only",)).select(step=0)
    save.save_picture(plane, tmp_path / "a.png")
    save.save_picture(plane, tmp_path / "b.png", kind="curves")


def test_the_package_imports_no_matplotlib_and_no_torch() -> None:
    code = (
        "import sys, infoplane.analysis.plot, infoplane.commands.plot; assert not {'matplotlib', "
        "'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_animation_has_one_frame_per_checkpoint(tmp_path: Path) -> None:
    from PIL import Image

    path = save.save_picture(make_plane(), tmp_path / "a.gif")
    with Image.open(path) as image:
        assert image.n_frames == len(STEPS)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"expected a file ending in .gif or .mp4"):
        from infoplane.analysis.plot.animate import save_animation

        save_animation(make_plane(), tmp_path / "a.png")


def test_the_dpi_matrix_shows_the_worst_verdict_and_the_largest_excess() -> None:
    from infoplane.analysis.plot.matrix import plot_dpi_matrix, worst_of_pairs

    report = DPIReport(
        9, (finding("estimator"), finding("fault", 4), finding("not comparable", up="b", down="a"))
    )
    excess, verdict = worst_of_pairs(report, ("a", "b"), "bin:szt")
    assert verdict == [["", "fault"], ["not comparable", ""]]
    assert excess[0, 1] == 0.2 and np.isnan(excess[1, 0])
    ax = plot_dpi_matrix(make_plane(), report, ax=fresh())
    assert [t.get_text() for t in artists(ax, "cell-")] == ["F", "–"]  # type: ignore[attr-defined]


def test_a_cell_that_is_no_pair_is_grey_and_one_without_a_finding_white() -> None:
    ax = plot_dpi_matrix(make_plane(), DPIReport(9, (finding("estimator"),)), ax=fresh())
    (grey,) = artists(ax, "no-pair")
    shown = ~np.ma.getmaskarray(grey.get_array())  # type: ignore[attr-defined]
    assert shown.tolist() == [[False, False], [True, False]]
    assert "white=no finding" in style.figure_of(ax).axes[1].get_ylabel().replace("\n", " ")


def test_without_an_excess_the_scale_of_the_dpi_matrix_is_one_bit() -> None:
    from infoplane.analysis.plot.matrix import plot_dpi_matrix

    report = DPIReport(1, (replace(finding("untestable"), excess_bits=0.0),))
    (image,) = artists(plot_dpi_matrix(make_plane(), report, ax=fresh()), "matrix")
    assert image.get_clim() == (0.0, 1.0)  # type: ignore[attr-defined]


def test_snapshots_join_all_layers_at_each_checkpoint() -> None:
    from infoplane.analysis.plot.snapshots import plot_snapshots

    (lines,) = artists(plot_snapshots(make_plane(("a", "b", "c")), ax=fresh()), "snapshots")
    assert [len(s) for s in lines.get_segments()] == [3] * len(STEPS)  # type: ignore[attr-defined]


def test_planes_side_by_side_share_their_limits() -> None:
    from infoplane.analysis.plot.side_by_side import draw_side_by_side

    figure = draw_side_by_side({"train": make_plane(), "test": make_plane(("a", "b", "c"))})
    train, test = figure.axes[:2]
    assert train.get_xlim() == test.get_xlim() and [train.get_title(), test.get_title()] == [
        "train",
        "test",
    ]


def test_flags_of_another_estimator_or_bound_are_not_drawn_and_faults_always_are() -> None:
    plane = make_plane()
    lower = Finding(
        "I(X;Z) pair, lower", 100, "a", "b", 0.2, "estimator", "why", estimator="kde:variance=0.001"
    )
    leak = Finding("exact leak", 100, "a", "b", 0.2, "fault", "why", estimator="exact")
    report = DPIReport(9, (lower, leak))
    bins = plot_plane(plane, report, ax=fresh())
    assert not artists(bins, "flag-estimator") and len(artists(bins, "flag-fault")) == 1
    assert not artists(
        plot_plane(plane, report, estimator="kde:variance=0.001", sense="upper", ax=fresh()),
        "flag-estimator",
    )
    assert (
        len(
            artists(
                plot_plane(
                    plane, report, estimator="kde:variance=0.001", sense="lower", ax=fresh()
                ),
                "flag-estimator",
            )
        )
        == 1
    )


def test_numbers_of_layers_do_not_cover_other_words():
    words = (12.0, 8.0, 60.0, 30.0)
    for free, obstacles in ((True, ()), (False, (words,))):
        ((x, y),) = place.place_labels(
            [(10.0, 10.0)], [(6.0, 8.0)], (0.0, 0.0, 100.0, 100.0), obstacles=obstacles
        )
        assert place.overlap((x - 3, y - 4, x + 3, y + 4), words) is free


def test_the_last_step_stands_clear_of_the_last_power_of_ten():
    assert step_ticks([0, 10, 4000], True) == [0, 1, 10, 100, 4000] and step_ticks(
        [0, 10, 8000], True
    )[-2:] == [1000, 8000]


@style.styled
def test_a_legend_stays_on_the_figure_of_one_column_and_leaves_the_axes_their_width():
    figure = style.new_figure(style.COLUMN, style.COLUMN)
    ax = figure.add_subplot()
    ax.plot([0, 1], label="hollow: no compression")
    ax.plot([1, 0], label="kde:variance=0.001")
    legend = ax.legend(**beside(ax))
    figure.draw_without_rendering()
    box = legend.get_window_extent()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and is_narrow(ax)
    assert ax.get_window_extent().width > 0.8 * figure.bbox.width


def test_a_plane_is_laid_out_without_being_drawn_and_stands_where_drawing_would_put_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = []
    whole = mpl.figure.Figure.draw
    monkeypatch.setattr(
        mpl.figure.Figure,
        "draw",
        lambda self, renderer: (drawn.append(self), whole(self, renderer))[1],
    )
    figure = save.draw(make_plane())
    assert not drawn
    settle(figure)
    settled = figure.axes[0].get_window_extent().bounds
    figure.draw_without_rendering()
    assert drawn and figure.axes[0].get_window_extent().bounds == pytest.approx(settled, abs=1e-9)


@given(st.integers(1, 400), st.integers(2, 60))
def test_of_many_layers_the_first_the_last_and_every_so_many_th_are_named(
    n: int, most: int
) -> None:
    places = named(n, most)
    gaps = np.diff(places)
    assert len(places) <= most and places[0] == 0 and places[-1] == n - 1 and (gaps > 0).all()
    assert len(places) == n or (
        len(set(gaps[:-1])) <= 1 and gaps[-1] >= max(gaps) and 2 * len(places) >= min(n, most) - 2
    )


def deep(layers: int) -> Plane:
    return make_plane(
        [
            f"encoder.layer.{k // 4}.{('attention', 'intermediate', 'output', 'norm')[k % 4]}"
            for k in range(layers)
        ],
        ("bin:szt",),
    )


@pytest.mark.parametrize("size", ["page", "column"])
@pytest.mark.parametrize("layers", [30, 100])
@pytest.mark.filterwarnings("error")  # matplotlib warns where its layout collapses
def test_the_plane_of_a_deep_network_has_room_and_names_what_it_numbers(
    size: str, layers: int
) -> None:
    figure = save.draw(deep(layers), kind="plane", size=size)
    save.pixels(figure)
    ax = figure.axes[0]
    plane = ax.get_window_extent()
    assert plane.height > 0.55 * plane.width and ax.get_ylabel() != ""
    boxes = [t.get_window_extent() for t in ax.get_legend().get_texts()]
    assert all(b.x0 >= 0 and b.x1 <= figure.bbox.width and b.y0 >= 0 for b in boxes)
    texts = [t.get_text() for t in ax.get_legend().get_texts()]
    numbers = [str(a.get_text()) for a in artists(ax, "number-")]  # type: ignore[attr-defined]
    assert (
        numbers == [t.split()[0] for t in texts[: len(numbers)]]
        and numbers[0] == "1"
        and numbers[-1] == str(layers)
    )
    assert (
        f"{len(numbers)} of {layers} layers named" in texts and len(artists(ax, "path-")) == layers
    )


@pytest.mark.parametrize("size", ["page", "column"])
@pytest.mark.parametrize("layers", [3, 8, 21, 60])
def test_a_long_legend_leaves_the_plane_its_shape_and_the_upright_label_whole(
    size: str, layers: int
) -> None:
    figure = save.draw(deep(layers), kind="plane", size=size)
    save.pixels(figure)
    ax = figure.axes[0]
    box = ax.get_window_extent()
    label = ax.yaxis.label.get_window_extent()
    assert box.height > 0.57 * box.width
    assert label.y0 >= 0 and label.y1 <= figure.bbox.height and label.x0 >= 0


def test_a_figure_of_the_readers_own_keeps_its_height() -> None:
    figure = style.new_figure(4, 3)
    plot_plane(deep(21), ax=figure.add_subplot())
    assert figure.get_figheight() == 3


@pytest.mark.slow
@pytest.mark.parametrize("size", ["page", "column"])
def test_names_at_the_ends_of_many_curves_do_not_cover_each_other(size: str) -> None:
    figure = save.draw(deep(60), kind="curves", size=size)
    save.pixels(figure)
    for ax in figure.axes[:2]:
        boxes = [a.get_window_extent() for a in artists(ax, "name") if a.get_gid() == "name"]  # type: ignore[attr-defined]
        texts = [
            mpl.text.Text.get_window_extent(a) for a in artists(ax, "name") if a.get_gid() == "name"
        ]  # type: ignore[arg-type]
        assert 8 < len(boxes) < 60 and not any(
            a.overlaps(b) for i, a in enumerate(texts) for b in texts[:i]
        )
        assert [a.get_text() for a in artists(ax, "named")] == [f"{len(boxes)} of 60 layers named"]  # type: ignore[attr-defined]
    assert not artists(save.draw(make_plane(), kind="curves").axes[0], "named")


def test_a_dpi_matrix_of_many_layers_has_squares_for_letters_and_names_that_stand_clear() -> None:
    names = [f"l{k}" for k in range(70)]
    found = (
        finding("fault", up="l3", down="l60"),
        finding("violation", up="l0", down="l1"),
        finding("estimator", up="l5", down="l9"),
    )
    ax = plot_dpi_matrix(make_plane(names, ("bin:szt",)), DPIReport(9, found), ax=fresh())
    save.pixels(style.figure_of(ax))
    assert {a.get_gid() for a in artists(ax, "cell-")} == {"cell-3-60", "cell-0-1"} and not artists(
        ax, "cell-5"
    )
    bar = style.figure_of(ax).axes[1]
    assert "squares: fault and violation" in bar.get_ylabel().replace("\n", " ")
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        boxes = [t.get_window_extent() for t in labels]
        assert 8 <= len(boxes) < 70 and not any(
            a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i]
        )
    few = plot_dpi_matrix(
        make_plane(names[:10], ("bin:szt",)),
        DPIReport(9, (finding("fault", up="l3", down="l6"),)),
        ax=fresh(),
    )
    assert [a.get_text() for a in artists(few, "cell-")] == ["F"] and len(few.get_xticks()) == 10  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_legend_beside_a_figure_has_the_entries_that_fit() -> None:
    figure = save.draw(deep(80), kind="sensitivity")
    save.pixels(figure)
    (box,) = figure.legends
    extent, texts = box.get_window_extent(), [t.get_text() for t in box.get_texts()]
    assert (
        extent.y0 >= 0
        and extent.y1 <= figure.bbox.height
        and texts[-1] == f"{len(texts) - 1} of 80 named"
    )


SMALL = [f"vit.encoder.layer.{k}.attention.output.dense" for k in range(24)]


@pytest.mark.parametrize("width", [3.3, 7.2])
@pytest.mark.parametrize("count", [1, 4, 13, 24])
def test_a_figure_of_ones_own_keeps_its_size_and_a_legible_plane(width: float, count: int) -> None:
    figure = Figure(figsize=(width, 0.75 * width), layout="constrained")
    ax = plot_plane(make_plane(SMALL[:count]), ax=figure.add_subplot())
    figure.draw_without_rendering()  # a layout that collapses would warn
    assert figure.get_figheight() == pytest.approx(0.75 * width)
    assert ax.get_window_extent().height > 0.25 * figure.bbox.height
    left, _, right, _ = ax.get_legend().get_window_extent().extents  # type: ignore[union-attr]
    assert left > 0 and right < figure.bbox.width


@pytest.mark.parametrize("width", [3.3, 7.2])
def test_names_along_a_matrix_do_not_cover_each_other(width: float) -> None:
    figure = Figure(figsize=(width, 0.75 * width), layout="constrained")
    ax = plot_dpi_matrix(make_plane(SMALL), DPIReport(0, ()), ax=figure.add_subplot())
    figure.draw_without_rendering()
    for axis in (ax.xaxis, ax.yaxis):
        boxes = [label.get_window_extent() for label in axis.get_ticklabels()]
        assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))


def test_one_checkpoint_is_seen_in_curves_and_has_no_first_mark() -> None:
    alone = make_plane().select(step=[20])
    ax = curves.plot_curves(alone, estimator="bin:szt", ax=fresh())
    assert artists(ax, "curve-0")[0].get_marker() == "o"  # type: ignore[attr-defined]
    assert not artists(plot_plane(alone, ax=fresh()), "first-")


def test_a_finding_under_a_mark_gets_a_ring_and_a_long_one_a_line() -> None:
    plane = make_plane()
    first, last = plane.layers[0], plane.layers[-1]
    near = Finding("I(X;Z) pair", 8000, last, last, 0.1, "estimator", "", estimator="bin:szt")
    far = replace(near, upstream=first)
    ax = plot_plane(plane, DPIReport(2, (near, far)), estimator="bin:szt", ax=fresh())
    (ring,), (line,) = artists(ax, "ring-estimator"), artists(ax, "flag-estimator")
    assert len(ring.get_offsets()) == 1 and len(line.get_segments()) == 1  # type: ignore[attr-defined]
    (entry,) = [e for e in ax.get_legend().legend_handles if "estimator" in str(e.get_label())]  # type: ignore[union-attr]
    assert entry.get_marker() == "o" and entry.get_label() == "estimator: 2 findings"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("verdict", "segments", "words"),
    [
        ("estimator", 60, "estimator: 300 findings (60 drawn)"),
        ("fault", 300, "fault: 300 findings"),
    ],
)
def test_many_findings_bury_no_points_unless_they_fail_the_check(
    verdict: str, segments: int, words: str
) -> None:
    plane = make_plane()
    finding = Finding(
        "I(X;Z) pair",
        8000,
        plane.layers[0],
        plane.layers[-1],
        0.1,
        verdict,
        "",
        estimator="bin:szt",
    )
    ax = plot_plane(plane, DPIReport(300, (finding,) * 300), estimator="bin:szt", ax=fresh())
    (flag,) = artists(ax, f"flag-{verdict}")
    assert len(flag.get_segments()) == segments  # type: ignore[attr-defined]
    labels = [str(entry.get_label()) for entry in ax.get_legend().legend_handles]  # type: ignore[union-attr]
    assert words in labels


def test_marks_of_narrow_curves_stay_on_the_figure_beside_long_names() -> None:
    plane = make_plane([f"convolution.{k}.attention" for k in range(6)])
    points = []
    for point in plane:
        bits = 12.0 if point.step == 0 else point.bits
        estimate = replace(point.estimate, bits=bits, coverage=0.01 if point.step == 0 else 0.5)
        points.append(replace(point, estimate=estimate))
    figure = style.new_figure(3.3, 2.6)
    ax = curves.plot_curves(replace(plane, points=tuple(points)), ax=figure.add_subplot())
    figure.draw_without_rendering()
    extent = ax.get_legend().get_window_extent()  # type: ignore[union-attr]
    assert extent.x0 > 0 and extent.x1 < figure.bbox.width + 1


def test_how_many_layers_are_named_stands_clear_of_the_curves_and_their_label() -> None:
    figure = style.new_figure(3.3, 2.6)
    ax = curves.plot_curves(deep(48), ax=figure.add_subplot())
    figure.draw_without_rendering()
    (share,) = artists(ax, "named")
    box = share.get_window_extent()  # type: ignore[attr-defined]
    assert box.y1 < ax.get_window_extent().y0
    assert not box.overlaps(ax.xaxis.label.get_window_extent())


def test_every_checkpoint_of_one_layer_is_seen_in_a_profile() -> None:
    ax = plot_profile(make_plane(["fc1"]), estimator="bin:szt", ax=fresh())
    lines = artists(ax, "profile-")
    assert [line.get_marker() for line in lines] == ["o"] * len(STEPS)  # type: ignore[attr-defined]
    assert ax.get_xlabel() == "layer"


def test_a_panel_of_an_estimator_without_one_quantity_says_which() -> None:
    plane = make_plane()
    half = [p for p in plane if p.estimator == "bin:szt" or p.quantity == "i_zy"]
    figure = draw_sensitivity(replace(plane, points=tuple(half)))
    words = [[text.get_text() for text in ax.texts] for ax in figure.axes[:2]]
    assert words == [[], ["no I(X;Z)"]]


def test_layers_of_snapshots_have_shapes_numbers_and_names() -> None:
    ax = plot_snapshots(make_plane(), estimator="bin:szt", ax=fresh())
    assert len(artists(ax, "last-")) == 2 and len(artists(ax, "number-")) == 2
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["1  a", "2  b"]


def test_planes_of_other_layers_side_by_side_have_a_legend_each() -> None:
    planes = {"small": make_plane(["fc1", "fc2"]), "large": make_plane(["conv1", "conv2", "fc"])}
    figure = draw_side_by_side(planes, estimator="bin:szt")
    assert not figure.legends
    assert all(ax.get_legend() is not None for ax in figure.axes[:2])
    figure = draw_side_by_side({"a": make_plane(), "b": make_plane()}, estimator="bin:szt")
    assert len(figure.legends) == 1


@pytest.mark.slow
def test_many_planes_side_by_side_stand_in_rows_and_keep_their_shape() -> None:
    planes = {f"seed {k}": make_plane() for k in range(7)}
    figure = draw_side_by_side(planes, estimator="bin:szt")
    figure.draw_without_rendering()
    for ax in figure.axes[:7]:
        assert ax.get_window_extent().height > 0.5 * ax.get_window_extent().width


def test_a_plane_that_cannot_be_drawn_names_the_estimators_that_can() -> None:
    plane = make_plane()
    half = [p for p in plane if p.estimator != "bin:szt" or p.quantity == "i_zy"]
    words = r"no layer has both .* from 'bin:szt'; estimators with both: \['kde:variance=0.001'\]"
    with pytest.raises(InputError, match=words):
        plot_plane(replace(plane, points=tuple(half)), estimator="bin:szt")


def test_a_list_of_planes_is_answered_with_what_draws_several() -> None:
    with pytest.raises(InputError, match="got list: .* draw_side_by_side"):
        plot_plane([make_plane(), make_plane()])  # type: ignore[arg-type]


def test_colours_of_planes_side_by_side_mean_the_same_steps() -> None:
    early = make_plane().select(step=[0, 1])
    figure = draw_side_by_side({"early": early, "all": make_plane()}, estimator="bin:szt")
    limits = [artists(ax, "path-0")[0].norm.vmax for ax in figure.axes[:2]]  # type: ignore[attr-defined]
    assert limits == [8000, 8000]
    assert len(figure.axes) == 3  # one scale for both


def without_across(plane: Plane, *cells: tuple[str, int]) -> Plane:
    """Return the plane without I(X;Z) of some layers at some steps."""
    kept = [
        point
        for point in plane
        if point.quantity != "i_xz" or (point.layer, point.step) not in cells
    ]
    return replace(plane, points=tuple(kept))


def test_layers_keep_their_number_and_shape_where_others_are_not_measured() -> None:
    whole = make_plane(["a", "b", "c"])
    part = without_across(whole, *(("a", step) for step in STEPS))
    full, ax = plot_plane(whole, ax=fresh()), plot_plane(part, ax=fresh())
    assert [number.get_text() for number in artists(ax, "number-")] == ["2", "3"]  # type: ignore[attr-defined]
    for layer in ("last-1", "last-2"):
        assert artists(ax, layer)[0].get_marker() == artists(full, layer)[0].get_marker()  # type: ignore[attr-defined]


def test_the_legend_and_the_caption_say_which_layers_have_no_point() -> None:
    part = without_across(make_plane(["a", "b"]), *(("a", step) for step in STEPS))
    legend = plot_plane(part, ax=fresh()).get_legend()
    assert "1  a: no I(X;Z)" in [text.get_text() for text in legend.get_texts()]  # type: ignore[union-attr]
    assert "(1 a: no I(X;Z), 2 b)" in caption_of(part)


def test_a_checkpoint_without_a_point_is_a_gap_in_the_line() -> None:
    plane = make_plane(["a", "b"])
    ax = plot_plane(without_across(plane, ("a", STEPS[2])), ax=fresh())
    whole, broken = artists(ax, "path-1")[0], artists(ax, "path-0")[0]
    assert len(whole.get_segments()) == len(STEPS) - 1  # type: ignore[attr-defined]
    assert len(broken.get_segments()) == len(STEPS) - 3  # type: ignore[attr-defined]
