"""Row digests and codes against `numpy.unique`."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from infoplane.errors import InputError
from infoplane.rows import codes_of, digested, row_codes, row_digests
from infoplane.types import discrete

small = hnp.arrays(
    st.sampled_from([np.int8, np.int64, np.float32, np.float64]),
    st.tuples(st.integers(1, 60), st.integers(1, 4)),
    elements=st.integers(-2, 2),
)


@given(small)
def test_codes_partition_rows_as_unique_does(a) -> None:
    codes = row_codes(a)
    reference = np.unique(a, axis=0, return_inverse=True)[1].reshape(-1)
    assert (
        len({*zip(codes.tolist(), reference.tolist(), strict=True)})
        == codes.max() + 1
        == reference.max() + 1
    )
    first = [codes.tolist().index(k) for k in range(codes.max() + 1)]
    assert first == sorted(first)


def test_digests_are_the_same_everywhere() -> None:
    digest = row_digests(np.array([[0.5, -1.0]], np.float32))
    assert (
        digest.dtype == np.uint64
        and digest.tolist() == row_digests(np.array([[0.5, -1.0]], ">f4")).tolist()
    )


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


def _slow_digest(row: np.ndarray) -> list[int]:
    """The definition of ipmix128-1 in whole numbers, one word after another."""
    full, k1, k2, k3, k4 = (
        2**64 - 1,
        0x9E3779B97F4A7C15,
        0xC2B2AE3D27D4EB4F,
        0xBF58476D1CE4E5B9,
        0x94D049BB133111EB,
    )

    def mix(h: int) -> int:
        h = (h ^ (h >> 30)) * k3 & full
        h = (h ^ (h >> 27)) * k4 & full
        return h ^ (h >> 31)

    a, b = k1 * (len(row) + 1) & full, k2 * (len(row) + 1) & full
    for value in row:
        same = np.array(np.nan, row.dtype) if np.isnan(value) else value + row.dtype.type(0)
        w = int.from_bytes(np.array(same, row.dtype.newbyteorder("<")).tobytes(), "little")
        a = (a ^ w) * k3 & full
        a ^= a >> 29
        b = (b + w) * k2 & full
        b ^= b >> 31
    return [mix(a), mix(b ^ (a * k1 & full))]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i4", "u8"])
@pytest.mark.parametrize(
    "shape", [(1, 1), (3, 33), (63, 5), (64, 31), (65, 32), (130, 70), (63, 2), (66, 130)]
)
def test_digests_follow_their_definition_word_by_word(dtype: str, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    z = (
        (rng.standard_normal(shape) * 50).astype(dtype)
        if dtype[0] == "f"
        else rng.integers(0, 100, shape).astype(dtype)
    )
    if dtype[0] == "f":
        special = np.array([-0.0, np.inf, -np.inf, np.nan, -np.nan], dtype)
        z.flat[:: max(1, z.size // 9)] = rng.choice(special, len(z.flat[:: max(1, z.size // 9)]))
    elif dtype[0] == "i":
        z -= z.dtype.type(50)
    assert row_digests(z).tolist() == [_slow_digest(row) for row in z]


def test_digests_of_archives_written_before_stay_what_they_were() -> None:
    assert row_digests(np.array([[0.5, -1.0]], np.float32)).tolist() == [
        [7347863763054746033, 15418209235894627645]
    ]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
@pytest.mark.parametrize("d", [1, 2, 5, 64, 70])
def test_a_value_that_is_not_finite_is_seen_in_passing_wherever_it_is(dtype: str, d: int) -> None:
    for n in (1, 63, 64, 65, 200):
        a = np.random.default_rng(n).normal(size=(n, d)).astype(dtype)
        a[0, 0], a[-1, -1] = -0.0, np.finfo(dtype).max
        assert digested(a)[1] and np.array_equal(digested(a)[0], row_digests(a))
        for value in (np.inf, -np.inf, np.nan, -np.nan):
            for row, column in {(0, 0), (n - 1, d - 1), (n // 2, d // 2), (n - 1, 0)}:
                b = a.copy()
                b[row, column] = value
                assert not digested(b)[1], (n, row, column, value)


def test_of_integers_nothing_is_known() -> None:
    assert not any(
        digested(np.zeros((3, 2), dtype))[1] for dtype in ("i1", "i4", "u4", "i8", "u8", "?")
    )


@pytest.mark.slow
def test_what_was_derived_goes_with_its_owner() -> None:
    owner = discrete(np.arange(3))
    codes = codes_of(owner)
    assert codes_of(owner) is codes
    gone = weakref.ref(codes)
    del owner, codes
    gc.collect()
    assert gone() is None
