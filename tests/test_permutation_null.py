"""Labels of many symbols, and planes of chance, get their permutation band without a request."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.caveats import caveats_of
from infoplane.analysis.live.follow import RunSource
from infoplane.analysis.measuring.follow import Budget, follow
from infoplane.analysis.plot import plot_curves
from infoplane.analysis.report.content import page_data
from infoplane.archive import Archive, RunWriter
from infoplane.plane import Plane
from infoplane.types import LayerInfo


def run_of(path: Path, z: np.ndarray, y: np.ndarray) -> Archive:
    """One layer at two steps, with labels."""
    layers = [LayerInfo("act", 0, "Tanh", z.shape[1:])]
    with RunWriter.create(
        path, layers=layers, x=None, y=y, row_ids=np.arange(len(y)), durable=False
    ) as writer:
        for step in (0, 1):
            with writer.step(step) as shard:
                shard.write("act", z + np.float32(step))
    return ip.open_archive(path)


def independent(tmp_path: Path, rows: int, types: int) -> Archive:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(rows, 2)).astype(np.float32)
    return run_of(tmp_path / "run", z, rng.integers(0, types, rows))


def test_independent_labels_of_4000_types_lie_inside_their_band(tmp_path: Path) -> None:
    plane = ip.measure(independent(tmp_path, 5000, 4000), "bin:range,n=8")
    points = list(plane.select(quantity="i_zy"))
    assert len(points) == 2
    for point in points:
        null = point.estimate.null
        assert null is not None
        assert null.draws == 20
        assert point.bits > 3  # a third of H(Y), and chance
        assert null.low - 0.01 <= point.bits <= null.high + 0.01
    assert any("no larger than for shuffled labels" in text for text in caveats_of(plane).warnings)


def test_the_band_is_drawn(tmp_path: Path) -> None:
    plane = ip.measure(independent(tmp_path, 300, 200), "bin:range,n=8")
    plane_ax = ip.plot_plane(plane)
    curves_ax = plot_curves(plane, quantity="i_zy")
    for ax in (plane_ax, curves_ax):
        marks = [artist.get_gid() or "" for artist in ax.get_children()]
        assert any(gid.startswith("null-") for gid in marks)


def test_labels_that_a_layer_holds_stand_above_their_band(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 100, 600)
    z = np.stack([y / 100, rng.normal(size=600)], axis=1).astype(np.float32)
    plane = ip.measure(run_of(tmp_path / "run", z, y), ["bin:quantile,n=20", "exact"])
    for point in plane.select(quantity="i_zy", estimator="bin:quantile,n=20"):
        assert point.estimate.null is not None
        assert point.bits > point.estimate.null.high


@pytest.mark.parametrize(
    ("types", "null", "draws"), [(200, None, 20), (200, 0, 0), (20, 0, 0), (20, 30, 30)]
)
def test_the_band_comes_unasked_with_many_symbols(
    tmp_path: Path, types: int, null: int | None, draws: int
) -> None:
    plane = ip.measure(independent(tmp_path, 400, types), "bin:szt", null=null)
    assert draws_of(plane) == [draws, draws]


def draws_of(plane: Plane) -> list[int]:
    found = [point.estimate.null for point in plane.select(quantity="i_zy")]
    return [0 if null is None else null.draws for null in found]


@pytest.mark.parametrize("spec", ["bin:range,n=8", "kde:relative=0.1"])
def test_the_band_comes_unasked_with_few_symbols_that_a_layer_does_not_hold(
    tmp_path: Path, spec: str
) -> None:
    draws = draws_of(ip.measure(independent(tmp_path, 400, 20), spec))
    assert draws and set(draws) == {20}


def regression_of(path: Path, z: np.ndarray, y: np.ndarray) -> Archive:
    return ip.from_arrays({"z": z.astype(np.float32)}, y=y, y_kind="continuous", to=path)


def test_the_band_comes_unasked_with_random_targets(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    archive = regression_of(tmp_path / "run", rng.normal(size=(200, 4)), rng.normal(size=200))
    plane = ip.measure(archive)
    numbers = plane.select(quantity="i_zy", estimator=plane.estimators[0])
    assert numbers and all(point.estimate.null is not None for point in numbers)


def test_ten_labels_that_a_layer_holds_need_no_band(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 1700)
    z = np.stack([y, y % 3], axis=1) + 0.1 * rng.normal(size=(1700, 2))
    plane = ip.measure(run_of(tmp_path / "run", z.astype(np.float32), y))
    assert not any(draws_of(plane))


def test_a_label_of_the_sample_is_tried_on_whole_samples(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    texts = np.repeat(rng.normal(size=(40, 1, 2)), 20, axis=1)
    tokens = (texts + 0.01 * rng.normal(size=texts.shape)).astype(np.float32)
    archive = ip.from_arrays(
        {"z": tokens}, y=rng.integers(0, 4, 40), rows="token", to=tmp_path / "run"
    )
    assert all(draws_of(ip.measure(archive, "kde:relative=0.2")))


def test_the_trial_is_equal_for_workers_and_made_once(tmp_path: Path) -> None:
    archive = independent(tmp_path, 400, 20)
    alone = ip.measure(archive, "bin:range,n=8")
    lines = (archive.path / "planes" / "nulls.jsonl").read_text().splitlines()
    again = ip.measure(archive, "bin:range,n=8", workers=2)
    assert again.points == alone.points
    assert (archive.path / "planes" / "nulls.jsonl").read_text().splitlines() == lines
    fresh = ip.measure(archive, "bin:range,n=8", workers=2, resume=False)
    assert fresh.points == alone.points


def test_held_out_numbers_need_no_band(tmp_path: Path) -> None:
    plane = ip.measure(independent(tmp_path, 300, 60), "vinfo:family=linear", steps=[0])
    assert all(p.estimate.null is None for p in plane)


def test_the_band_comes_with_a_run_that_is_followed(tmp_path: Path) -> None:
    archive = independent(tmp_path, 300, 200)
    over = threading.Event()
    over.set()
    plane = follow(
        archive.path,
        ["bin:range,n=8,scope=step"],
        over=over,
        gone=threading.Event(),
        budget=Budget(1),
    )
    assert plane is not None
    shown = RunSource(archive.path).plane()
    bands = [p.estimate.null for p in shown.select(quantity="i_zy")]
    assert len(bands) == 2 and all(band is not None for band in bands)
    column = next(c for c in page_data(shown, None)["series"] if c["q"] == "i_zy")
    assert [len(column[key]) for key in ("nl", "nh")] == [2, 2]


def test_a_cell_that_is_followed_is_measured_once(tmp_path: Path) -> None:
    archive = independent(tmp_path, 300, 200)
    for _ in range(2):
        over = threading.Event()
        over.set()
        follow(archive.path, ["bin:szt"], over=over, gone=threading.Event(), budget=Budget(1))
    lines = (archive.path / "planes" / "results.jsonl").read_text().splitlines()
    assert len(lines) == 2
