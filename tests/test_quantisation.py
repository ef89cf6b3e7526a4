"""Rounded values are spread over their cells; atoms stay atoms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infoplane.analysis.estimators.quantisation import class_keys, row_keys, spread_ties


def truncated(z: np.ndarray) -> np.ndarray:
    """As bfloat16 stores it, by truncation."""
    return (z.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32).astype(float)


ROUNDINGS = {
    "float16": lambda z: z.astype(np.float16).astype(float),
    "bfloat16": truncated,
    "two decimals": lambda z: z.round(2),
    "three decimals": lambda z: z.round(3),
    "8-bit pixels": lambda z: np.clip(np.round(40 * z + 128), 1, 254) / 255,
    "float16, scaled": lambda z: z.astype(np.float16).astype(float) * 3.7 - 1,
}


def keys(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.uint64)


@pytest.mark.parametrize("name", ROUNDINGS)
def test_rounded_values_become_distinct_and_stay_within_half_a_step(name: str) -> None:
    x = ROUNDINGS[name](np.random.default_rng(0).normal(size=(5000, 1)))
    spread, columns = spread_ties(x, keys(5000), 5)
    levels = np.unique(x)
    nearest = levels[np.abs(spread - levels[None]).argmin(axis=1)]
    assert columns == 1
    assert len(np.unique(spread)) == 5000
    assert (nearest == x[:, 0]).all()


@pytest.mark.parametrize(
    "column",
    [
        np.random.default_rng(1).normal(size=4000),
        np.maximum(np.random.default_rng(1).normal(size=4000), 0),
        np.random.default_rng(1).normal(size=4000)[np.arange(4000) // 2],
        np.random.default_rng(1).normal(size=300)[np.random.default_rng(2).integers(0, 300, 4000)],
        np.arange(4000) % 2 * 1.0,
        np.arange(4000) % 16 * 0.25,
    ],
    ids=["distinct", "ReLU", "every value twice", "prototypes", "one-hot", "sixteen steps"],
)
def test_values_that_no_rounding_tied_are_left_alone(column: np.ndarray) -> None:
    spread, columns = spread_ties(column[:, None], keys(4000), 5)
    assert columns == 0
    np.testing.assert_array_equal(spread[:, 0], column)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "two decimals"])
def test_the_zeros_of_a_rounded_relu_stay_one_atom(name: str) -> None:
    x = ROUNDINGS[name](np.maximum(np.random.default_rng(3).normal(size=(4000, 1)), 0))
    spread, columns = spread_ties(x, keys(4000), 5)
    assert columns == 1
    np.testing.assert_array_equal(spread == 0, x == 0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), digits=st.integers(1, 3))
def test_spreading_keeps_the_order_of_different_values(seed: int, digits: int) -> None:
    x = np.random.default_rng(seed).normal(size=(400, 1)).round(digits)
    spread, _ = spread_ties(x, keys(400), 5)
    order = np.argsort(spread[:, 0])
    assert (np.diff(x[order, 0]) >= 0).all()


def test_row_keys_follow_the_rows_and_tell_equal_pairs_apart() -> None:
    own = np.array([5, 5, 7, 5], np.uint64)
    other = np.array([1, 1, 2, 3], np.uint64)
    order = np.array([3, 1, 2, 0])
    found, moved = row_keys(own, other), row_keys(own[order], other[order])
    assert len(set(found.tolist())) == 4
    assert set(found.tolist()) == set(moved.tolist())


def test_class_keys_do_not_depend_on_the_numbers_of_the_classes() -> None:
    codes, rows = np.array([0, 1, 1, 2, 0]), np.array([3, 9, 4, 4, 8], np.uint64)
    renumbered = np.array([2, 0, 1])[codes]
    np.testing.assert_array_equal(class_keys(codes, rows), class_keys(renumbered, rows))
