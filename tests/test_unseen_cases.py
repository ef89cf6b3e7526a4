"""Truths of the banks `unseen` and `curves`, derived a second way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from infoplane.analysis.calibrate import Case, bank_of, calibrate
from infoplane.analysis.calibrate.unseen_vectors import radial
from infoplane.analysis.estimators.entropies import information_bits
from infoplane.rows import row_codes

UNSEEN = {case.name: case for case in bank_of("unseen").cases}
TABLES = [case for case in UNSEEN.values() if case.family == "discrete"]


def test_the_names_of_all_cases_differ() -> None:
    banks = ("own", "unseen", "curves", "late-curves", "late-labels", "wide", "late-wide")
    names = [case.name for bank in banks for case in bank_of(bank).cases]
    assert len(set(names)) == len(names) and len(bank_of("curves").cases) == 18


@pytest.mark.parametrize("case", TABLES, ids=lambda case: case.name)
def test_rows_of_a_table_have_its_information(case: Case) -> None:
    sample = case.sample(200_000, 0)
    codes = (row_codes(side.values) for side in (sample.a, sample.b))
    assert information_bits(*codes, "mm") == pytest.approx(case.bits, abs=0.01)


def test_rows_of_a_clayton_copula_have_its_density() -> None:
    case = UNSEEN["Clayton copula, 2"]
    sample = case.sample(200_000, 0)
    u, v = sample.a.values[:, 0], sample.b.values[:, 0]
    ratio = np.log2(3 * (u * v) ** -3.0 * (u**-2.0 + v**-2.0 - 1) ** -2.5)
    assert ratio.mean() == pytest.approx(case.bits, abs=0.01)
    assert u.mean() == pytest.approx(0.5, abs=0.005)


def test_rows_of_a_morgenstern_copula_have_its_density() -> None:
    case = UNSEEN["Morgenstern copula, 0.9"]
    sample = case.sample(200_000, 0)
    u, v = sample.a.values[:, 0], sample.b.values[:, 0]
    ratio = np.log2(1 + 0.9 * (1 - 2 * u) * (1 - 2 * v))
    assert ratio.mean() == pytest.approx(case.bits, abs=0.005)
    assert v.mean() == pytest.approx(0.5, abs=0.005)


def test_the_sign_of_a_variable_in_noise_is_a_binary_channel() -> None:
    z = np.linspace(-4, 4, 20001)
    halves = np.exp(-0.5 * ((z - np.array([[-1.0], [1.0]])) / 0.4) ** 2) / (
        0.4 * np.sqrt(2 * np.pi)
    )
    mean = halves.mean(axis=0)
    terms = 0.5 * halves * np.log2(np.maximum(halves, 1e-300) / mean)
    truth = float(terms.sum() * (z[1] - z[0]))
    assert UNSEEN["sign plus noise"].bits == pytest.approx(truth, abs=1e-3)


def test_two_spike_counts_by_their_sum() -> None:
    k = np.arange(80)
    factorials = np.cumsum(np.log(np.maximum(k, 1)))
    masses = np.exp(
        np.outer([1, 1], -factorials) + np.outer(np.log([3.0, 6.0]), k) - [[3.0], [6.0]]
    )
    truth = float((0.5 * masses * np.log2(masses / masses.mean(axis=0))).sum())
    assert UNSEEN["counts of spikes, two classes"].bits == pytest.approx(truth, abs=0.005)


def test_a_unit_rounded_to_halves_by_its_sum() -> None:
    edges = np.arange(-12, 16, 0.5) - 0.25
    masses = np.diff(ndtr(edges[None] - np.array([[0.0], [1.5]])), axis=1) + 1e-300
    truth = float((0.5 * masses * np.log2(masses / masses.mean(axis=0))).sum())
    assert UNSEEN["a unit rounded to halves, two classes"].bits == pytest.approx(truth, abs=0.005)


def test_round_classes_in_seven_units_differ_along_one_line() -> None:
    z = np.linspace(-8, 10, 20001)
    gap = 1.2 * np.sqrt(2)
    halves = np.exp(-0.5 * (z - np.array([[0.0], [gap]])) ** 2) / np.sqrt(2 * np.pi)
    mean = halves.mean(axis=0)
    terms = 0.5 * halves * np.log2(np.maximum(halves, 1e-300) / np.maximum(mean, 1e-300))
    case = next(c for c in bank_of("late-labels").cases if c.name == "two round classes in 7-D")
    assert case.bits == pytest.approx(float(terms.sum() * (z[1] - z[0])), abs=0.005)


def test_ellipsoids_of_one_centre_by_the_mean_ratio_of_their_squares() -> None:
    case = next(c for c in bank_of("late-labels").cases if c.name.startswith("two ellipsoids"))
    sample = case.sample(100_000, 0)
    z, y = sample.a.values, sample.b.values[:, 0]
    variances = np.array([[1.0, 0.16, 0.16], [0.16, 0.16, 1.0]])
    logs = -0.5 * (z**2 / variances[:, None]).sum(axis=2)  # equal determinants
    ratio = logs[y, np.arange(len(y))] - np.logaddexp(*logs) + np.log(2)
    assert ratio.mean() / np.log(2) == pytest.approx(case.bits, abs=0.01)


def test_a_round_gaussian_is_a_gaussian() -> None:
    radii = np.linspace(1e-3, 7, 800)
    case = radial(
        "round",
        2,
        lambda n, rng: rng.normal(size=(n, 2)),
        radii,
        radii * np.exp(-(radii**2) / 2),
        0.5,
    )
    assert case.bits == pytest.approx(np.log2(1 + 1 / 0.25), abs=2e-3)
    radii = np.linspace(1e-3, 8, 800)
    weights = radii**2 * np.exp(-(radii**2) / 2)
    solid = radial("solid", 3, lambda n, rng: rng.normal(size=(n, 3)), radii, weights, 0.5)
    assert solid.bits == pytest.approx(1.5 * np.log2(1 + 1 / 0.25), abs=2e-3)


def test_a_curve_without_turns_is_a_line() -> None:
    """A straight segment in noise: a uniform plus a normal, along the line."""
    from infoplane.analysis.calibrate.curve_cases import Curve, curve_case

    line = curve_case(Curve("line", lambda t: np.column_stack([3 * t, 4 * t])), 0.3)
    z = np.linspace(-3, 8, 20001)
    density = (ndtr(z / 0.3) - ndtr((z - 5) / 0.3)) / 5
    entropy = -(density * np.log2(np.maximum(density, 1e-300))).sum() * (z[1] - z[0])
    truth = float(entropy) - 0.5 * np.log2(2 * np.pi * np.e * 0.09)
    assert line.bits == pytest.approx(truth, abs=0.02)


def test_the_bank_runs_by_its_name() -> None:
    found = calibrate(["gauss"], ["Morgenstern copula, 0.9"], bank="unseen", n=200, seeds=1)
    assert len(found.trials) == 1 and found.trials[0].error is not None
