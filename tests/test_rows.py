"""Row digests and codes against numpy's unique, and their stated rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from infoplane.errors import InputError
from infoplane.rows import row_codes, row_digests

small = hnp.arrays(
    st.sampled_from([np.int8, np.int64, np.float32, np.float64]),
    st.tuples(st.integers(1, 60), st.integers(1, 4)),
    elements=st.integers(-2, 2),
)


@given(small)
def test_codes_partition_rows_as_unique_does(a) -> None:
    codes = row_codes(a)
    reference = np.unique(a, axis=0, return_inverse=True)[1].reshape(-1)
    assert len({*zip(codes.tolist(), reference.tolist(), strict=True)}) == codes.max() + 1 == reference.max() + 1
    first = [codes.tolist().index(k) for k in range(codes.max() + 1)]
    assert first == sorted(first)


def test_digests_are_the_same_everywhere() -> None:
    digest = row_digests(np.array([[0.5, -1.0]], np.float32))
    assert digest.dtype == np.uint64 and digest.tolist() == row_digests(np.array([[0.5, -1.0]], ">f4")).tolist()


def test_a_row_and_its_negative_differ() -> None:
    """Combining words by exclusive or merges q and -q, which tanh layers hit."""
    z = np.tanh(np.random.default_rng(0).normal(size=(2000, 6))).astype(np.float32)
    assert row_codes(np.r_[z, -z]).max() + 1 == 4000


def test_order_and_repetition_of_columns_count() -> None:
    a = np.array([[1, 2, 2], [2, 1, 2], [2, 2, 1], [1, 1, 2], [0, 0, 0]])
    assert row_codes(a).tolist() == [0, 1, 2, 3, 4]


def test_minus_zero_is_zero_and_all_nan_are_one() -> None:
    other = np.array([0x7FC00001], np.uint32).view(np.float32)[0]
    a = np.array([[0.0], [-0.0], [np.nan], [other]], np.float32)
    assert row_codes(a).tolist() == [0, 0, 1, 1]


def test_a_million_rows_do_not_collide() -> None:
    assert row_codes(np.arange(1_000_000)[:, None]).max() == 999_999


def test_images_are_rows_too() -> None:
    assert row_digests(np.zeros((3, 2, 4, 4), np.float32)).shape == (3, 2)


def test_objects_are_refused() -> None:
    with pytest.raises(InputError, match="expected shape"):
        row_digests(np.array([["a"]]))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_cell_codes_equal_row_codes(dtype: type) -> None:
    from infoplane.rows import cell_codes

    cells = np.random.default_rng(5).integers(-2, 3, size=(3000, 5)).astype(dtype)
    np.testing.assert_array_equal(cell_codes(cells), row_codes(cells))
    signs = np.array([[1, -1], [-1, 1], [1, 1], [-1, -1], [0, 0]], dtype)
    assert cell_codes(signs).tolist() == [0, 1, 2, 3, 4]
