"""Figures of runs: histograms, clouds, gradients, split planes, layer matrices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.measuring.train_test import split_planes
from infoplane.analysis.plot import (
    draw_clouds,
    draw_gradients,
    draw_histograms,
    draw_side_by_side,
    draw_unit_histograms,
    draw_usable,
    plot_cloud,
    plot_gradient_snr,
    plot_histogram,
    plot_layer_information,
    plot_profile,
    style,
)
from infoplane.analysis.plot.histograms import step_edges
from infoplane.analysis.studies.compare import Pooled, pool
from infoplane.analysis.studies.histograms import histograms
from infoplane.archive import RunWriter
from infoplane.errors import InputError
from infoplane.plane import Plane, Point
from infoplane.types import Estimate, LayerInfo

STEPS, N, WIDTH = (0, 1, 10, 100), 64, 20


def activation(step: int) -> np.ndarray:
    """Values that spread with the step; unit 0 is constant."""
    z = np.random.default_rng(step).normal(size=(N, WIDTH)) * (1 + step / 50)
    z[:, 0] = 0.25
    return z.astype(np.float32)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    layers = [
        LayerInfo("wide", 0, "Linear", (WIDTH,), (WIDTH,)),
        LayerInfo("still", 1, "Linear", (1,), (1,)),
    ]
    split = np.array(["train"] * 48 + ["test"] * 16)
    y = np.arange(N) % 2
    with RunWriter.create(
        path, layers=layers, x=np.arange(N, dtype="f4")[:, None], y=y, split=split, durable=False
    ) as writer:
        for step in STEPS:
            with writer.step(step, metrics={"loss": 1.0}) as shard:
                shard.write("wide", activation(step))
                shard.write(
                    "still",
                    np.where(y == 0, -1.0, 1.0).astype("f4")[:, None]
                    * (split == "train")[:, None].astype("f4"),
                )
    return path


def artists(ax: Any, gid: str) -> list[Any]:
    return [a for a in ax.get_children() if str(a.get_gid() or "").startswith(gid)]


def fresh() -> Any:
    return style.new_figure().add_subplot()


# ---- histograms ----------------------------------------------------------------------------------


def test_histograms_count_every_value_once_in_cells_that_stand_still(run: Path) -> None:
    h = histograms(run, "wide", bins=30, units=WIDTH)
    assert h.steps == STEPS and h.whole.shape == (4, 30) and h.per_unit.shape == (4, WIDTH, 30)
    assert (h.whole.sum(axis=1) == N * WIDTH).all() and (h.per_unit.sum(axis=2) == N).all()
    assert (h.per_unit.sum(axis=1) == h.whole).all()
    every = np.concatenate([activation(s) for s in STEPS])
    assert (
        h.edges[0] == every.min()
        and h.edges[-1] == every.max()
        and np.allclose(np.diff(h.edges), np.diff(h.edges)[0])
    )
    for k, step in enumerate(STEPS):  # by counting, not by numpy's histogram
        z = activation(step).astype(float)
        for b in (0, 14, 29):
            inside = (z >= h.edges[b]) & ((z < h.edges[b + 1]) | (b == 29) & (z == h.edges[-1]))
            assert h.whole[k, b] == inside.sum()


def test_a_unit_that_never_moves_fills_one_cell(run: Path) -> None:
    h = histograms(run, "wide", units=WIDTH)
    assert (h.per_unit[:, 0].max(axis=1) == N).all() and h.shares(0).max() == 1.0


def test_wide_layers_keep_evenly_spaced_units(run: Path) -> None:
    h = histograms(run, "wide", units=4)
    assert (
        h.units == (0, 6, 13, 19) and h.width == WIDTH and (h.whole.sum(axis=1) == N * WIDTH).all()
    )
    with pytest.raises(InputError, match="unit 1 of wide was not kept"):
        h.shares(1)
    with pytest.raises(InputError, match="no such layer: 'zz'"):
        histograms(run, "zz")
    with pytest.raises(InputError, match="bins: expected a whole number from 2 up, got 1"):
        histograms(run, "wide", bins=1, units=3)


def test_columns_of_the_histogram_tile_the_steps() -> None:
    assert step_edges([0, 10, 20], False).tolist() == [0, 5, 15, 20]
    edges = step_edges([0, 1, 10, 100], True)
    assert edges[0] == 0 and edges[-1] == pytest.approx(100) and (np.diff(edges) > 0).all()
    assert all(a < s < b for s, a, b in zip([1, 10], edges[1:], edges[2:], strict=False))


def test_the_histogram_draws_the_shares_and_leaves_empty_cells_white(run: Path) -> None:
    h = histograms(run, "wide")
    (mesh,) = artists(plot_histogram(h, ax=fresh()), "histogram")
    drawn = mesh.get_array()
    assert (
        np.ma.filled(drawn, 0.0) == pytest.approx(h.shares().T)
        and (np.ma.getmaskarray(drawn) == (h.whole.T == 0)).all()
    )
    figure = draw_histograms([h, histograms(run, "still")])
    assert [a.get_title() for a in figure.axes[:2]] == ["wide, 20 units", "still, 1 units"]
    units = draw_unit_histograms(histograms(run, "wide", units=5))
    assert [a.get_title() for a in units.axes[:5]] == [
        "unit 0",
        "unit 5",
        "unit 10",
        "unit 14",
        "unit 19",
    ]
    with pytest.raises(InputError, match="give the histograms"):
        draw_histograms([])


# ---- split planes --------------------------------------------------------------------------------


def test_split_planes_use_equally_many_rows_of_each_side(run: Path) -> None:
    planes = split_planes(run, ["exact", "bin:szt"])
    assert list(planes) == ["train", "test"] and [p.n for p in planes.values()] == [16, 16]
    assert {len(p) for p in planes.values()} == {4 * 2 * 2 * 2}
    train, test = (
        dict(zip(*p.series("still", "i_zy", "exact"), strict=True)) for p in planes.values()
    )
    assert (
        train[100].bits == pytest.approx(planes["train"].h_y_bits) and test[100].bits == 0.0
    )  # held-out rows are all alike there
    both = split_planes(run, ["exact"], equal_rows=False)
    assert [p.n for p in both.values()] == [48, 16]
    figure = draw_side_by_side(planes, estimator="exact")
    assert [a.get_title() for a in figure.axes[:2]] == ["train", "test"] and figure.axes[
        0
    ].get_xlim() == figure.axes[1].get_xlim()


def test_a_run_without_a_split_says_how_to_record_one(tmp_path: Path) -> None:
    with RunWriter.create(
        tmp_path / "r",
        layers=[LayerInfo("a", 0, "Linear", (1,), (1,))],
        x=np.zeros((4, 1), "f4"),
        y=None,
        durable=False,
    ) as writer:
        with writer.step(0) as shard:
            shard.write("a", np.zeros((4, 1), "f4"))
    with pytest.raises(InputError, match=r"no split was recorded; pass it while recording"):
        split_planes(tmp_path / "r")


# ---- several runs --------------------------------------------------------------------------------


def seed_plane(seed: int) -> Plane:
    rng = np.random.default_rng(seed)
    points = [
        Point(s, layer, q, Estimate(float(rng.random()), N, "bin:szt"))
        for layer in "abc"
        for s in STEPS
        for q in ("i_xz", "i_zy")
    ]  # type: ignore[arg-type]
    return Plane(tuple(points), ("a", "b", "c"), N, 1.0)


@pytest.fixture(scope="module")
def pooled() -> list[Pooled]:
    return pool({f"seed {k}": seed_plane(k) for k in range(5)})


def test_a_cloud_shows_every_run_and_the_median_of_each_coordinate(pooled: list[Pooled]) -> None:
    ax = plot_cloud(pooled, step=10, ax=fresh())
    clouds, middles = artists(ax, "cloud-"), artists(ax, "median-")
    assert len(clouds) == len(middles) == 3 and all(len(c.get_offsets()) == 5 for c in clouds)
    points = np.asarray(clouds[1].get_offsets())
    (x,), (y,) = middles[1].get_data()
    assert (x, y) == pytest.approx((sorted(points[:, 0])[2], sorted(points[:, 1])[2]))
    assert "bin:szt" in ax.get_xlabel() and "step 10, 5 runs" in ax.get_title(loc="left")
    with pytest.raises(
        InputError, match=r"no such step in all runs: 7; they share \[0, 1, 10, 100\]"
    ):
        plot_cloud(pooled, step=7)


def test_clouds_over_training_share_their_axes(pooled: list[Pooled]) -> None:
    figure = draw_clouds(pooled)
    assert [a.get_title(loc="left") for a in figure.axes] == [f"step {s}" for s in STEPS]
    assert len({a.get_xlim() for a in figure.axes}) == 1


# ---- gradients, profile, matrix ------------------------------------------------------------------


def test_gradient_snr_draws_the_ratio_and_leaves_out_what_is_infinite() -> None:
    numbers = {"mean": 0.1, "sd": 0.2, "noise_scale": 3.0}
    statistics = {
        s: {"fc1": {**numbers, "snr": v}}
        for s, v in zip(STEPS, (2.0, np.inf, 0.5, 0.1), strict=True)
    }
    ax = plot_gradient_snr(statistics, ax=fresh())
    (line,) = artists(ax, "snr-")
    assert (
        line.get_xdata().tolist() == [0, 10, 100]
        and line.get_ydata().tolist() == [2.0, 0.5, 0.1]
        and ax.get_yscale() == "log"
    )
    assert artists(ax, "one")[0].get_ydata()[0] == 1.0
    assert len(draw_gradients(statistics).axes) == 4
    with pytest.raises(InputError, match="gradients=loss_fn"):
        plot_gradient_snr({})


def usable_plane() -> Plane:
    points = [
        Point(
            s,
            layer,
            q,
            Estimate(0.1 * k + 0.001 * s, N, spec, stderr=0.01 if spec != "bin:szt" else None),
        )
        for k, layer in enumerate("abc")
        for s in STEPS
        for spec, quantities in (("bin:szt", ("i_xz", "i_zy")), ("vinfo:family=linear", ("i_zy",)))
        for q in quantities
    ]  # type: ignore[arg-type]
    return Plane(tuple(points), ("a", "b", "c"), N, 1.0)


def test_usable_information_of_many_layers_has_one_legend_under_both_panels() -> None:
    plane = usable_plane()
    points = []
    for k in range(20):
        points += [replace(point, layer=f"{point.layer}.{k}") for point in plane]
    names = tuple(dict.fromkeys(point.layer for point in points))
    figure = draw_usable(replace(plane, points=tuple(points), layers=names))
    (box,) = figure.legends
    assert "60 layers named" in " ".join(text.get_text() for text in box.get_texts())


def test_usable_information_stands_beside_the_plane_along_the_layers() -> None:
    figure = draw_usable(usable_plane())
    right = figure.axes[1]
    (last,) = artists(right, "profile-100")
    assert (
        last.get_ydata().tolist() == pytest.approx([0.1, 0.2, 0.3])
        and len(artists(right, "profile-")) == 4
    )
    assert (
        "I_V" in right.get_ylabel()
        and "bin:szt" in figure.axes[0].get_xlabel()
        and not figure.axes[0].get_legend()
    )
    with pytest.raises(InputError, match="expected a Shannon estimator and a vinfo one"):
        draw_usable(usable_plane().select(estimator="bin:szt"))
    assert (
        len(artists(plot_profile(usable_plane(), estimator="bin:szt", ax=fresh()), "profile-")) == 4
    )


@dataclass(frozen=True)
class Matrix:
    """What a layer matrix offers."""

    step: int
    estimator: str
    layers: tuple[str, ...]
    values: np.ndarray

    def bits(self) -> Any:
        return np.ma.masked_invalid(self.values)


def test_the_layer_matrix_names_estimator_and_step_and_leaves_missing_pairs_without_number() -> (
    None
):
    matrix = Matrix(7, "ksg:k=5", ("a", "b"), np.array([[np.nan, 1.25], [1.25, np.nan]]))
    ax = plot_layer_information(matrix, ax=fresh())
    assert [t.get_text() for t in artists(ax, "cell-")] == ["1.25", "1.25"]
    assert ax.get_title(loc="left") == "I(Z_i;Z_j), ksg:k=5, step 7"
    with pytest.raises(InputError, match="no pair of layers has a number under ksg:k=5"):
        plot_layer_information(Matrix(7, "ksg:k=5", ("a",), np.array([[np.nan]])))


HOSTILE = (
    "$\\frac{1}",
    "<script>alert(1)</script>",
    "x" * 10_000,
    "😀 名前",
    "שלום",
    "_legend",
    "$$",
)


@pytest.mark.slow
def test_hostile_names_are_text_in_every_figure(tmp_path: Path) -> None:
    def renamed(plane: Plane) -> Plane:
        points = [
            Point(p.step, name, p.quantity, p.estimate)
            for name in HOSTILE
            for p in plane
            if p.layer == "a"
        ]
        return Plane(tuple(points), HOSTILE, N, 1.0)

    planes = {name: renamed(seed_plane(k)) for k, name in enumerate(HOSTILE[:3])}
    found = pool(planes)
    statistics = {
        s: {name: {"mean": 1.0, "sd": 1.0, "snr": 1.0, "noise_scale": 1.0} for name in HOSTILE}
        for s in STEPS
    }
    figures = [
        plot_cloud(found).figure,
        draw_clouds(found),
        ip.analysis.plot.draw_compared(planes, found),
        draw_side_by_side(planes),
        draw_usable(renamed(usable_plane())),
        draw_gradients(statistics),
        plot_layer_information(Matrix(0, "ksg", HOSTILE, np.eye(len(HOSTILE)))).figure,
        ip.analysis.plot.draw_sensitivity(renamed(seed_plane(0))),
    ]
    for k, figure in enumerate(figures):
        with style.context():
            figure.savefig(tmp_path / f"{k}.svg")
        text = (tmp_path / f"{k}.svg").read_text("utf-8")
        assert "<script>" not in text and len(text) < 900_000, k
    plt.close("all")
