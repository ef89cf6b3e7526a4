"""Identities of information theory on random tables and Gaussians, and divergences from samples
against closed forms.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from infoplane.analysis import vocabulary
from infoplane.analysis import vocabulary as v
from infoplane.analysis.vocabulary import gaussian_entropy, kl_binned
from infoplane.errors import InputError


def table(seed: int, *shape: int) -> np.ndarray:
    p = np.random.default_rng(seed).gamma(0.5, size=shape)
    return p / p.sum()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), a=st.integers(1, 5), b=st.integers(1, 5), c=st.integers(1, 4))
def test_the_chain_rules_hold(seed: int, a: int, b: int, c: int) -> None:
    p = table(seed, a, b, c)
    two = p.sum(axis=2)
    assert v.joint_entropy(two) == pytest.approx(
        v.entropy(two.sum(1)) + v.conditional_entropy(two), abs=1e-9
    )
    assert v.mutual_information(two) == pytest.approx(
        v.entropy(two.sum(0)) - v.conditional_entropy(two), abs=1e-9
    )
    assert v.mutual_information(two) == pytest.approx(v.mutual_information(two.T), abs=1e-9)
    flat = p.transpose(0, 1, 2).reshape(a, b * c)  # I(A;B,C) = I(A;C) + I(A;B|C)
    assert v.mutual_information(flat) == pytest.approx(
        v.mutual_information(p.sum(axis=1)) + v.conditional_mutual_information(p), abs=1e-9
    )
    assert v.kl(two.ravel(), two.ravel()) == 0 and v.mutual_information(two) >= -1e-12
    assert 0 <= v.jensen_shannon(p.ravel(), p.ravel()[::-1]) <= 1 + 1e-12


def test_gaussians_agree_with_each_other_and_with_samples() -> None:
    rng = np.random.default_rng(0)
    m = rng.normal(size=(4, 4))
    s = m @ m.T + np.eye(4)
    product = s.copy()
    product[:2, 2:] = product[2:, :2] = 0
    assert v.gaussian_information(s, 2) == pytest.approx(
        v.gaussian_kl(np.zeros(4), s, np.zeros(4), product)
    )
    assert v.gaussian_information(s, 2) == pytest.approx(
        v.gaussian_entropy(s[:2, :2]) + v.gaussian_entropy(s[2:, 2:]) - v.gaussian_entropy(s)
    )
    found = v.kl_from_samples(rng.normal(0.5, 1, (5000, 2)), rng.normal(0, 1, (5000, 2)))
    assert found == pytest.approx(v.gaussian_kl([0.5, 0.5], np.eye(2), [0, 0], np.eye(2)), abs=0.08)
    mean, se = v.expectation(lambda x: x[:, 0] ** 2, lambda n: rng.normal(size=(n, 1)))
    assert abs(mean - 1) < 4 * se


@pytest.mark.parametrize("bad", [[0.5, 0.6], [-0.1, 1.1], [], [float("nan"), 1.0]])
def test_tables_must_be_probabilities(bad: list[float]) -> None:
    with pytest.raises(InputError, match="must be probabilities"):
        v.entropy(bad)


def test_other_bad_input() -> None:
    with pytest.raises(InputError, match="two axes"):
        v.mutual_information([0.5, 0.5])
    with pytest.raises(InputError, match="three axes"):
        v.conditional_mutual_information([[0.5, 0.5]])
    with pytest.raises(InputError, match="positive definite"):
        v.gaussian_entropy([[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(InputError, match="equal rows"):
        v.kl_from_samples(np.zeros((20, 1)), np.ones((20, 1)))


def test_binned_divergence_needs_two_bins_and_rows_of_one_width() -> None:
    a, b = np.repeat([0.0, 1.0], [30, 10])[:, None], np.repeat([0.0, 1.0], [10, 30])[:, None]
    p, q = np.array([30.5, 10.5]) / 41, np.array([10.5, 30.5]) / 41
    expected = float((p * np.log2(p / q)).sum()) - 1 / (2 * math.log(2)) * (1 / 40 + 1 / 40)
    assert kl_binned(a, b, bins=2) == pytest.approx(expected)
    assert kl_binned(np.hstack([a, a]), np.hstack([b, b]), bins=2) == pytest.approx(
        expected
    ) and kl_binned(np.hstack([a, a * 0]), np.hstack([b, b * 0]), bins=2) == pytest.approx(
        expected / 2
    )
    for wrong in ((a, b, 1), (a[:0], b, 2), (a, b[:0], 2), (a, np.hstack([b, b]), 2)):
        with pytest.raises(InputError, match="rows of one width and at least 2 bins"):
            kl_binned(*wrong[:2], bins=wrong[2])


def test_a_covariance_with_any_negative_direction_is_refused() -> None:

    for wrong in (
        np.diag([-1.0, 2.0, 3.0]),
        np.diag([0.0, 1.0]),
        np.array([[1.0, 2.0], [2.0, 1.0]]),
        np.ones((2, 3)),
    ):
        with pytest.raises(InputError, match="positive definite"):
            gaussian_entropy(wrong)
    assert gaussian_entropy(np.eye(2)) == pytest.approx(np.log2(2 * np.pi * np.e))


def test_one_equal_pair_of_rows_leaves_no_divergence_of_neighbours(
    rng: np.random.Generator,
) -> None:
    x, y = rng.normal(size=(2, 30, 2))
    for spoiled in ((np.vstack([x, x[:1]]), y), (x, np.vstack([y, x[:1]]))):
        with pytest.raises(InputError, match="equal rows"):
            vocabulary.kl_from_samples(*spoiled, k=1)


P, Q = np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])
COVARIANCE = np.array([[2.0, 0.5, 0.3], [0.5, 1.0, 0.2], [0.3, 0.2, 1.5]])


def test_the_divergence_of_jensen_and_shannon_is_the_mean_to_the_mixture() -> None:
    mixture = (P + Q) / 2
    assert vocabulary.jensen_shannon(P, Q) == pytest.approx(
        (stats.entropy(P, mixture, base=2) + stats.entropy(Q, mixture, base=2)) / 2
    )


def test_entropy_and_divergence_of_a_table_by_hand() -> None:
    assert vocabulary.kl(P, Q) == pytest.approx(0.25) and vocabulary.entropy(P) == 1.5


def test_a_divergence_is_of_tables_of_one_shape() -> None:
    with pytest.raises(InputError, match="tables of one shape"):
        vocabulary.kl(P, Q[:2] / Q[:2].sum())


def test_an_expectation_is_a_mean_with_its_standard_error() -> None:
    samples = np.array([1.0, 2.0, 4.0, 5.0])
    mean, error = vocabulary.expectation(lambda v: v, lambda n: samples[:n], 4)
    assert mean == 3.0 and error == pytest.approx(samples.std(ddof=1) / 2)


def test_an_expectation_needs_two_samples() -> None:
    assert vocabulary.expectation(lambda v: v, np.arange, 2)[0] == 0.5
    with pytest.raises(InputError, match="at least 2 samples, got 1"):
        vocabulary.expectation(lambda v: v, np.arange, 1)


def test_gaussian_information_is_that_of_the_determinants() -> None:
    part = np.linalg.det(COVARIANCE[:2, :2]) * 1.5 / np.linalg.det(COVARIANCE)
    assert vocabulary.gaussian_information(COVARIANCE, 2) == pytest.approx(0.5 * math.log2(part))
    assert vocabulary.gaussian_information(COVARIANCE, 1) > 0


@pytest.mark.parametrize("first", [0, 3])
def test_gaussian_information_needs_dimensions_on_both_sides(first: int) -> None:
    with pytest.raises(InputError, match=f"1 to 2, got {first}"):
        vocabulary.gaussian_information(COVARIANCE, first)


def test_gaussian_entropy_is_that_of_scipy() -> None:
    expected = stats.multivariate_normal(cov=COVARIANCE).entropy() / math.log(2)
    assert vocabulary.gaussian_entropy(COVARIANCE) == pytest.approx(expected)


def test_the_divergence_of_gaussians_is_its_closed_form() -> None:
    t = np.array([[1.0, 0.1, 0.0], [0.1, 2.0, 0.3], [0.0, 0.3, 1.0]])
    gap, inverse = np.array([0.5, -1.0, 0.2]), np.linalg.inv(t)
    ratio = math.log(np.linalg.det(t) / np.linalg.det(COVARIANCE))
    nats = 0.5 * (np.trace(inverse @ COVARIANCE) + gap @ inverse @ gap - 3 + ratio)
    found = vocabulary.gaussian_kl(np.zeros(3), COVARIANCE, gap, t)
    assert found == pytest.approx(nats / math.log(2))


@pytest.mark.parametrize(
    "wrong",
    [[[1.0, 0.5], [0.4, 1.0]], [[1.0, 0.0]], [[0.0]], [[1.0, 1.0], [1.0, 1.0 - 1e-3]]],
)
def test_a_covariance_is_symmetric_and_positive_definite(wrong: list[list[float]]) -> None:
    with pytest.raises(InputError, match="symmetric positive definite"):
        vocabulary.gaussian_entropy(wrong)  # type: ignore[arg-type]  # lists are taken too
