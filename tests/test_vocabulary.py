"""Identities of information theory on random tables and Gaussians, and divergences from samples against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infoplane.analysis import vocabulary as v
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
