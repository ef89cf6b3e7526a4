"""V-information: truth on known channels, zero on independent data."""

from __future__ import annotations

import math
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from builders import one_step
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

import infoplane as ip
from infoplane.analysis.estimators import surprise, vinfo_columns
from infoplane.analysis.estimators import vinfo as V
from infoplane.analysis.estimators.codelength import mdl_online_code
from infoplane.analysis.estimators.surprise import both_surprises
from infoplane.analysis.estimators.vinfo import VInformation, conditional_vinformation
from infoplane.errors import EstimatorError, InputError
from infoplane.types import Variable, continuous, discrete

ALL = ("linear", "mlp", "knn", "gaussian")


def two_gaussians_bits(separation: float) -> float:
    """I(Z;Y) of a fair label and Z = +-separation + N(0,1), by quadrature: 1 - E log2(1 + exp(-2 s
    z)) given y = +1.
    """
    pdf = lambda z: np.exp(-0.5 * (z - separation) ** 2) / np.sqrt(2 * np.pi)  # noqa: E731
    return 1.0 - quad(lambda z: pdf(z) * np.log2(1 + np.exp(-2 * separation * z)), -12, 12)[0]


def two_gaussians(n: int, seed: int, dim: int = 1, separation: float = 1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    z = rng.normal(size=(n, dim))
    z[:, 0] += separation * (2 * y - 1)
    return continuous(z), discrete(y)


@pytest.mark.parametrize("family", ALL)
def test_two_gaussians_have_their_closed_form(family):
    z, y = two_gaussians(2000, 1)
    e = VInformation(family).estimate(z, y, rng=np.random.default_rng(0))
    assert abs(e.bits - two_gaussians_bits(1.0)) < max(0.05, 3 * e.stderr)
    assert e.sense == "lower" and e.target == "population" and abs(e.ceiling_bits - 1) < 0.01


@pytest.mark.parametrize("family", ALL)
@pytest.mark.parametrize("seed", range(3))
def test_independent_data_has_zero_within_two_standard_errors(family, seed):
    rng = np.random.default_rng(seed)
    e = VInformation(family, hidden=16).estimate(
        continuous(rng.normal(size=(400, 6))), discrete(rng.integers(0, 2, 400)), rng=rng
    )
    assert abs(e.bits) <= 2.5 * e.stderr + 1e-12 or abs(e.bits) < 0.01
    assert abs(e.bits) < 0.03


def test_an_in_sample_fit_reports_a_full_bit_of_nothing_and_ours_does_not():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(200, 400)), rng.integers(0, 2, 200)
    p = LogisticRegression(C=1e6, max_iter=2000).fit(z, y).predict_proba(z)[np.arange(200), y]
    assert 1.0 + np.mean(np.log2(p)) > 0.95
    for family in ("linear", "mlp"):
        ours = VInformation(family, hidden=16).estimate(
            continuous(z), discrete(y), rng=np.random.default_rng(1)
        )
        assert abs(ours.bits) < 0.05


def test_families_are_nested_on_xor():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1500, 2))
    y = discrete((x[:, 0] * x[:, 1] > 0).astype(int))
    linear = VInformation("linear").estimate(continuous(x), y, rng=np.random.default_rng(0)).bits
    mlp = (
        VInformation("mlp", hidden=32).estimate(continuous(x), y, rng=np.random.default_rng(0)).bits
    )
    assert abs(linear) < 0.02 and mlp > 0.85


def test_a_class_of_different_spread_is_seen_by_the_quadratic_family_only():
    rng = np.random.default_rng(4)
    y = rng.integers(0, 2, 2000)
    z = rng.normal(size=(2000, 3)) * np.where(y, 3.0, 1.0)[:, None]
    got = {
        f: VInformation(f).estimate(continuous(z), discrete(y), rng=np.random.default_rng(0)).bits
        for f in ("linear", "gaussian")
    }
    r2 = np.sum(z**2, axis=1)
    logit = -3 * np.log(3) + 0.5 * r2 * (1 - 1 / 9)
    truth = 1 - np.mean(np.log2(1 + np.exp(-np.where(y, logit, -logit))))
    assert abs(got["linear"]) < 0.02 and abs(got["gaussian"] - truth) < 0.03


@pytest.mark.parametrize("family", ["linear", "mlp", "gaussian"])
def test_a_gaussian_regression_has_the_gaussian_information(family):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2000, 3))
    y = x[:, :1] + 0.5 * rng.normal(size=(2000, 1))
    e = VInformation(family, hidden=16).estimate(
        continuous(x), continuous(y), rng=np.random.default_rng(0)
    )
    assert abs(e.bits - 0.5 * np.log2(5)) < 3 * e.stderr
    assert e.sense == "point" and "no bound" in e.notes[0]


def test_a_conditional_adds_nothing_when_the_condition_knows_all():
    z, y = two_gaussians(1500, 6, dim=3)
    first = continuous(z.values[:, :1])
    none = conditional_vinformation(z, y, first, rng=np.random.default_rng(0))
    assert abs(none.bits) < 3 * none.stderr + 0.01
    full = conditional_vinformation(
        first, y, continuous(z.values[:, 1:]), rng=np.random.default_rng(0)
    )
    assert abs(full.bits - two_gaussians_bits(1.0)) < 0.06


def test_pointwise_values_average_to_the_estimate_and_follow_the_rows():
    z, y = two_gaussians(500, 7, separation=3.0)
    v = VInformation()
    values = v.pointwise(z, y, rng=np.random.default_rng(0))
    estimate = v.estimate(z, y, rng=np.random.default_rng(0))
    assert values.shape == (500,) and values.mean() > 0.9
    assert values.mean() == pytest.approx(estimate.bits, abs=1e-12)
    wrong = discrete(np.where(np.arange(500) == 17, 1 - y.values[:, 0], y.values[:, 0]))
    assert int(np.argmin(v.pointwise(z, wrong, rng=np.random.default_rng(0)))) == 17


@pytest.mark.slow
def test_the_standard_error_is_the_spread_over_draws():
    runs = [
        VInformation().estimate(*two_gaussians(400, 100 + s), rng=np.random.default_rng(s))
        for s in range(40)
    ]
    assert 0.6 < np.std([e.bits for e in runs]) / np.mean([e.stderr for e in runs]) < 1.6


def test_one_seed_one_number():
    z, y = two_gaussians(300, 8)
    for family in ALL:
        first, again = (
            VInformation(family, hidden=8).estimate(z, y, rng=np.random.default_rng(9)).bits
            for _ in range(2)
        )
        assert first == again


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-100, 100), seed=st.integers(0, 50))
def test_affine_changes_of_units_change_nothing(scale, shift, seed):
    z, y = two_gaussians(200, seed, dim=2)
    moved = continuous(z.values * np.array([scale, -1.0]) + shift)
    got, other = (
        VInformation().estimate(v, y, rng=np.random.default_rng(0)).bits for v in (z, moved)
    )
    assert abs(got - other) < 2e-3


@settings(max_examples=8, deadline=None)
@given(classes=st.integers(2, 5), seed=st.integers(0, 50))
def test_never_above_the_label_entropy_by_more_than_its_error(classes, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, 200)
    e = VInformation().estimate(
        continuous(np.eye(classes)[y] + 0.01 * rng.normal(size=(200, classes))),
        discrete(y),
        rng=rng,
    )
    assert e.bits <= e.ceiling_bits + 0.02


def test_symbols_may_predict_and_symbols_without_repetition_may_not():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    e = VInformation().estimate(discrete(y), discrete(y), rng=rng)
    assert abs(e.bits - np.log2(3)) < 0.03
    with pytest.raises(EstimatorError, match="do not repeat"):
        VInformation().estimate(discrete(np.arange(600)), discrete(y), rng=rng)


def test_errors_say_what_to_do():
    with pytest.raises(InputError, match="choose one of linear, mlp, knn, gaussian"):
        VInformation("svm")
    with pytest.raises(EstimatorError, match="use fewer folds or more probe rows"):
        VInformation().estimate(continuous(np.arange(10.0)), discrete(np.arange(10) % 2))
    with pytest.raises(InputError, match="the same rows"):
        VInformation().estimate(continuous(np.arange(50.0)), discrete(np.arange(40) % 2))


def test_dead_layers_have_exactly_zero_bits():
    y = discrete(np.arange(100) % 2)
    e = VInformation().estimate(continuous(np.zeros((100, 4))), y)
    assert e.bits == 0.0 and "no fold beat the base rates" in e.notes


def test_more_units_than_rows_are_rotated_not_lost():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 200)
    z = rng.normal(size=(200, 1000)) * 0.1
    z += 1.0 * (2 * y - 1)[:, None] * rng.normal(size=1000) / 10
    assert VInformation().estimate(continuous(z), discrete(y), rng=rng).bits > 0.8


def test_the_online_code_is_short_for_easy_labels_and_uniform_for_random_ones():
    z, y = two_gaussians(1000, 11, separation=4.0)
    easy = mdl_online_code(z, y)
    assert (
        easy.compression > 5
        and easy.blocks[-1] == 1000
        and abs(sum(easy.block_bits) - easy.bits) < 1e-9
    )
    random = mdl_online_code(z, discrete(np.random.default_rng(0).integers(0, 2, 1000)))
    assert 0.9 < random.compression < 1.02
    with pytest.raises(EstimatorError, match="discrete labels"):
        mdl_online_code(z, z)


def test_the_surprise_of_nothing_is_the_label_entropy():
    y = discrete(np.arange(1000) % 4)
    nothing = continuous(np.zeros(1000))
    base, used = both_surprises(nothing, y, VInformation(), np.random.default_rng(0))
    assert abs(base.mean() - 2.0) < 1e-3
    assert np.array_equal(base, used)


def test_no_torch_is_needed():
    code = "import sys, infoplane.analysis.estimators.vinfo; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_a_layer_of_4096_rows_and_10_units_takes_a_moment():
    import time

    rng = np.random.default_rng(0)
    z = rng.normal(size=(4096, 10)).astype(np.float32)
    y = discrete((z[:, 0] + 0.5 * rng.normal(size=4096) > 0).astype(int))
    times = []
    for _ in range(5):
        start = time.process_time()
        VInformation().estimate(continuous(z), y, rng=np.random.default_rng(0))
        times.append(time.process_time() - start)
    assert min(times) < 0.3


def test_a_weak_signal_is_not_thrown_away_by_the_inner_rows_of_single_folds():
    """0.16 bit in 600 rows: one inner split of 72 rows leaves it open in every tenth fold; no fold
    of 40 may answer the base rates.
    """
    from infoplane.analysis.calibrate import choose

    (case,) = choose(["two normals, gap 1"])
    for seed in range(8):
        s = case.sample(600, seed)
        values = VInformation("gaussian").pointwise(s.a, s.b, rng=np.random.default_rng(seed))
        assert np.count_nonzero(values == 0.0) < 60, f"a fold of seed {seed} learnt nothing"


def test_no_estimate_is_certain_where_no_fold_saw_anything():
    rng = np.random.default_rng(2)
    e = VInformation().estimate(
        continuous(rng.normal(size=(400, 2))), discrete(rng.integers(0, 2, 400)), rng=rng
    )
    assert (
        e.bits == 0.0
        and e.stderr == pytest.approx(1 / (np.sqrt(2) * 400 * np.log(2)))
        and e.low < 0 < e.high
    )
    assert "no fold beat the base rates" in e.notes


def test_usable_information_about_a_number_does_not_know_its_unit() -> None:
    rng = np.random.default_rng(10)
    z = rng.normal(size=(300, 1))
    y = np.hstack([z + 0.5 * rng.normal(size=(300, 1)), rng.normal(size=(300, 1))])
    found = [
        VInformation("linear")
        .estimate(ip.continuous(z), ip.continuous(y * s + m), rng=np.random.default_rng(0))
        .bits
        for s, m in ((1, 0), (0.01, 5), (100, -3))
    ]
    assert found == pytest.approx(
        [0.5 * math.log2(1 + 1 / 0.25)] * 3, abs=0.3
    ) and found == pytest.approx([found[0]] * 3, abs=1e-6)
    dead = (
        VInformation("linear")
        .estimate(
            ip.continuous(z),
            ip.continuous(np.hstack([y, np.ones((300, 1))])),
            rng=np.random.default_rng(0),
        )
        .bits
    )
    assert dead == pytest.approx(found[0], abs=1e-9), "a constant target adds nothing"


def test_folds_share_out_every_class_and_every_stretch_of_a_target(
    rng: np.random.Generator,
) -> None:
    y = np.repeat([0, 1, 2], [40, 15, 25])
    classes = surprise.folds_of(
        Variable("y", y[:, None], "discrete"), VInformation(folds=5), np.random.default_rng(0)
    )
    assert [[int(((classes == f) & (y == c)).sum()) for f in range(5)] for c in range(3)] == [
        [8] * 5,
        [3] * 5,
        [5] * 5,
    ]
    t = rng.permutation(80).astype(float)
    stretches = surprise.folds_of(
        Variable("t", t[:, None], "continuous"), VInformation(folds=5), np.random.default_rng(0)
    )
    assert all(
        sorted(stretches[np.argsort(t)][k : k + 5]) == list(range(5)) for k in range(0, 80, 5)
    )


def test_folds_are_equal_and_every_class_and_every_tenth_of_a_target_is_in_each(
    rng: np.random.Generator,
) -> None:
    e = VInformation("linear", folds=5)
    y = ip.discrete(np.repeat([0, 1, 2], [50, 30, 20]))
    fold = surprise.folds_of(y, e, np.random.default_rng(0))
    assert np.bincount(fold).tolist() == [20] * 5
    for c in range(3):
        counts = np.bincount(fold[y.values[:, 0] == c], minlength=5)
        assert counts.max() - counts.min() <= 2
    t = ip.continuous(np.random.default_rng(1).normal(size=100))
    fold = surprise.folds_of(t, e, np.random.default_rng(0))
    ranks = np.argsort(np.argsort(t.values[:, 0]))
    assert all(
        sorted(fold[(ranks >= s) & (ranks < s + 5)]) == [0, 1, 2, 3, 4] for s in range(0, 100, 5)
    )
    assert (surprise.folds_of(t, e, np.random.default_rng(1)) != fold).any()
    assert len(surprise.folds_of(t.take(np.arange(20)), e, rng)) == 20
    with pytest.raises(EstimatorError, match="at least 20 rows for 5 folds, got 19"):
        surprise.folds_of(t.take(np.arange(19)), e, rng)


def test_columns_are_standardised_by_the_training_rows_and_rotated_when_wide() -> None:
    rng = np.random.default_rng(5)
    z = np.hstack([rng.normal(size=(40, 2)) * [1, 5] + 3, np.full((40, 1), 7.0)])
    train = np.arange(30)
    out = vinfo_columns.standardised(z, train)
    assert (
        out.shape == (40, 2)
        and out[train].mean(axis=0) == pytest.approx([0, 0], abs=1e-12)
        and out[train].std(axis=0) == pytest.approx([1, 1])
    )
    assert out == pytest.approx((z[:, :2] - z[train, :2].mean(axis=0)) / z[train, :2].std(axis=0))
    z[39, 0] = 1e6
    assert (
        vinfo_columns.standardised(z, train)[39, 0] == 30.0
        and vinfo_columns.standardised(-z, train)[39, 0] == -30.0
    )
    wide = rng.normal(size=(12, 40))
    turned = vinfo_columns.standardised(wide, np.arange(10))
    plain = (wide - wide[:10].mean(axis=0)) / wide[:10].std(axis=0)
    assert turned.shape == (12, 10) and turned[:10] @ turned[:10].T == pytest.approx(
        plain[:10] @ plain[:10].T, abs=1e-8
    )
    assert vinfo_columns.standardised(rng.normal(size=(12, 10)), np.arange(10)).shape == (12, 10)


def test_the_surprise_of_residuals_is_a_gaussian_log_density() -> None:
    rng = np.random.default_rng(6)
    fitted, rows = rng.normal(size=(40, 2)) @ [[1, 0.5], [0, 1]], rng.normal(size=(5, 2))
    full = stats.multivariate_normal(cov=fitted.T @ fitted / 40 + 1e-9 * np.eye(2)).logpdf(rows)
    assert surprise.gaussian_surprise(fitted, rows) == pytest.approx(-full / math.log(2))
    few = fitted[:19]
    diagonal = stats.multivariate_normal(
        cov=np.diag((few**2).mean(axis=0)) + 1e-9 * np.eye(2)
    ).logpdf(rows)
    assert surprise.gaussian_surprise(few, rows) == pytest.approx(-diagonal / math.log(2))
    twenty = fitted[:20]
    assert surprise.gaussian_surprise(twenty, rows) == pytest.approx(
        -stats.multivariate_normal(cov=twenty.T @ twenty / 20 + 1e-9 * np.eye(2)).logpdf(rows)
        / math.log(2)
    )


def test_symbols_are_predicted_from_where_they_repeat() -> None:
    assert surprise.predictor_columns(ip.discrete([0, 0, 1, 1])).tolist() == [
        [1, 0],
        [1, 0],
        [0, 1],
        [0, 1],
    ]
    with pytest.raises(EstimatorError, match="3 different symbols in 4 rows"):
        surprise.predictor_columns(ip.discrete([0, 0, 1, 2]))


def test_usable_information_is_a_mean_with_the_error_of_rows_and_of_the_base_rates() -> None:
    values, y = np.array([0.5, 1.5, 1.0, 2.0]), ip.discrete([0, 1, 0, 1])
    found = V.summary_of(values, y, VInformation())
    error = math.sqrt(values.var(ddof=1) / 4 + (2 - 1) / (2 * (4 * math.log(2)) ** 2))
    expected = (1.25, error, 1.25 - 1.96 * error, 1.25 + 1.96 * error)
    assert (found.bits, found.stderr, found.low, found.high) == pytest.approx(expected)
    assert found.ceiling_bits == 1.0 and found.sense == "lower"


def test_usable_information_about_a_number_is_no_bound() -> None:
    values = np.array([0.5, 1.5, 1.0, 2.0])
    found = V.summary_of(values, ip.continuous(values), VInformation(), ("extra",))
    assert found.ceiling_bits is None and found.sense == "point"
    assert found.notes == ("extra", "Gaussian likelihood: the gain of that family, no bound")


def test_usable_information_of_nothing_says_that_no_fold_beat_the_base_rates() -> None:
    found = V.summary_of(np.zeros(4), ip.discrete([0, 1, 0, 1]), VInformation())
    assert found.notes == ("no fold beat the base rates",)


def test_an_online_code_sends_its_first_block_uniformly_and_the_rest_by_what_came_before() -> None:
    n = 400
    z, y = (
        ip.continuous(
            np.repeat([0.0, 5.0], n // 2) + 0.1 * np.random.default_rng(7).normal(size=n)
        ),
        ip.discrete(np.repeat([0, 1], n // 2)),
    )
    code = mdl_online_code(z, y)
    assert (
        code.blocks == (32, 50, 100, 200, 400)
        and code.block_bits[0] == 32.0
        and code.uniform_bits == 400.0
    )
    assert (
        code.bits == pytest.approx(sum(code.block_bits))
        and code.compression == pytest.approx(400 / code.bits)
        and code.compression > 8
    )
    assert mdl_online_code(z.take(np.arange(180, 220)), y.take(np.arange(180, 220))).blocks == (
        32,
        40,
    )
    for rows, labels in ((np.arange(180, 219), y), (np.arange(180, 220), z)):
        with pytest.raises(EstimatorError, match="discrete labels and at least 40 rows"):
            mdl_online_code(z.take(rows), labels.take(rows))


@pytest.mark.parametrize("wrong", [{"folds": 1}, {"hidden": 0}, {"family": "tree"}])
def test_usable_information_needs_two_folds_one_unit_and_a_family(wrong: dict[str, object]) -> None:
    assert VInformation("mlp", folds=2, hidden=1).folds == 2
    with pytest.raises(InputError):
        VInformation(**wrong)  # type: ignore[arg-type]  # as listed


@pytest.mark.slow
def test_a_wide_layer_is_never_held_twice() -> None:
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(64, 200_000)).astype(np.float32), rng.integers(0, 2, 64)
    layer, labels = continuous(z), discrete(y)
    tracemalloc.start()
    VInformation("linear").estimate(layer, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (
        peak < 4 * z.nbytes
    )  # blocks of 32 MiB; a copy in double precision alone has twice its bytes
    wider = np.hstack([z, z, z])
    layer = continuous(wider)
    tracemalloc.start()
    VInformation("linear").estimate(layer, labels)
    assert tracemalloc.get_traced_memory()[1] < peak + z.nbytes / 2  # and it does not grow
    tracemalloc.stop()


def test_columns_of_several_blocks_keep_the_inner_products_with_the_training_rows() -> None:
    rng = np.random.default_rng(3)
    z, train = rng.normal(size=(12, 400_000)).astype(np.float32), np.arange(10)
    turned = vinfo_columns.standardised(z, train)
    plain = (z - z[:10].mean(axis=0, dtype=float)) / z[:10].std(axis=0, dtype=float)
    assert turned.shape == (12, 10)
    # rows of so many columns lie far outside: their products are clipped at 30 units along each
    # direction
    assert np.abs(turned).max() == 30.0
    narrow = vinfo_columns.standardised(z[:, :40], train)
    plain = plain[:, :40]
    assert narrow @ narrow[:10].T == pytest.approx(plain @ plain[:10].T, abs=1e-5)


def test_a_layer_that_does_not_fit_into_memory_is_refused_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    z = np.random.default_rng(0).normal(size=(100, 50)).astype(np.float32)
    run = one_step(tmp_path / "r", a=("", z))
    monkeypatch.setenv("INFOPLANE_MEMORY", "10K")
    (failure,) = ip.measure(run, ["vinfo"]).failures
    assert "take fewer probe rows or units (reduce=, max_rows=)" in failure.message
    (failure,) = ip.measure(run, ["vinfo"], errorbars=2, resume=False).failures
    assert "INFOPLANE_MEMORY" in failure.message
    monkeypatch.setenv("INFOPLANE_MEMORY", "1M")
    assert not ip.measure(run, ["vinfo"], resume=False).failures


@pytest.mark.parametrize("family", ["linear", "gaussian", "knn", "mlp"])
def test_symbols_of_one_row_cost_no_usable_information(family: str) -> None:
    """Five rows of a class of their own took 0.75 of 0.69 bit."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 405)
    z = rng.normal(size=(405, 2)) + 1.5 * y[:, None]
    y[400:] = 10 + np.arange(5)
    e = VInformation(family, hidden=8)
    found = e.estimate(continuous(z), discrete(y), rng=np.random.default_rng(0))
    without = e.estimate(continuous(z[:400]), discrete(y[:400]), rng=np.random.default_rng(0))
    assert found.bits == without.bits
    assert any("5 of 405 rows" in note for note in found.notes)


@pytest.mark.parametrize("family", ["linear", "gaussian", "mlp"])
def test_constant_units_of_the_target_bring_no_bits(family: str) -> None:
    """0.7 is no binary fraction: its deviation rounds to 1e-16, and gave 4.2 bits."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 1))
    x = z + rng.normal(size=(300, 1))
    dead = np.hstack([z, np.full((300, 3), 0.7)])
    one, other = (
        VInformation(family, hidden=4).estimate(
            continuous(x), continuous(v), rng=np.random.default_rng(0)
        )
        for v in (z, dead)
    )
    assert other.bits == pytest.approx(one.bits, abs=1e-9)
