"""Compiled loops over rows. Imported only when a row is hashed, because numba takes a while to load; machine code is cached on disk."""

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


_SPREAD = 8
"""Places over which counts of one, most of them where cells are fine and none of which says anything, are spread: none waits for the last to be stored."""
LANES, TILE = 64, 32  # as many lanes as `rows.DIGESTED` says
"""Rows hashed side by side, so that the loop over them is a vector loop; columns turned over at a time, so that the turned tile stays in cache."""


@inlined()
def _begin(a: Any, b: Any, d: int) -> None:
    """Both halves of the digests of rows of d words, before the first."""
    for r in range(LANES):
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
    """128-bit digests of rows of words, shape (n, d) of unsigned integers, into ``out`` of shape (n, 2); returns whether any word may not be finite.

    ``tile`` (TILE, LANES) of the type of ``bits``, ``a`` and ``b`` (LANES,) are room to work in: a loop that makes its own takes half again as long to
    compile. Canonical first: the word ``zero`` (the sign bit alone) becomes 0, a word above ``infinity`` apart from its sign becomes ``nan``.
    """
    n, d = bits.shape
    magnitude, large = ~zero, _U(0)
    for first in range(0, n, LANES):
        here = min(LANES, n - first)
        _begin(a, b, d)
        for left in range(0, d, TILE):
            wide = min(TILE, d - left)
            for r in range(here):
                row = bits[first + r, left : left + wide]
                for j in range(wide):
                    tile[j, r] = row[j]
            for j in range(wide):
                column = tile[j]
                for r in range(LANES):
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
def digest_pairs(
    bits: Any, zero: Any, infinity: Any, nan: Any, tile: Any, a: Any, b: Any, out: Any
) -> bool:
    """`digest` of an even number of 32-bit words, taken two at a time.

    Half of the copies and of the loads. ``tile`` is of 64-bit words.
    """
    n, d = bits.shape
    pairs, words = bits.view(np.uint64), tile.view(np.uint32)
    nothing, minus, above, one = np.uint32(0), np.uint32(zero), np.uint32(infinity), np.uint32(nan)
    magnitude, low, half = np.uint32(~zero), _U(0xFFFFFFFF), _U(32)
    carry, seen = (
        np.uint32(minus - above),
        np.uint32(0),
    )  # from infinity on a magnitude and this carry over into the sign
    for first in range(0, n, LANES):
        here = min(LANES, n - first)
        _begin(a, b, d)
        for left in range(0, d // 2, TILE):
            wide = min(TILE, d // 2 - left)
            for r in range(here):
                row = pairs[first + r, left : left + wide]
                for j in range(wide):
                    tile[j, r] = row[j]
            for j in range(wide):
                line = words[j]
                for r in range(2 * LANES):
                    w = line[r]
                    w = nothing if w == minus else w
                    m = np.uint32(
                        w & magnitude
                    )  # numba takes it for 64 bits otherwise, at half the speed, here and below
                    line[r] = one if m > above else w
                    seen = np.uint32(seen | np.uint32(m + carry))
            for j in range(wide):
                column = tile[j]
                for r in range(LANES):
                    v = column[r] & low
                    x = (a[r] ^ v) * _K3
                    x ^= x >> _S29
                    y = (b[r] + v) * _K2
                    y ^= y >> _S31
                    v = column[r] >> half
                    x = (x ^ v) * _K3
                    a[r] = x ^ (x >> _S29)
                    y = (y + v) * _K2
                    b[r] = y ^ (y >> _S31)
        _end(a, b, out[first : first + here])
    return bool(seen >= minus)


@compiled()
def densify(keys: Any, table: Any, owner: Any, codes: Any) -> int:
    """Return dense codes of 128-bit keys (n, 2) by open addressing in ``table`` (a power of two, filled with -1); returns how many there are."""
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
    """As `densify`, for 64-bit keys (n,) that are already mixed."""
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
def count_keys(keys: Any, table: Any, owner: Any, counts: Any) -> int:
    """Return how often each mixed 64-bit key of (n,) occurs, into the first places of ``counts`` (n,).

    Returns how many keys there are.
    """
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
                counts[found] = 1
                found += 1
                break
            if owner[k] == key:
                counts[k] += 1
                break
            slot = np.int64((slot + 1) & mask)
    return found


@compiled()
def repeated_rows(keys: Any, seen: Any, left: Any) -> int:
    """Return rows of 64-bit keys (n,) that may share theirs, in order, into the first places of ``left`` (n,); returns how many.

    All rows that share a key are among them, and few that do not: two looks, at different bits, at a table ``seen`` of bytes, a power of two long,
    without a branch. The upper bits of the keys are looked at, so that a weighted sum need not be mixed first.
    """
    two, shift, size = np.uint8(2), _U(64), len(seen)
    while size > 1:
        size //= 2
        shift -= _U(1)
    seen[:] = 0
    for i in range(len(keys)):
        slot = keys[i] >> shift
        seen[slot] = min(np.uint8(seen[slot] + np.uint8(1)), two)
    found = 0
    for i in range(len(keys)):
        left[found] = i
        found += seen[keys[i] >> shift] == two
    size = 16
    while size < 8 * found and size < len(seen):
        size *= 2
    again, mask, below = seen[:size], _U(size - 1), max(_U(2) * shift, _U(64)) - _U(64)
    again[:] = 0
    for k in range(found):
        slot = (keys[left[k]] >> below) & mask
        again[slot] = min(np.uint8(again[slot] + np.uint8(1)), two)
    some, found = found, 0
    for k in range(some):
        row = left[k]
        left[found] = row
        found += again[(keys[row] >> below) & mask] == two
    return found


@compiled()
def entropy_of_keys(keys: Any, table: Any, n: int) -> float:
    """Return plug-in entropy in bits of n rows, by the mixed 64-bit keys of all that are not alone with theirs, and of any others.

    By way of a ``table`` that is a power of two long, more than the keys; one logarithm for each different count.
    """
    if len(keys) == 0:
        return np.log2(n)
    size = 16
    while size < 2 * len(keys):
        size *= 2
    table = table[:size]
    table[:] = -1
    counts = np.empty(len(keys), np.int64)
    found = count_keys(keys, table, np.empty(len(keys), np.uint64), counts)
    return _entropy_of_counts(counts[:found], n)


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
    times = np.zeros(most + 1 + _SPREAD, np.int64)
    for i in range(len(counts)):
        k = counts[i]
        times[k if k > 1 else most + 1 + i % _SPREAD] += 1
    total = 0.0
    for k in range(2, most + 1):
        if times[k]:
            total += times[k] * k * np.log2(k)
    return np.log2(n) - total / n
