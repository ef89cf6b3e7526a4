"""Measuring is identical on any number of workers and resumable; a failing cell fails alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import numbers_of, one_step, run_of

import infoplane as ip
from infoplane.archive import ResultLog, RunWriter
from infoplane.contract import Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.types import Estimate, LayerInfo

SPECS = [
    "bin:szt",
    "bin:range,n=20",
    "bin:range,n=20,scope=layer",
    "kde:variance=0.1",
    "exact",
    "vinfo:linear",
]


@pytest.fixture
def archive(tmp_path: Path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4)).astype(np.float32)
    infos = [LayerInfo(name, k, "Linear", (3,), (3,)) for k, name in enumerate(("a", "b"))]
    with RunWriter.create(
        tmp_path / "run", layers=infos, x=x, y=(x[:, 0] > 0).astype(np.int64), durable=False
    ) as run:
        for step in range(3):
            with run.step(step, metrics={"loss": 1.0 / (step + 1)}) as shard:
                for name in ("a", "b"):
                    shard.write(
                        name, np.tanh((step + 1) * x @ rng.normal(size=(4, 3))).astype(np.float32)
                    )
    return ip.open_archive(tmp_path / "run")


def test_the_plane_does_not_depend_on_workers_order_or_resuming(archive) -> None:
    serial = ip.measure(archive, SPECS, resume=False)
    threads = ip.measure(archive, SPECS, workers=4, resume=False)
    first = ip.measure(archive, SPECS[::-1], steps=[2, 0])
    resumed = ip.measure(archive, SPECS)
    assert not serial.failures
    assert numbers_of(serial) == numbers_of(threads) == numbers_of(resumed)
    assert {p for p in numbers_of(first) if "range" not in p[3]} <= set(numbers_of(serial))


def test_what_was_measured_is_read_back_not_measured_again(archive, monkeypatch) -> None:
    before = ip.measure(archive, ["bin:szt", "exact"])
    monkeypatch.setattr(
        "infoplane.analysis.measuring.executors.measure_cell",
        lambda *a: pytest.fail("measured again"),
    )
    assert numbers_of(ip.measure(archive, ["bin:szt", "exact"])) == numbers_of(before)


def test_an_estimate_of_the_population_above_the_entropy_of_the_rows_is_not_measured_again(
    tmp_path, monkeypatch
) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 40, 800)
    layer = 50 * rng.normal(size=(40, 3))[labels] + rng.normal(size=(800, 3))
    run = run_of(tmp_path / "run", [{"l": layer.astype(np.float32)}], x=layer, y=labels)
    (point,) = ip.measure(run, "ross:k=3").select(quantity="i_zy").points
    assert point.bits > point.estimate.ceiling_bits + 0.01
    monkeypatch.setattr(
        "infoplane.analysis.measuring.executors.measure_cell",
        lambda *a: pytest.fail("measured again"),
    )
    assert ip.measure(run, "ross:k=3").select(quantity="i_zy").points == (point,)


def test_the_result_lines_of_a_cell_are_written_at_once_and_those_of_equal_activations_together(
    archive, monkeypatch
) -> None:
    from infoplane.archive import ResultLog

    calls: list[int] = []
    plain = ResultLog.add_lines

    def counted(self: ResultLog, lines: bytes) -> None:
        if self.path.stem == "results":
            calls.append(lines.count(b"\n"))
        plain(self, lines)

    monkeypatch.setattr(ResultLog, "add_lines", counted)
    ip.measure(archive, SPECS)
    assert calls == [len(SPECS)] * 6  # 3 steps x 2 layers


def test_a_torn_result_line_costs_its_cell_only(archive) -> None:
    before = ip.measure(archive, ["bin:szt"])
    log = next((archive.path / "planes").glob("*.jsonl"))
    log.write_bytes(log.read_bytes()[:-20])
    assert numbers_of(ip.measure(archive, ["bin:szt"])) == numbers_of(before)


def test_another_seed_changes_only_estimators_that_draw(archive) -> None:
    one, two = (
        ip.measure(archive, ["exact", "vinfo:linear"], seed=0),
        ip.measure(archive, ["exact", "vinfo:linear"], seed=1),
    )
    assert numbers_of(one.select(estimator="exact")) == numbers_of(two.select(estimator="exact"))
    assert numbers_of(one.select(estimator="vinfo:family=linear")) != numbers_of(
        two.select(estimator="vinfo:family=linear")
    )


class Poison:
    name, traits = "poison", Traits("other")

    def supports(self, a, b) -> bool:
        return True

    def estimate(self, a, b, *, rng=None) -> Estimate:
        if "b" in (a.name, b.name):
            raise EstimatorError("poison: cannot swallow b")
        return Estimate(1.0, a.n, "poison")


def test_a_poison_cell_is_a_recorded_failure_and_the_rest_finishes(archive) -> None:
    plane = ip.measure(archive, ["exact", Poison()])
    assert {(f.step, f.layer, f.message) for f in plane.failures} == {
        (s, "b", "EstimatorError: poison: cannot swallow b") for s in range(3)
    }
    assert len(plane.select(estimator="poison")) == 6 and len(plane.select(estimator="exact")) == 12


def test_the_plane_carries_entropies_metrics_and_provenance(archive) -> None:
    plane = ip.measure(archive, "exact", seed=7)
    assert plane.h_x_bits == pytest.approx(np.log2(120)) and 0.9 < plane.h_y_bits <= 1
    assert plane.metrics[2]["loss"] == pytest.approx(1 / 3)
    assert plane.provenance["seed"] == "7" and plane.provenance["digest"] == archive.digest


def test_progress_is_told_per_cell(archive) -> None:
    seen: list[tuple[int, int]] = []
    ip.measure(archive, "exact", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(k, 6) for k in range(1, 7)]


def test_a_plane_survives_saving_and_csv(archive, tmp_path: Path) -> None:
    plane = ip.measure(archive, ["bin:szt", "kde:variance=0.1"])
    assert ip.Plane.load(plane.save(tmp_path / "p.h5")) == plane
    lines = plane.to_csv(tmp_path / "p.csv").read_text().splitlines()
    assert lines[0].startswith("step,layer,quantity,estimator") and len(lines) == len(plane) + 1


def test_bad_requests_are_explained(archive, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such layers: \['c'\]; the archive has \['a', 'b'\]"):
        ip.measure(archive, "exact", layers=["c"])
    with pytest.raises(InputError, match=r"no such layers: \[0\]"):
        ip.measure(archive, "exact", layers=[0])
    with pytest.raises(InputError, match=r"no such steps: \[9\]"):
        ip.measure(archive, "exact", steps=[9])
    with pytest.raises(InputError, match="at least one estimator"):
        ip.measure(archive, [])
    with pytest.raises(InputError, match="no such estimator: 'foo'"):
        ip.measure(archive, "foo")
    RunWriter.create(
        tmp_path / "empty",
        layers=[LayerInfo("a", 0, shape=(1,))],
        x=np.zeros((2, 1)),
        y=np.array([0, 1]),
        durable=False,
    ).close()
    with pytest.raises(InputError, match="no captured steps yet"):
        ip.measure(ip.open_archive(tmp_path / "empty"), "exact")


def test_the_live_plane_has_the_results_of_captured_cells_and_of_no_others(tmp_path: Path) -> None:
    from infoplane.analysis.live.follow import RunSource

    infos = [LayerInfo("l", 0, "Linear", (2,), (2,))]
    with (
        RunWriter.create(
            tmp_path / "run", layers=infos, x=np.arange(2)[:, None], y=np.arange(2), durable=False
        ) as run,
        run.step(3) as shard,
    ):
        shard.write("l", np.eye(2, dtype=np.float32))
    plane = ip.measure(tmp_path / "run", ["exact"])  # two rows are enough for a number
    assert [p.bits for p in plane] == [1.0, 1.0]
    assert RunSource(tmp_path / "run").plane().points == plane.points
    log = ResultLog(tmp_path / "run")
    for key, change in (("a", {"step": 4}), ("b", {"layer": "m"})):
        log.append(key, {**next(iter(log.read().values())), **change})
    assert RunSource(tmp_path / "run").plane().points == plane.points


def test_error_bars_and_nulls_come_one_without_the_other(tmp_path: Path) -> None:
    split_run = one_step(
        tmp_path / "r",
        a=("Tanh", np.tanh(np.random.default_rng(0).normal(size=(40, 2))).astype(np.float32)),
    )
    points = {
        which: ip.measure(split_run, ["bin:saxe"], resume=False, **options)
        for which, options in (("bars", {"errorbars": 3}), ("null", {"null": 9}), ("none", {}))
    }
    said = {
        which: [
            (
                p.estimate.stderr is not None,
                any("permutation null" in note for note in p.estimate.notes),
            )
            for p in plane.points
            if p.quantity == "i_zy"
        ]
        for which, plane in points.items()
    }
    assert said == {"bars": [(True, False)], "null": [(False, True)], "none": [(False, False)]}


class Odd:
    """An estimator of somebody else's; ``make`` gives its result."""

    traits = Traits("other")

    def __init__(self, make, name: str = "odd") -> None:
        self.make, self.name = make, name

    def supports(self, a: str, b: str) -> bool:
        return True

    def estimate(self, a, b, *, rng=None):
        return self.make(a, b)


def centred_in_place(a, b) -> Estimate:
    for variable in (a, b):
        variable.values[:] = 0
    return Estimate(0.5, a.n, "odd")


@pytest.mark.parametrize("spec", ["exact", "bin:range,n=20", "kde:variance=0.1"])
def test_an_estimator_that_writes_into_its_input_changes_no_other(archive, spec: str) -> None:
    alone = ip.measure(archive, [spec], resume=False)
    beside = ip.measure(ip.open_archive(archive.path), [Odd(centred_in_place), spec], resume=False)
    assert numbers_of(beside) == numbers_of(alone)
    assert {failure.estimator for failure in beside.failures} == {"odd"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda a, b: 0.5, "expected an Estimate, got float"),
        (lambda a, b: Estimate(0.5, a.n, "another"), "carries the name of its estimator"),
        (lambda a, b: Estimate(0.5, 7, "odd"), "the number of its rows, 120; got 'odd' and 7"),
        (lambda a, b: Estimate(np.array([0.5]), a.n, "odd"), "must be one number of bits"),
        (lambda a, b: Estimate("0.5", a.n, "odd"), "must be one number of bits"),
        (lambda a, b: Estimate(0.5, a.n, "odd", stderr=float("nan")), "a number from 0 up"),
        (lambda a, b: Estimate(0.5, a.n, "odd", low=0.9, high=0.1), "ends above where it begins"),
        (lambda a, b: Estimate(0.5, a.n, "odd", notes="few rows"), "a tuple of texts"),
    ],
)
def test_a_result_that_is_none_is_a_failure_that_says_why(archive, make, words: str) -> None:
    plane = ip.measure(archive, [Odd(make)], resume=False)
    assert not plane.points and words in plane.failures[0].message


def test_a_point_of_another_quantity_is_a_failure(archive) -> None:
    odd = Odd(None)
    odd.estimate_plane_point = lambda x, z, y, *, rng=None: [("i_zz", Estimate(0.5, z.n, "odd"))]
    plane = ip.measure(archive, [odd], resume=False)
    assert not plane.points and "got 'i_zz'" in plane.failures[0].message


@pytest.mark.parametrize("bits", [np.float32(0.5), np.array(0.5), np.float64(0.5)])
def test_bits_of_any_scalar_type_are_stored_as_a_float(archive, bits) -> None:
    plane = ip.measure(archive, [Odd(lambda a, b: Estimate(bits, a.n, "odd"))], resume=False)
    assert {type(point.bits) for point in plane} == {float}


def test_two_estimators_of_one_name_are_refused(archive) -> None:
    impostor = Odd(lambda a, b: Estimate(0.5, a.n, "knn:k=5"), "knn:k=5")
    with pytest.raises(InputError, match="two estimators are called 'knn:k=5'"):
        ip.measure(archive, [impostor, "knn:k=5"])


def test_edges_that_are_fitted_to_nothing_are_refused(archive) -> None:
    odd = Odd(lambda a, b: Estimate(0.5, a.n, "odd"))
    odd.traits = Traits("other", edges="layer")
    odd.fit, odd.frozen_range = (lambda variables: None), (None, None)
    with pytest.raises(InputError, match="returns the estimator with its edges frozen"):
        ip.measure(archive, [odd])
