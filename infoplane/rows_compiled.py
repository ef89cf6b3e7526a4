"""Compiled loops over rows.

Imported only when a row is hashed, because numba takes a while to load; machine code is cached on
disk.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from infoplane.jit import compiled, inlined

_U = np.uint64
_K1, _K2 = _U(0x9E3779B97F4A7C15), _U(0xC2B2AE3D27D4EB4F)
_K3, _K4 = _U(0xBF58476D1CE4E5B9), _U(0x94D049BB133111EB)
_S27, _S29, _S30, _S31 = _U(27), _U(29), _U(30), _U(31)


@inlined()
def mix(h: Any) -> Any:
    """Return the finaliser of splitmix64."""
    h = (h ^ (h >> _S30)) * _K3
    h = (h ^ (h >> _S27)) * _K4
    return h ^ (h >> _S31)


TILE = 32
"""Columns turned over at a time, so that the turned tile stays in cache."""


@inlined()
def _begin(a: Any, b: Any, d: int) -> None:
    """Both halves of the digests of rows of d words, before the first."""
    for r in range(len(a)):
        a[r] = _K1 * _U(d + 1)
        b[r] = _K2 * _U(d + 1)


@inlined()
def _end(a: Any, b: Any, out: Any) -> None:
    """Both halves of the digests of the rows of ``out``, after the last."""
    for r in range(len(out)):
        out[r, 0] = mix(a[r])
        out[r, 1] = mix(b[r] ^ (a[r] * _K1))


@compiled()
def digest(
    bits: Any, zero: Any, infinity: Any, nan: Any, tile: Any, a: Any, b: Any, out: Any
) -> bool:
    """128-bit digests of rows of words (n, d) of unsigned integers into ``out`` (n, 2).

    Returns whether any word may not be finite.

    ``tile`` (TILE, lanes) of the type of ``bits``, ``a`` and ``b`` (lanes,) are room to work in: a
    loop that makes its own takes half again as long to compile. So many rows are hashed side by
    side, by a vector loop. Canonical first: the word ``zero`` (the sign bit alone) becomes 0, a
    word above ``infinity`` apart from its sign becomes ``nan``.
    """
    (n, d), lanes = bits.shape, len(a)
    magnitude, large = ~zero, _U(0)
    for first in range(0, n, lanes):
        here = min(lanes, n - first)
        _begin(a, b, d)
        for left in range(0, d, TILE):
            wide = min(TILE, d - left)
            for r in range(here):
                row = bits[first + r, left : left + wide]
                for j in range(wide):
                    tile[j, r] = row[j]
            for j in range(wide):
                column = tile[j]
                for r in range(lanes):
                    w = _U(column[r])
                    w = _U(0) if w == zero else w
                    large = max(large, w & magnitude)
                    w = nan if (w & magnitude) > infinity else w
                    x = (a[r] ^ w) * _K3
                    a[r] = x ^ (x >> _S29)
                    y = (b[r] + w) * _K2
                    b[r] = y ^ (y >> _S31)
        _end(a, b, out[first : first + here])
    return bool(large >= infinity)


@compiled()
def densify(keys: Any, table: Any, owner: Any, codes: Any) -> int:
    """Return dense codes of 128-bit keys (n, 2), by open addressing in ``table``.

    The table is a power of two long, filled with -1. Returns how many codes there are.
    """
    mask = np.int64(len(table) - 1)
    found = 0
    for i in range(len(keys)):
        slot = np.int64(keys[i, 0] & _U(mask))
        while True:
            k = table[slot]
            if k < 0:
                table[slot] = found
                owner[found] = i
                codes[i] = found
                found += 1
                break
            o = owner[k]
            if keys[o, 0] == keys[i, 0] and keys[o, 1] == keys[i, 1]:
                codes[i] = k
                break
            slot = np.int64((slot + 1) & mask)
    return found


@compiled()
def hash_cells(cells: Any, weights: Any, out: Any) -> None:
    """64-bit keys of rows of integers, shape (n, d).

    A weighted sum (it vectorises; XOR would merge q and -q), then mixed.
    """
    for i in range(cells.shape[0]):
        line = cells[i]
        s = _U(0)
        for j in range(len(line)):
            s += _U(line[j]) * weights[j]
        out[i] = mix(s)


@compiled()
def densify_keys(keys: Any, table: Any, owner: Any, codes: Any) -> int:
    """Do as `densify` for 64-bit keys (n,) that are already mixed."""
    mask = np.int64(len(table) - 1)
    found = 0
    for i in range(len(keys)):
        key = keys[i]
        slot = np.int64(key & _U(mask))
        while True:
            k = table[slot]
            if k < 0:
                table[slot] = found
                owner[found] = key
                codes[i] = found
                found += 1
                break
            if owner[k] == key:
                codes[i] = k
                break
            slot = np.int64((slot + 1) & mask)
    return found


@compiled()
def joint_entropies(keys: Any, table: Any, other: Any, symbols: int) -> Any:
    """Return H(A), H(A,B) in bits and how many rows are alone with their key.

    A by mixed keys (n,), B by codes (n,) below ``symbols``; ``table`` as before.
    """
    n = len(keys)
    table[:] = -1
    codes = np.empty(n, np.int64)
    found = densify_keys(keys, table, np.empty(n, np.uint64), codes)
    counts, joint = np.zeros(found, np.int64), np.zeros(found * symbols, np.int64)
    for i in range(n):
        counts[codes[i]] += 1
        joint[codes[i] * symbols + other[i]] += 1
    alone = 0
    for c in counts:
        alone += c == 1
    return _entropy_of_counts(counts, n), _entropy_of_counts(joint, n), alone


@compiled(forceinline=True)
def _entropy_of_counts(counts: Any, n: int) -> float:
    """Of counts that add up to n, those of one left out or not, in bits.

    One logarithm for each different count.
    """
    most = 0
    for k in counts:  # counts.max() takes half a second to compile
        most = max(most, k)
    times = np.zeros(most + 1, np.int64)
    for k in counts:
        times[k] += 1
    total = 0.0
    for k in range(2, most + 1):
        if times[k]:
            total += times[k] * k * np.log2(k)
    return np.log2(n) - total / n
