"""Entropies of counts and their standard errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from infoplane.analysis.estimators.entropies import (
    entropy_bits,
    information_bits,
    information_stderr,
    joint_counts,
)
from infoplane.errors import InputError


def test_the_two_ways_of_the_unseen_tail_are_one_number() -> None:
    """Chao, Wang and Jost's tail by its closed form and by its sum, on either side of where we
    change over.
    """

    for counts, summed in (
        ([1] * 2 + [2] * 30 + [5] * 10, True),
        ([1] + [2] * 9 + [30] * 4, True),
        ([1, 1, 1, 2, 2, 2, 2, 2, 2, 7], False),
    ):
        c = np.array(counts)
        n, f1, f2 = int(c.sum()), int((c == 1).sum()), int((c == 2).sum())
        a = 2 * f2 / ((n - 1) * f1 + 2 * f2)
        assert (n * a >= 10) is summed
        r = np.arange(n, 40 * n)
        tail = f1 / n * float(np.sum((1 - a) ** (r - n + 1) / r))
        seen = float((c / n * (special.digamma(n) - special.digamma(c))).sum())
        assert entropy_bits(c, "cwj") == pytest.approx((seen + tail) / np.log(2), rel=1e-9)


def test_the_delta_method_at_independence_is_that_of_chi_squared() -> None:
    """Var = df / (2 n^2 ln^2 2) where every log-ratio vanishes."""

    a, b = (
        np.ravel(m) for m in np.meshgrid(np.repeat(np.arange(3), 2), np.repeat(np.arange(4), 2))
    )
    assert information_stderr(a, b) == pytest.approx(math.sqrt(6 / (2 * len(a) ** 2)) / math.log(2))


def test_joint_counts_are_those_of_the_pairs_by_either_way(rng: np.random.Generator) -> None:
    for symbols in (3, 60):  # a table, and codes
        a, b = rng.integers(0, symbols, (2, 90))
        a, b = (np.unique(v, return_inverse=True)[1] for v in (a, b))
        counts = joint_counts(a, b)
        assert sorted(counts[counts > 0]) == sorted(
            np.unique(np.stack([a, b]), axis=1, return_counts=True)[1]
        )


def test_the_standard_error_of_a_table_is_the_spread_over_samples() -> None:
    table = np.array([[0.3, 0.1, 0.1], [0.1, 0.1, 0.3]])
    found, said = [], []
    for seed in range(400):
        cells = np.random.default_rng(seed).choice(6, size=300, p=table.ravel())
        a, b = cells // 3, cells % 3
        found.append(information_bits(a, b))
        said.append(information_stderr(a, b))
    assert np.sqrt(np.mean(np.square(said))) == pytest.approx(np.std(found), rel=0.12)
    alone = []
    for seed in range(400):
        a, b = np.random.default_rng(seed).integers(0, 3, size=(2, 300))
        alone.append((information_bits(a, b), information_stderr(a, b)))
    assert 1 < np.sqrt(np.mean([s**2 for _, s in alone])) / np.std([i for i, _ in alone]) < 2, (
        "at independence it errs to the safe side"
    )


def test_counts_of_pairs_are_the_same_by_table_and_by_sorting() -> None:
    for symbols, n in ((3, 50), (40, 50)):
        a, b = (
            np.unique(np.random.default_rng(s).integers(0, symbols, n), return_inverse=True)[1]
            for s in (8, 9)
        )
        counts = joint_counts(a, b)
        assert (
            sorted(counts[counts > 0])
            == sorted(np.unique(np.stack([a, b]), axis=1, return_counts=True)[1])
            and counts.sum() == n
        )


def test_no_correction_is_defined_for_no_rows_and_every_one_for_a_single_symbol() -> None:
    for correction in ("mm", "grassberger", "cwj", "chao-shen", "jackknife", "quadratic"):
        assert abs(entropy_bits(np.array([9]), correction)) < 0.2  # type: ignore[arg-type]  # as listed
        with pytest.raises(InputError, match="at least one positive count"):
            entropy_bits(np.array([0, 0]), correction)  # type: ignore[arg-type]
    assert entropy_bits(np.array([1]), "jackknife") == 0.0 and entropy_bits(
        np.array([3, 4]), "quadratic"
    ) == entropy_bits(np.array([3, 4]))
    assert entropy_bits(np.array([4, 4]), "mm") == pytest.approx(1 + 1 / (16 * math.log(2)))
