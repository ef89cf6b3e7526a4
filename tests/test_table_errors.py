"""Intervals of the information of tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import nbinom

import infoplane as ip
from infoplane.analysis.estimators import table_errors
from infoplane.analysis.estimators.entropies import information_bits
from infoplane.analysis.estimators.table_errors import (
    chance_interval,
    table_interval,
    weak_interval,
)
from infoplane.types import discrete


@pytest.mark.parametrize(("flip", "weak"), [(0.05, False), (0.48, True)])
def test_a_strong_table_has_the_interval_of_its_variance_and_a_weak_one_the_inverted_law(
    flip: float, weak: bool
) -> None:
    rng = np.random.default_rng(0)
    a = rng.permutation(np.arange(200) % 2)
    b = np.where(rng.random(200) < flip, 1 - a, a)
    bits = information_bits(a, b, "cwj")
    se, low, high = table_interval(a, b, "cwj")
    law = weak_interval(bits, 1.0, 200) if weak else chance_interval(bits, se**2, 1.0, 200)
    assert low <= law[0] and high >= law[1]
    assert high - low == pytest.approx(law[1] - law[0], rel=1e-6 if weak else 0.1)


def counts_of_two_classes(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Negative binomial counts of two classes, and the truth by their sum."""
    counts = np.arange(600)
    masses = np.stack([nbinom.pmf(counts, 1, p) for p in (0.25, 0.04)])
    mean = masses.mean(axis=0)
    truth = float((0.5 * masses * np.log2(masses / mean)).sum())
    y = rng.integers(0, 2, n)
    return y, rng.negative_binomial(1, np.where(y, 0.04, 0.25)), truth


@pytest.mark.parametrize("n", [400, 800])
def test_the_interval_of_counts_with_a_long_tail_holds_the_truth(n: int) -> None:
    held = given = 0
    for seed in range(60):
        y, z, truth = counts_of_two_classes(np.random.default_rng(seed), n)
        found = ip.estimators.parse("plugin:population").estimate(discrete(y), discrete(z))
        if found.low is not None and found.high is not None:
            given += 1
            held += found.low <= truth <= found.high
    assert held >= 0.88 * given and given >= 20


def test_the_interval_does_not_depend_on_the_order_of_the_rows() -> None:
    y, z, _ = counts_of_two_classes(np.random.default_rng(0), 300)
    order = np.random.default_rng(1).permutation(300)
    codes = np.unique(z, return_inverse=True)[1]
    here = table_interval(y, codes, "cwj")
    assert table_interval(y[order], codes[order], "cwj") == pytest.approx(here)


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_rows_and_renamed_symbols_have_the_same_interval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, 120)
    y = (x + rng.integers(0, 3, 120)) % 5
    order, names = rng.permutation(120), rng.permutation(4)
    estimator = ip.estimators.parse("plugin:population")
    found = estimator.estimate(discrete(x), discrete(y))
    for a, b in ((x[order], y[order]), (names[x], y), (names[x][order], y[order])):
        again = estimator.estimate(discrete(a), discrete(b))
        assert (again.low, again.high) == pytest.approx((found.low, found.high), abs=1e-12)


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
