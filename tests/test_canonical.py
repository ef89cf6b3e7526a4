"""Lengths and canonical features, where neighbours in all units fall short."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import infoplane as ip
from infoplane.analysis.calibrate.truths import student_bits
from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.canonical import canonical_fit, canonical_readings
from infoplane.analysis.estimators.readings import Reading, weighted_nats
from infoplane.analysis.estimators.shells import shell_features, spherical

few = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def bits(x: np.ndarray, z: np.ndarray, spec: str = "knn") -> float:
    return parse(spec).estimate(ip.continuous(x), ip.continuous(z)).bits


def scale_mixture(n: int, dim: int, degrees: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two vectors whose directions are independent and whose scale is one Student scale."""
    rng = np.random.default_rng(seed)
    scale = np.sqrt(rng.chisquare(degrees, size=(n, 1)) / degrees)
    x, z = rng.normal(size=(2, n, dim)) / scale
    return x, z


def turned(rows: np.ndarray, speed: float) -> np.ndarray:
    """Turn the first two units by an angle that grows with the squared length."""
    angle = speed * (rows**2).sum(axis=1)
    first = np.cos(angle) * rows[:, 0] - np.sin(angle) * rows[:, 1]
    second = np.sin(angle) * rows[:, 0] + np.cos(angle) * rows[:, 1]
    return np.column_stack([first, second, rows[:, 2:]])


def spirals(
    n: int, dim: int, speed: float, correlation: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Normals correlated in their first two units, each side turned by its length."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n, dim))
    z[:, :2] = correlation * x[:, :2] + math.sqrt(1 - correlation**2) * z[:, :2]
    return turned(x, speed), turned(z, speed)


@pytest.mark.parametrize(("dim", "degrees"), [(4, 2), (6, 1), (8, 3), (15, 2)])
def test_a_scale_that_many_units_share_is_read_from_their_lengths(dim: int, degrees: int) -> None:
    found = bits(*scale_mixture(2000, dim, degrees, 0))
    assert found == pytest.approx(student_bits(0.0, degrees, dim), abs=0.12)


@pytest.mark.slow
@pytest.mark.parametrize(("dim", "speed"), [(4, 0.25), (6, 0.15), (10, 0.1)])
def test_vectors_that_turn_with_their_length_keep_most_of_their_information(
    dim: int, speed: float
) -> None:
    truth = -math.log2(1 - 0.8**2)
    x, z = spirals(3000, dim, speed, 0.8, 1)
    assert bits(x, z) == pytest.approx(truth, abs=0.2)
    assert bits(x, z, "knn:correct=false") < truth - 0.35


@few
@given(seed=st.integers(0, 10_000), dim=st.integers(2, 6), heavy=st.booleans())
def test_independent_vectors_share_nothing(seed: int, dim: int, heavy: bool) -> None:
    x, _ = scale_mixture(1000, dim, 1 if heavy else 50, seed)
    _, z = scale_mixture(1000, dim, 1 if heavy else 50, seed + 1)
    assert abs(bits(x, turned(z, 0.5))) < 0.06


@few
@given(seed=st.integers(0, 10_000), dim=st.integers(2, 5))
def test_the_order_of_rows_units_and_variables_changes_nothing(seed: int, dim: int) -> None:
    x, z = spirals(400, dim, 0.3, 0.7, seed)
    rng = np.random.default_rng(seed)
    rows, units = rng.permutation(400), rng.permutation(dim)
    found = bits(x, z)
    assert bits(x[rows], z[rows]) == pytest.approx(found, abs=1e-6)
    assert bits(z, x) == pytest.approx(found, abs=1e-6)
    assert bits(x[:, units], z) == pytest.approx(found, abs=1e-6)


@pytest.mark.slow
@few
@given(
    seed=st.integers(0, 10_000),
    decimals=st.integers(2, 4),
    speed=st.sampled_from([0.0, 0.3]),
)
def test_rounding_and_a_repeated_row_stay_within_the_error(
    seed: int, decimals: int, speed: float
) -> None:
    x, z = spirals(800, 3, speed, 0.7, seed)
    found = bits(x, z)
    assert bits(np.round(x, decimals), np.round(z, decimals)) == pytest.approx(found, abs=0.08)
    repeated = np.append(np.arange(800), [5, 5])
    assert bits(x[repeated], z[repeated]) == pytest.approx(found, abs=0.08)


def test_features_have_mean_zero_and_variance_one() -> None:
    rows = spherical(scale_mixture(500, 3, 1, 0)[0])
    features = shell_features(rows)
    assert features.shape == (500, 4 * 3 + 3)
    assert features.std(axis=0) == pytest.approx(1.0)
    assert features.mean(axis=0) == pytest.approx(0.0, abs=1e-9)


def test_a_unit_that_repeats_another_and_a_constant_one_add_no_direction() -> None:
    x = scale_mixture(300, 2, 5, 0)[0]
    wide = np.column_stack([x, x[:, 0], np.ones(300)])
    assert spherical(wide).shape == (300, 2)


def test_the_first_canonical_pair_is_the_one_that_was_planted() -> None:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 2000, 4))
    z[:, 2] = 0.9 * x[:, 1] + math.sqrt(1 - 0.81) * z[:, 2]
    of_x, of_z = canonical_fit(x[:1000], z[:1000], 2)
    a, b = x[1000:] @ of_x, z[1000:] @ of_z
    assert abs(np.corrcoef(a[:, 0], x[1000:, 1])[0, 1]) > 0.95
    assert abs(np.corrcoef(b[:, 0], z[1000:, 2])[0, 1]) > 0.95
    assert abs(np.corrcoef(a[:, 1], b[:, 1])[0, 1]) < 0.15


def test_few_rows_for_their_units_give_lengths_alone() -> None:
    x, z = scale_mixture(200, 6, 2, 0)
    readings = canonical_readings(x, z, (3, 10))
    assert len(readings) == 1
    assert readings[0].lower_bound


def test_a_lower_bound_that_another_reading_exceeds_hardly_counts() -> None:
    whole = Reading((0.0, 0.0), (2.0, 1.8))
    bound = Reading((0.0, 0.0), (0.5, 0.49), lower_bound=True)
    assert weighted_nats([whole, bound], 1000) == pytest.approx(
        weighted_nats([whole], 1000), abs=2e-3
    )


def test_a_lower_bound_that_exceeds_the_others_leads() -> None:
    whole = Reading((0.0, 0.0), (0.5, 0.45))
    bound = Reading((0.0, 0.0), (2.0, 1.99), lower_bound=True)
    assert weighted_nats([whole, bound], 1000) > 1.9
