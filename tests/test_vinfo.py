"""V-information: truth on known channels, zero on independent data where an in-sample fit reports a full bit, and its laws."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from infoplane.analysis.estimators.vinfo import (
    VInformation,
    conditional_surprise,
    conditional_vinformation,
    mdl_online_code,
)
from infoplane.errors import EstimatorError, InputError
from infoplane.types import continuous, discrete

ALL = ("linear", "mlp", "knn", "gaussian")


def two_gaussians_bits(separation: float) -> float:
    """I(Z;Y) of a fair label and Z = +-separation + N(0,1), by quadrature: 1 - E log2(1 + exp(-2 s z)) given y = +1."""
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
    assert values.shape == (500,) and values.mean() > 0.9
    wrong = discrete(np.where(np.arange(500) == 17, 1 - y.values[:, 0], y.values[:, 0]))
    assert int(np.argmin(v.pointwise(z, wrong, rng=np.random.default_rng(0)))) == 17


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
    assert abs(conditional_surprise(y, None, VInformation()).mean() - 2.0) < 1e-3


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
    """0.16 bit in 600 rows: one inner split of 72 rows leaves it open in every tenth fold; no fold of 40 may answer the base rates."""
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
