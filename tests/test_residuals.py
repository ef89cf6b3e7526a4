"""Information by residuals: an identity, Gaussians, heavy tails and curves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import infoplane as ip
from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.residuals import whiten

few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def bits(spec: str, x: np.ndarray, z: np.ndarray) -> float:
    return parse(spec).estimate(ip.continuous(x), ip.continuous(z)).bits


def gaussian(nats: float, dim: int, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlated normals with so many nats in all."""
    rng = np.random.default_rng(seed)
    r = math.sqrt(1 - math.exp(-2 * nats / dim))
    x = rng.normal(size=(n, dim))
    return x, r * x + math.sqrt(1 - r * r) * rng.normal(size=(n, dim))


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("nats", [0.0, 1.0, 4.0, 8.0, 8.5, 9.0, 10.0])
def test_strong_dependence_is_read_to_a_tenth_of_a_nat(nats: float, dim: int) -> None:
    found = bits("knn", *gaussian(nats, dim, 1500, 0)) * math.log(2)
    assert found == pytest.approx(nats, abs=0.12)


@pytest.mark.slow
def test_the_estimate_rises_with_the_truth_up_to_ten_nats() -> None:
    found = [bits("knn", *gaussian(nats, 2, 1500, 1)) for nats in np.arange(1.0, 10.1, 1.0)]
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize(("dim", "n"), [(10, 2000), (40, 2000)])
def test_many_units_are_read_where_plain_neighbours_fall_short(dim: int, n: int) -> None:
    x, z = gaussian(1.5, dim, n, 2)
    truth = 1.5 / math.log(2)
    assert bits("knn", x, z) == pytest.approx(truth, abs=0.2)
    assert bits("ksg", x, z) < truth - 0.6


@pytest.mark.parametrize(("dim", "degrees"), [(2, 1), (3, 3)])
def test_a_scale_shared_by_heavy_tails_is_read(dim: int, degrees: int) -> None:
    """A Student vector cut in two, uncorrelated: all of its information is the common scale."""
    from infoplane.analysis.calibrate.truths import student_bits

    rng = np.random.default_rng(3)
    scale = np.sqrt(rng.chisquare(degrees, size=(3000, 1)) / degrees)
    x, z = rng.normal(size=(2, 3000, dim)) / scale
    assert bits("knn", x, z) == pytest.approx(student_bits(0.0, degrees, dim), abs=0.12)


def circle(phase: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(phase), np.sin(phase)], axis=1)


def circle_bits(noise: float) -> float:
    """h(Z) - h(noise) of a circle with Gaussian noise, by the density of Z over the radius."""
    from scipy.special import ive

    radius = np.linspace(0, 1 + 12 * noise, 20_001)[1:]
    step = radius[1] - radius[0]
    bessel = ive(0, radius / noise**2)
    density = bessel * np.exp(-((radius - 1) ** 2) / (2 * noise**2)) / (2 * np.pi * noise**2)
    mass = 2 * np.pi * radius * density * step
    entropy = -(mass * np.log(np.maximum(density, 1e-300))).sum()
    return float(entropy - math.log(2 * np.pi * math.e * noise**2)) / math.log(2)


@pytest.mark.parametrize("noise", [0.03, 0.1, 0.3])
def test_a_noisy_circle_is_read_no_worse_than_by_three_neighbours(noise: float) -> None:
    errors = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = circle(rng.uniform(0, 2 * np.pi, 1000))
        z = x + noise * rng.normal(size=x.shape)
        errors.append([abs(bits(s, x, z) - circle_bits(noise)) for s in ("knn", "ksg:k=3")])
    ours, theirs = np.mean(errors, axis=0)
    assert ours < theirs + 0.02
    assert ours < 0.12


@few
@given(seed=st.integers(0, 10_000), dim=st.integers(1, 3))
def test_invertible_linear_maps_of_a_side_change_little(seed: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    x, z = gaussian(1.0, dim, 600, seed)
    turned = x @ (np.linalg.qr(rng.normal(size=(dim, dim)))[0] * rng.uniform(0.5, 2, dim))
    assert bits("knn", turned, z) == pytest.approx(bits("knn", x, z), abs=0.1)


@few
@given(seed=st.integers(0, 10_000), dim=st.integers(1, 4))
def test_the_order_of_rows_and_of_variables_changes_nothing(seed: int, dim: int) -> None:
    x, z = gaussian(0.7, dim, 200, seed)
    order = np.random.default_rng(seed).permutation(200)
    found = bits("knn", x, z)
    assert bits("knn", x[order], z[order]) == pytest.approx(found, abs=1e-7)
    assert bits("knn", z, x) == pytest.approx(found, abs=1e-7)


def test_a_unit_that_repeats_others_adds_nothing() -> None:
    x, z = gaussian(1.0, 2, 800, 5)
    wide = np.column_stack([z, z[:, 0] + z[:, 1]])
    assert bits("knn", x, wide) == pytest.approx(bits("knn", x, z), abs=0.08)


def test_a_linear_function_of_the_other_side_is_noted_as_infinite() -> None:
    x = np.random.default_rng(0).normal(size=(400, 2))
    found = parse("knn").estimate(ip.continuous(x), ip.continuous(x @ np.array([[1.0, 2], [0, 1]])))
    assert any("the information is infinite" in note for note in found.notes)


def test_whitened_rows_have_unit_variance_and_the_log_volume_of_the_map() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 3))
    found = whiten(z)
    np.testing.assert_allclose(np.cov(found.rows, rowvar=False, bias=True), np.eye(3), atol=1e-9)
    half_log_det = np.linalg.slogdet(np.cov(z, rowvar=False, bias=True))[1] / 2
    assert found.log_volume == pytest.approx(half_log_det)


@pytest.mark.parametrize(("inputs", "passes"), [(160, 5), (200, 4), (400, 2)])
def test_inputs_that_are_passed_several_times_lend_no_entropy_to_a_reading(
    inputs: int, passes: int
) -> None:
    """Five noisy passes of each input gave 0.8 bit too much: distances of 0 among its copies."""
    errors = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        embedded = rng.normal(size=(inputs, 4))
        x = np.tile(embedded, (passes, 1))
        z = x[:, 0] + 0.5 * rng.normal(size=len(x))
        logs = -((z[:, None] - embedded[None, :, 0]) ** 2) / 0.5  # noise of variance 1/4
        density = np.exp(logs).mean(axis=1) / math.sqrt(0.5 * math.pi)
        truth = (-np.log(density).mean() - 0.5 * math.log(0.5 * math.pi * math.e)) / math.log(2)
        errors.append(bits("knn", x, z) - truth)
    assert abs(float(np.mean(errors))) < 0.08


def test_two_layers_whose_rows_all_repeat_are_read_without_residuals() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    z = x + rng.normal(size=x.shape)
    rows = np.repeat(np.arange(200), 3)
    found = parse("knn").estimate(ip.continuous(x[rows]), ip.continuous(z[np.roll(rows, 1)]))
    assert "not corrected: rows of both variables repeat" in found.notes
