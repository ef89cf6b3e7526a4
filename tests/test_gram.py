"""Gram matrices of Gaussian kernels, and their widths."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infoplane.analysis.estimators.gram import (
    gram,
    median_width,
    silverman_width,
    squared_distances,
)
from infoplane.errors import EstimatorError
from infoplane.types import Variable

ROWS = np.random.default_rng(2).normal(size=(40, 3)) * [1.0, 2.0, 3.0] + 5  # (n, units)
DISTANCES = np.sqrt(((ROWS[:, None] - ROWS[None]) ** 2).sum(axis=2))  # (n, n)


def test_squared_distances_are_those_of_all_pairs() -> None:
    assert squared_distances(ROWS) == pytest.approx(DISTANCES**2, abs=1e-9)
    assert (np.diag(squared_distances(ROWS)) == 0).all()


def test_the_median_width_is_the_median_distance_of_pairs() -> None:
    assert median_width(ROWS) == pytest.approx(np.median(DISTANCES[np.triu_indices(40, 1)]))


def test_the_median_width_needs_two_rows() -> None:
    with pytest.raises(EstimatorError, match="at least 2 rows, got 1"):
        median_width(ROWS[:1])


def test_the_width_of_silverman_is_its_formula() -> None:
    spread = math.sqrt(ROWS.var(axis=0).mean())
    assert silverman_width(ROWS, 2.0) == pytest.approx(2 * math.sqrt(3) * 40 ** (-1 / 7) * spread)


def test_a_gram_matrix_is_a_gaussian_kernel_of_trace_one() -> None:
    found = gram(Variable("z", ROWS, "continuous"), 2.0)
    assert found == pytest.approx(np.exp(-(DISTANCES**2) / 8) / 40, abs=1e-12)


def test_distances_are_of_centred_rows_so_that_an_offset_costs_nothing(
    rng: np.random.Generator,
) -> None:
    z = rng.normal(size=(40, 3))
    np.testing.assert_allclose(
        squared_distances(z + 1e6), squared_distances((z + 1e6) - 1e6), atol=1e-9
    )
