"""Entropies of tables: closed forms and published corrections."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import digamma

import infoplane as ip
from infoplane.analysis.estimators import Plugin
from infoplane.analysis.estimators.entropies import (
    CORRECTIONS,
    entropy_bits,
    information_bits,
    information_stderr,
)
from infoplane.errors import EstimatorError, InputError

tables = st.lists(st.integers(1, 30), min_size=1, max_size=30).map(np.array)


def cwj_reference(counts: np.ndarray) -> float:
    """Chao, Wang & Jost 2013, equation 7, in exact rational-free high precision (mpmath is not
    needed at small n).
    """
    n = int(counts.sum())
    f1, f2 = int((counts == 1).sum()), int((counts == 2).sum())
    first = sum(c / n * sum(1 / k for k in range(c, n)) for c in counts if c < n)
    if f2 > 0:
        a = 2 * f2 / ((n - 1) * f1 + 2 * f2)
    elif f1 > 0:
        a = 2 / ((n - 1) * (f1 - 1) + 2)
    else:
        a = 1.0
    second = (
        0.0
        if a == 1 or f1 == 0
        else f1 / n * (1 - a) ** (1 - n) * (-np.log(a) - sum((1 - a) ** r / r for r in range(1, n)))
    )
    return (first + second) / np.log(2)


@given(tables)
def test_chao_wang_jost_is_the_published_formula(counts) -> None:
    assert entropy_bits(counts, "cwj") == pytest.approx(cwj_reference(counts), abs=1e-6)


def test_chao_wang_jost_is_continuous_where_the_summation_changes() -> None:
    values = [entropy_bits(np.r_[np.ones(f1, int), np.full(20, 40)], "cwj") for f1 in range(1, 200)]
    assert max(np.abs(np.diff(values, 2))) < 0.02 and np.all(np.diff(values) > 0)


@given(tables)
def test_grassberger_is_the_published_formula(counts) -> None:
    n = counts.sum()
    g = sum(
        c * (digamma(c) + (-1) ** c / 2 * (digamma((c + 1) / 2) - digamma(c / 2))) for c in counts
    )
    assert entropy_bits(counts, "grassberger") == pytest.approx(
        (np.log(n) - g / n) / np.log(2), abs=1e-9
    )


@given(tables)
def test_the_jackknife_leaves_one_out(counts) -> None:
    n = counts.sum()
    if n < 2:
        return
    loo = 0.0
    for k, c in enumerate(counts):
        less = counts.copy()
        less[k] -= 1
        loo += c / n * entropy_bits(less)
    assert entropy_bits(counts, "jackknife") == pytest.approx(
        n * entropy_bits(counts) - (n - 1) * loo, abs=1e-8
    )


@given(tables)
def test_miller_madow_adds_its_term(counts) -> None:
    assert entropy_bits(counts, "mm") - entropy_bits(counts) == pytest.approx(
        (len(counts) - 1) / (2 * counts.sum() * np.log(2)), abs=1e-12
    )


def test_corrections_come_closer_to_the_truth_than_the_plug_in() -> None:
    rng = np.random.default_rng(0)
    truth = np.log2(1000)
    errors = {
        c: np.mean(
            [
                abs(entropy_bits(np.bincount(rng.integers(0, 1000, 1000)), c) - truth)
                for _ in range(20)
            ]
        )
        for c in CORRECTIONS
    }
    assert all(errors[c] < 0.5 * errors["none"] for c in CORRECTIONS if c != "none")
    assert errors["cwj"] < 0.1


def test_independent_symbols_are_near_zero_for_the_population_only() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 30, 500), rng.integers(0, 10, 500)
    raw = Plugin().estimate(ip.discrete(a), ip.discrete(b))
    corrected = Plugin(target="population", correction="cwj").estimate(
        ip.discrete(a), ip.discrete(b)
    )
    assert raw.sense == "exact" and raw.bits > 0.3
    assert (
        corrected.target == "population"
        and abs(corrected.bits) < 0.15
        and corrected.stderr is not None
    )


def test_the_standard_error_covers_repeated_samples() -> None:
    rng = np.random.default_rng(1)
    joint = np.array([[0.3, 0.1], [0.15, 0.45]])
    values, errors = [], []
    for _ in range(300):
        draws = rng.choice(4, 800, p=joint.ravel())
        a, b = draws // 2, draws % 2
        values.append(information_bits(a, b))
        errors.append(information_stderr(a, b))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)


@given(st.integers(0, 2**32 - 1))
def test_a_discrete_chain_obeys_the_inequality(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 12, 200)
    z = rng.integers(0, 5, 12)[x]
    w = rng.integers(0, 3, 5)[z]
    assert information_bits(x, w) <= information_bits(x, z) + 1e-9
    assert information_bits(x, z) == pytest.approx(information_bits(z, x), abs=1e-12)


def test_rows_of_several_columns_are_one_symbol() -> None:
    a = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert Plugin().estimate(ip.discrete(a), ip.discrete([0, 1, 2, 3])).bits == 2.0


def test_bad_input_is_explained() -> None:
    with pytest.raises(EstimatorError, match="needs discrete variables"):
        Plugin().estimate(ip.discrete([0, 1]), ip.continuous([0.0, 1.0]))
    with pytest.raises(InputError, match="a probe set has no sampling bias"):
        Plugin(correction="mm")
