"""Rows on a lattice: which are spread, and which have neighbours at equal distances."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.analysis.estimators.lattice import has_equal_distances, is_coarse_lattice
from infoplane.analysis.estimators.quantisation import spread_ties

K = 5


def rows_of(kind: str, seed: int = 0) -> np.ndarray:
    """300 rows of a kind of layer."""
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=(300, 2))
    return {
        "continuous": normal,
        "saturated": np.clip(2 * normal[:, :1], -1, 1),
        "rectified": np.maximum(normal - 0.5, 0),
        "counts": rng.poisson(3.0, size=(300, 1)).astype(float),
        "sparse grid": np.round(4 * normal) / 4,
        "filled grid": rng.integers(0, 3, size=(300, 2)).astype(float),
        "half precision": normal.astype(np.float16).astype(float),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "spread", "equal"),
    [
        ("continuous", False, False),
        ("saturated", False, False),  # atoms at both ends
        ("rectified", False, False),  # one atom
        ("counts", False, True),  # symbols, however they repeat
        ("sparse grid", True, True),
        ("filled grid", False, True),  # a table of nine cells
    ],
)
def test_a_coarse_lattice_is_spread_and_equal_distances_are_counted(
    kind: str, spread: bool, equal: bool
) -> None:
    for seed in range(3):
        rows = rows_of(kind, seed)
        assert is_coarse_lattice(rows, K) == spread
        assert has_equal_distances(rows) == equal


def test_a_lattice_that_was_spread_has_no_equal_distances() -> None:
    rows = rows_of("sparse grid")
    keys = np.random.default_rng(1).integers(0, 2**63, len(rows)).astype(np.uint64)
    values, columns = spread_ties(rows, keys, K, few_levels=True)
    assert columns == 2
    assert not has_equal_distances(values)


def test_two_repeated_cells_show_a_sparse_grid_and_not_equal_distances() -> None:
    rows = np.stack(np.divmod(np.arange(25), 5), axis=1).astype(float)
    twice = np.vstack([rows, rows[:2]])
    assert is_coarse_lattice(twice, K)
    assert not has_equal_distances(twice)
    once = np.vstack([rows, rows[:1]])
    assert not is_coarse_lattice(once, K), "one repeated value is an atom"


def test_the_order_of_rows_and_columns_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    for kind in ("sparse grid", "filled grid", "rectified"):
        rows = rows_of(kind)
        turned = rng.permutation(rows)[:, ::-1]
        assert is_coarse_lattice(rows, K) == is_coarse_lattice(turned, K)
        assert has_equal_distances(rows) == has_equal_distances(turned)
