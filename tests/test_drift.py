"""Divergences of samples against closed forms, and refusals where rows cannot show them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import one_step, run_of
from scipy import stats

import infoplane as ip
from infoplane.analysis.studies import drift
from infoplane.analysis.studies.divergences import bound_of_reach, gaussian_kl_of_samples
from infoplane.analysis.studies.paired_divergence import divergence
from infoplane.analysis.vocabulary import gaussian_kl, kl, kl_from_samples
from infoplane.archive import RunWriter, open_archive
from infoplane.errors import EstimatorError, InputError
from infoplane.types import LayerInfo


def truth(scale: float, shift: float, units: int) -> float:
    unit = np.eye(units)
    return gaussian_kl(np.full(units, shift), scale**2 * unit, np.zeros(units), unit)


@pytest.mark.parametrize("units", [1, 2, 5, 10])
@pytest.mark.parametrize(
    ("scale", "shift"), [(2.0, 0.0), (0.5, 0.0), (1.0, 2.0), (1.2, 0.3), (1.0, 0.0)]
)
def test_drift_of_gaussians_is_the_closed_form_within_its_error(
    units: int, scale: float, shift: float
) -> None:
    rng = np.random.default_rng(units)
    q = rng.normal(size=(2000, units))
    p = scale * rng.normal(size=(2000, units)) + shift
    bits, se, _ = divergence(p, q, rng=rng)
    assert abs(bits - truth(scale, shift, units)) < 3.5 * se + 0.02
    assert se < 0.1 + 0.1 * bits


@pytest.mark.parametrize("units", [1, 3, 8])
def test_a_gaussian_divergence_of_few_rows_has_no_bias(units: int) -> None:
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        found.append(
            gaussian_kl_of_samples(1.3 * rng.normal(size=(80, units)), rng.normal(size=(60, units)))
        )
    error = np.std(found) / np.sqrt(300)
    assert abs(np.mean(found) - truth(1.3, 0.0, units)) < 4 * error


@pytest.mark.parametrize("units", [2, 10])
def test_neighbours_refuse_what_no_rows_can_show(units: int) -> None:
    rng = np.random.default_rng(0)
    q, p = rng.standard_t(3, size=(800, units)), 4 * rng.standard_t(3, size=(800, units))
    with pytest.raises(EstimatorError, match="where the other checkpoint has none"):
        divergence(p, q, method="knn", rng=rng)
    with pytest.raises(EstimatorError, match="the rows are not Gaussian"):
        divergence(p, q, method="gauss", rng=rng)


def test_the_share_out_of_reach_proves_a_lower_bound() -> None:
    assert bound_of_reach(0.3, 1000)[0] == pytest.approx(kl([0.3, 0.7], [0.01, 0.99]))


def shifted(to: Path, shift: float, repeats: bool) -> ip.Archive:
    rng = np.random.default_rng(0)
    z = [np.tanh(rng.normal(size=(400, 3)) + s) for s in (0.0, shift)]
    z = [np.maximum(v, 0) if repeats else v for v in z]
    with RunWriter.create(to, layers=[LayerInfo("z", 0, "Tanh", (3,))], x=z[0], y=None) as run:
        for step, values in enumerate(z):
            with run.step(step) as shard:
                shard.append("z", values)
    return ip.open_archive(to)


@pytest.mark.parametrize("repeats", [False, True])
def test_a_wide_change_of_a_run_says_that_the_truth_is_larger(
    tmp_path: Path, repeats: bool
) -> None:
    (found,) = ip.drift(shifted(tmp_path / "r", -3.0 if not repeats else 3.0, repeats))
    assert found.method == ("binned" if repeats else "knn")
    if not repeats:
        assert (
            "at least" in found.note
            and 1 < found.bits < 3 * 4.5 / np.log(2)
            and found.note in str(found)
        )


def test_a_wide_change_of_gaussian_layers_says_that_tails_of_a_fit_speak(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    layers, x = [LayerInfo("z", 0, "Linear", (3,))], np.arange(400.0)[:, None]
    with RunWriter.create(tmp_path / "r", layers=layers, x=x, y=None) as run:
        for step, shift in enumerate((0.0, 12.0)):
            with run.step(step) as shard:
                shard.append("z", rng.normal(size=(400, 3)) + shift)
    (found,) = ip.drift(ip.open_archive(tmp_path / "r"))
    assert found.method == "gauss" and found.bits > 100
    assert found.note == (
        "the tails of a Gaussian fit say so: 100% of the rows lie where the reference has none"
    )


def test_a_small_change_of_a_run_says_nothing_more(tmp_path: Path) -> None:
    (found,) = ip.drift(shifted(tmp_path / "r", 0.2, False))
    assert found.note == "" and abs(found.bits - 3 * 0.02 / np.log(2)) < 4 * found.stderr + 0.03


@pytest.mark.parametrize("units", [1, 2, 5])
def test_neighbours_of_a_narrower_sample_are_the_closed_form(units: int) -> None:
    rng = np.random.default_rng(1)
    found = kl_from_samples(0.5 * rng.normal(size=(3000, units)), rng.normal(size=(3000, units)))
    assert found == pytest.approx(truth(0.5, 0.0, units), rel=0.12)


@pytest.mark.parametrize(
    ("reference", "steps", "pairs"),
    [
        ("first", None, [(0, 1), (0, 3), (0, 7)]),
        ("previous", None, [(0, 1), (1, 3), (3, 7)]),
        (3, None, [(3, 0), (3, 1), (3, 7)]),
        ("previous", [7, 0], [(3, 7)]),
    ],
)
def test_drift_goes_from_the_first_the_previous_or_a_named_checkpoint(
    split_run: Path, reference: str | int, steps: list[int] | None, pairs: list[tuple[int, int]]
) -> None:
    assert drift.step_pairs(open_archive(split_run), reference, steps) == pairs  # type: ignore[arg-type]  # as listed


def test_a_reference_that_was_not_captured_is_refused(split_run: Path) -> None:
    with pytest.raises(
        InputError, match="reference is 'first', 'previous' or a captured step, got 2"
    ):
        drift.step_pairs(open_archive(split_run), 2, None)


def test_drift_leaves_out_checkpoints_without_the_layer(split_run: Path) -> None:
    found = drift.drift(open_archive(split_run), layers=["b"], method="binned")
    assert [(d.layer, d.reference, d.step) for d in found] == [("b", 0, 1), ("b", 0, 7)]


def test_checkpoints_with_nan_are_left_out_of_drift_and_of_the_panel(tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(100, 2))
    steps = {
        step: {"a": z * (1 + step), "b": z * (np.nan if step == 2 else 1)} for step in range(3)
    }
    run = ip.from_arrays(steps, x=z, to=tmp_path / "run", nonfinite="keep")
    for study in (ip.drift, ip.mechanism):
        with pytest.warns(RuntimeWarning, match="the first b at step 2: left out"):
            cells = {(found.layer, found.step) for found in study(run)}
        assert ("a", 2) in cells and ("b", 1) in cells and ("b", 2) not in cells


def test_neighbours_draw_splits_for_the_error_alone(rng: np.random.Generator) -> None:
    p, q = rng.normal(size=(2, 60, 1))
    found = [divergence(p, q, rng=np.random.default_rng(s)) for s in range(3)]
    assert len({value.bits for value in found}) == 1
    assert len({value.stderr for value in found}) == 3


def test_layers_that_stand_still_have_no_divergence_of_neighbours(rng: np.random.Generator) -> None:
    z = rng.normal(size=(60, 2))
    assert divergence(z, z, rng=rng).bits == pytest.approx(0, abs=1e-12)


def test_values_that_repeat_drift_by_bins(rng: np.random.Generator) -> None:
    p, q = rng.normal(size=(2, 60, 1))
    assert divergence(np.round(p), q, rng=rng)[2] == "binned"


def test_gaussian_fits_compare_different_halves_of_the_rows(rng: np.random.Generator) -> None:
    p, q = rng.normal(size=(2, 60, 1))
    order = np.random.default_rng(5).permutation(60)
    one, two = order[:30], order[30:]
    directions = [gaussian_kl_of_samples(p[a], q[b]) for a, b in ((one, two), (two, one))]
    found = divergence(p, q, method="gauss", splits=1, rng=np.random.default_rng(5))
    assert found.bits == pytest.approx(np.mean(directions))


def test_fewer_rows_than_neighbours_need_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(EstimatorError, match="drift wants at least 12 rows, got 11"):
        divergence(*rng.normal(size=(2, 11, 1)), rng=rng)


@pytest.mark.parametrize("rows", [3, 5, 7, 11])
def test_a_run_of_few_rows_is_refused_wherever_they_lie(tmp_path: Path, rows: int) -> None:
    """Rows far from the reference's gave a bound instead, of 7 rows."""
    values = np.linspace(0, 1, rows)[:, None]
    run = run_of(tmp_path / "run", [{"z": values}, {"z": values**2 + 5}])
    with pytest.raises(EstimatorError, match=f"drift wants at least 12 rows, got {rows}"):
        ip.drift(run)


Sampler = Callable[[np.random.Generator], np.ndarray]
Pairs = tuple[np.ndarray, np.ndarray]


def apart(p: Sampler, q: Sampler) -> Callable[[np.random.Generator], Pairs]:
    """Rows that the two checkpoints do not share."""
    return lambda rng: (p(rng), q(rng))


def moved(start: Sampler, move: Callable[[np.ndarray], np.ndarray]) -> Any:
    """The same rows at both checkpoints, every one moved."""

    def draw(rng: np.random.Generator) -> Pairs:
        q = start(rng)
        return move(q), q

    return draw


def normal(units: int) -> Sampler:
    return lambda rng: rng.normal(size=(600, units))


def widened(units: int) -> Sampler:
    return lambda rng: 2 * rng.normal(size=(600, units))


def exponential(scale: float) -> Sampler:
    return lambda rng: rng.exponential(scale, size=(600, 1))


def student(shift: float) -> Sampler:
    return lambda rng: rng.standard_t(3, size=(600, 1)) + shift


def kl_of_students(shift: float) -> float:
    grid = np.linspace(-400, 400, 2_000_001)
    p, q = stats.t(3, loc=shift), stats.t(3)
    nats = np.trapezoid(p.pdf(grid) * (p.logpdf(grid) - q.logpdf(grid)), grid)
    return float(nats / np.log(2))


def kl_of_rectified(shift: float) -> float:
    """The atom at zero, and the Gaussian density above it."""
    off_p, off_q = stats.norm.cdf(-shift), stats.norm.cdf(0)
    grid = np.linspace(0, 12, 200_001)
    p, q = stats.norm(shift), stats.norm()
    above = np.trapezoid(p.pdf(grid) * (p.logpdf(grid) - q.logpdf(grid)), grid)
    return float((off_p * np.log(off_p / off_q) + above) / np.log(2))


def rectified(rng: np.random.Generator) -> Pairs:
    z = rng.normal(size=(600, 3))
    return np.maximum(z + 0.5, 0), np.maximum(z, 0)


COVERED = {
    "wider, 1 unit": (apart(widened(1), normal(1)), truth(2, 0, 1)),
    "wider, 2 units": (apart(widened(2), normal(2)), truth(2, 0, 2)),
    "wider, 5 units": (apart(widened(5), normal(5)), truth(2, 0, 5)),
    "wider, 10 units": (apart(widened(10), normal(10)), truth(2, 0, 10)),
    "narrower, the same rows": (moved(normal(1), lambda z: z / 2), truth(0.5, 0, 1)),
    "shifted, the same rows": (moved(normal(2), lambda z: z + 0.4), truth(1, 0.4, 2)),
    "squashed, the same rows": (
        moved(
            lambda rng: np.tanh(rng.normal(size=(600, 2))), lambda z: np.tanh(np.arctanh(z) + 0.3)
        ),
        truth(1, 0.3, 2),
    ),
    "squashed, 5 units": (
        apart(
            lambda rng: np.tanh(rng.normal(size=(600, 5)) + 0.2),
            lambda rng: np.tanh(rng.normal(size=(600, 5))),
        ),
        truth(1, 0.2, 5),
    ),
    "faster decay": (apart(exponential(0.5), exponential(1.0)), 1 - 0.5 / np.log(2)),
    "heavy tails": (apart(student(0.7), student(0.0)), kl_of_students(0.7)),
    "heavy tails, no move": (apart(student(0.0), student(0.0)), 0.0),
    "no move, 5 units": (apart(normal(5), normal(5)), 0.0),
    "rectified, the same rows": (rectified, kl_of_rectified(0.5)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COVERED)
def test_two_printed_errors_hold_the_truth(name: str) -> None:
    draw, bits = COVERED[name]
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = divergence(*draw(rng), rng=rng)
        held += abs(found.bits - bits) < 2 * found.stderr
    assert held >= 34


def test_a_mean_over_no_splits_is_refused(tmp_path: Path) -> None:
    archive = one_step(tmp_path / "run", a=("Linear", np.zeros((4, 2), np.float32)))
    with pytest.raises(InputError, match=r"splits: expected a whole number from 1 up, got 0"):
        drift.drift(archive, splits=0)


def test_rows_in_another_order_did_not_move_and_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 2))
    run = run_of(tmp_path / "run", [{"a": z}, {"a": z[rng.permutation(200)]}])
    (found,) = ip.drift(run, method="knn")
    assert found.bits == pytest.approx(0, abs=1e-9)
    assert "come at other places here" in found.note
