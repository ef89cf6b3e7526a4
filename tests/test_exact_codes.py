"""Leaks between exact codes are told from rounding."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infoplane.analysis.dpi.exact_codes import conditional_entropy_bits, leak


def test_what_one_column_says_beyond_another_is_the_entropy_of_the_pairs_less_its_own() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b = rng.integers(0, rng.integers(1, 6), 30), rng.integers(0, rng.integers(1, 6), 30)
        expected = 0.0
        for symbol in set(a.tolist()):
            p = np.bincount(b[a == symbol]) / (a == symbol).sum()
            expected -= (a == symbol).mean() * sum(q * math.log2(q) for q in p if q > 0)
        assert conditional_entropy_bits(b, a) == pytest.approx(expected, abs=1e-12)
    assert conditional_entropy_bits(np.array([0, 1, 0, 1]), np.array([2, 3, 2, 3])) == 0.0


def test_a_leak_is_told_from_rounding_row_by_row() -> None:
    up, down = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 3, 3, 4])
    z = np.array([[100.0], [100.0 + 1e-6], [90.0], [5.0], [5.0], [7.0]])
    found = leak(up, down, z)
    assert (
        found.surplus_bits == pytest.approx(0.5 * math.log2(3))
        and found.joined == 1
        and found.example == (0, 2)
    )
    assert found.leak_bits == pytest.approx(0.5 * (math.log2(3) - 2 / 3))
    assert (
        leak(up, down, None).joined == 2
        and leak(up, down, None).leak_bits == 0.0
        and leak(up, down, None).example is None
    )
    assert (
        leak(up, down, z, tolerance=0.2).leak_bits == 0.0
        and leak(up, down, z, tolerance=0.2).joined == 2
    )
    assert leak(up, np.zeros(6, int), z) == leak(up, up, z) and leak(up, up, z).surplus_bits == 0.0
    assert leak(np.array([0, 0]), np.array([0, 1]), np.zeros((2, 1))).leak_bits == 0.0, (
        "all values 0: the same within any rounding"
    )


def test_a_leak_into_a_unit_of_tiny_values_is_named_beside_rounding() -> None:
    up, down = np.array([0, 0, 1, 1]), np.array([0, 1, 2, 2])
    tiny = np.array([[1.0, 1e-6], [1.0, 3e-6], [2.0, 2e-6], [2.0, 2e-6]])
    found = leak(up, down, tiny)
    assert (found.leak_bits, found.joined, found.in_small_units) == (0.0, 1, 1)
    rounded = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-7], [2.0, 2.0], [2.0, 2.0]])
    assert leak(up, down, rounded).in_small_units == 0
