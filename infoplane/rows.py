"""Rows as symbols: 128-bit digests and dense codes, by compiled loops that load when used."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InputError
from infoplane.memo import remembered
from infoplane.types.arrays import Array, Digests, Ids, Keys

if TYPE_CHECKING:
    from infoplane.types import Variable


DIGEST = "ipmix128-1"
"""Name of the digest algorithm; a change of the algorithm changes the name."""

DIGESTED = 64
"""Rows that are digested together; pieces of a multiple of them are fastest."""

_CANONICAL = {  # of floating-point words: the sign bit, infinity, the one NaN
    2: (1 << 15, 0x7C00, 0x7E00),
    4: (1 << 31, 0x7F800000, 0x7FC00000),
    8: (1 << 63, 0x7FF0000000000000, 0x7FF8000000000000),
}
_AS_THEY_ARE = (0, 2**64 - 1, 0)


def row_digests(rows: Array) -> Digests:
    """Return a 128-bit digest of every row, shape ``(n, 2)``: equal rows have equal digests.

    Args:
        rows: shape ``(n, ...)``, floats, integers or booleans; -0.0 equals 0.0 and all NaN are one
            value.

    Two of 10^6 different rows collide with probability below 1e-26. The dtype is part of the value:
    float32 and float64 rows differ.

    Raises:
        InputError: no row axis, or a dtype without fixed bits.
    """
    return digested(rows)[0]


def digested(rows: Array) -> tuple[Digests, bool]:
    """Return `row_digests`, and whether all values are known to be finite (False of integers)."""
    from infoplane.rows_compiled import TILE, digest

    rows = np.asarray(rows)
    dtype = rows.dtype
    if rows.ndim == 0 or dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise InputError(
            "rows to digest: expected shape (n, ...) of floats, integers or booleans of at most 64 "
            f"bits, got {dtype} of shape {rows.shape}"
        )
    n, floats = len(rows), dtype.kind == "f"
    flat = np.ascontiguousarray(rows).reshape(n, -1) if rows.size else np.zeros((n, 0), dtype)
    words = flat.astype(dtype.newbyteorder("<"), copy=False).view(f"<u{dtype.itemsize}")
    zero, infinity, nan = map(np.uint64, _CANONICAL[dtype.itemsize] if floats else _AS_THEY_ARE)
    lanes = min(max(n, 1), DIGESTED)
    tile = np.zeros((TILE, lanes), words.dtype)
    first, second = np.empty((2, lanes), np.uint64)
    digests = np.empty((n, 2), np.uint64)
    nonfinite = digest(words, zero, infinity, nan, tile, first, second, digests)
    return digests, floats and not nonfinite


def codes_of_digests(digests: Digests) -> Ids:
    """Return dense codes 0..K-1, ``(n,)``, of digests ``(n, 2)``, in order of first appearance."""
    from infoplane.rows_compiled import densify

    n = len(digests)
    table = np.full(1 << max(int(2 * n - 1).bit_length(), 4), -1, np.int64)
    codes = np.empty(n, np.int64)
    densify(np.ascontiguousarray(digests), table, np.empty(n, np.int64), codes)
    return codes


def row_codes(rows: Array) -> Ids:
    """Return dense codes 0..K-1 of rows, shape ``(n,)``, in order of first appearance.

    Raises:
        InputError: as `row_digests`.

    Example:
        >>> row_codes(np.array([[1, 2], [3, 4], [1, 2]])).tolist()
        [0, 1, 0]
    """
    return codes_of_digests(row_digests(rows))


def codes_of(variable: Variable) -> Ids:
    """Return `row_codes` of a variable's values, computed once: labels serve every layer."""

    def make() -> Ids:
        codes = row_codes(variable.values)
        codes.flags.writeable = False
        return codes

    return remembered(variable, "row codes", make)


def cell_codes(cells: NDArray[np.integer]) -> Ids:
    """Return dense codes of rows of integers, ``(n, d)`` to ``(n,)``, by 64-bit keys.

    Two of 10^6 different rows share a code by accident with probability about 3e-8.
    """
    return codes_of_keys(cell_keys(cells))


def cell_keys(cells: NDArray[np.integer]) -> Keys:
    """Return 64-bit keys of rows of integers, shape ``(n, d)`` to ``(n,)``.

    Blocks of rows may be keyed one after the other.
    """
    from infoplane.rows_compiled import hash_cells

    keys = np.empty(len(cells), np.uint64)
    hash_cells(np.ascontiguousarray(cells), cell_weights(cells.shape[1]), keys)
    return keys


@lru_cache(maxsize=64)
def cell_weights(count: int) -> NDArray[np.uint64]:
    """Return the odd random weights of so many cells in the sum that is a key."""
    return np.random.PCG64(0x1F0).random_raw(count) | np.uint64(1)


def codes_of_keys(keys: Keys) -> Ids:
    """Return dense codes 0..K-1 of mixed 64-bit keys, in order of first appearance.

    Shape ``(n,)``.
    """
    from infoplane.rows_compiled import densify_keys

    codes, table = np.empty(len(keys), np.int64), empty_table(len(keys))
    table.fill(-1)
    densify_keys(keys, table, np.empty(len(keys), np.uint64), codes)
    return codes


def joint_entropies(keys: Keys, other: Ids, symbols: int) -> tuple[float, float, int]:
    """Return plug-in H(A) and H(A,B) in bits, and how many rows have a key of their own.

    Args:
        keys: mixed keys of A, shape ``(n,)``.
        other: codes of B below ``symbols``, shape ``(n,)``.
        symbols: how many B has.
    """
    from infoplane import rows_compiled

    h_a, h_ab, alone = rows_compiled.joint_entropies(keys, empty_table(len(keys)), other, symbols)
    return float(h_a), float(h_ab), int(alone)


def empty_table(n: int) -> NDArray[np.signedinteger[Any]]:
    """Return room for a table of n keys, at most half full; its user fills it with -1."""
    return np.empty(1 << max(int(2 * n - 1).bit_length(), 4), np.int32 if n < 2**31 else np.int64)
