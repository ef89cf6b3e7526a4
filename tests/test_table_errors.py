"""Intervals of the information of tables."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.analysis.estimators import table_errors
from infoplane.analysis.estimators.entropies import information_bits
from infoplane.analysis.estimators.table_errors import (
    chance_interval,
    table_interval,
    weak_interval,
)


def test_a_strong_table_has_the_interval_of_its_variance_and_a_weak_one_the_inverted_law() -> None:

    rng = np.random.default_rng(0)
    for flip, law in ((0.05, "chance"), (0.48, "weak")):
        a = rng.permutation(np.arange(200) % 2)
        b = np.where(rng.random(200) < flip, 1 - a, a)
        bits = information_bits(a, b, "cwj")
        se, low, high = table_interval(a, b, "cwj")
        expected = (
            chance_interval(bits, se**2, 1.0, 200)
            if law == "chance"
            else weak_interval(bits, 1.0, 200)
        )
        assert (low, high) == pytest.approx(expected), law


def test_a_table_too_large_for_its_jackknife_has_an_interval_of_1_96_standard_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    rng = np.random.default_rng(0)
    a = rng.integers(0, 3, 90)
    b = np.where(rng.random(90) < 0.7, a, rng.integers(0, 3, 90))
    monkeypatch.setattr(table_errors, "MOST_WORK", 0)
    se, low, high = table_errors.table_interval(a, b, "none")
    bits = information_bits(a, b)
    assert se > 0 and (low, high) == pytest.approx((bits - 1.96 * se, bits + 1.96 * se))


def test_a_small_table_has_the_interval_of_weak_information_up_to_its_threshold() -> None:
    a = np.repeat([0, 1, 2, 3], 50)
    for shared, weak in ((0.15, True), (0.2, True), (0.4, False)):
        b = np.where(np.arange(200) % 50 < 50 * shared, a, np.arange(200) % 4)
        bits = information_bits(a, b)
        interval = table_errors.table_interval(a, b, "none")[1:]
        assert (2 * 200 * np.log(2) * bits < 25 + 3 * np.sqrt(18)) == weak
        assert (interval == table_errors.weak_interval(bits, 9, 200)) == weak
