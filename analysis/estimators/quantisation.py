"""Spread values that rounding has tied over the cells that they were rounded to."""

from __future__ import annotations

import numpy as np

from infoplane.types.arrays import Array, Codes, Counts, Floats, Ids, Keys, Mask

FEW_LEVELS = 32
"""A column with at most so many values is read as symbols: its ties are atoms."""
_WINDOW = 8
_STANDS_OUT = 5.0
_NEAR = 0.02
_REGULAR = 0.5


def spread_ties(
    values: Floats, keys: Keys, k: int, *, few_levels: bool = False
) -> tuple[Floats, int]:
    """Replace rounded values by values that are uniform within their rounding cell.

    A column counts as rounded where values tie, more than `FEW_LEVELS` of them differ, and the gaps
    between them are multiples of a local spacing: half precision, decimals, integers, 8-bit pixels.
    A cell can be told from every value in it, so that spreading changes no mutual information; the
    ties that mislead neighbours are gone. An atom stays where it is: a value that more than k rows
    share and that stands out of its surroundings, such as the zero behind a ReLU.

    Args:
        values: shape ``(n, dim)``.
        keys: shape ``(n,)``; a digest of every row, from which its place in the cell is drawn.
        k: neighbours; more rows than that at one value can be an atom.
        few_levels: whether columns of few values are spread as well.

    Returns:
        The values, shape ``(n, dim)``, and how many columns were spread.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(1000, 1)).round(1)
        >>> spread, columns = spread_ties(x, np.arange(1000, dtype=np.uint64), 5)
        >>> columns, len(np.unique(spread)), int((spread.round(1) != x).sum())
        (1, 1000, 3)
    """
    spread = values
    columns = 0
    for column in _tied_columns(values):
        cells = _cells(values[:, column], k, 1 if few_levels else FEW_LEVELS)
        if cells is None:
            continue
        if not columns:
            spread = values.copy()
        left, right = cells
        spread[:, column] += uniform_of_keys(keys, column) * (left + right) - left
        columns += 1
    return spread, columns


def is_rounded(column: Array) -> bool:
    """Return whether the gaps between a column's values, ``(n,)``, are multiples of a spacing."""
    gaps = np.diff(np.unique(column).astype(np.float64))
    return bool(len(gaps)) and _is_regular(gaps, _local_minimum(gaps))


def row_keys(own: Keys, other: Keys) -> Keys:
    """Digest every row of a pair of variables: the same whatever the order of the rows.

    Args:
        own: shape ``(n,)``; digests of the rows of the variable that is spread.
        other: shape ``(n,)``; digests of the rows of its partner.

    Equal pairs of rows differ by how many came before them.
    """
    with np.errstate(over="ignore"):
        salt = own.sum(dtype=np.uint64)  # the two sides of a pair of variables draw differently
        pair = _mixed(own + salt) + np.uint64(0x9E3779B97F4A7C15) * _mixed(other)
        return _mixed(pair) + occurrences(pair)


def class_keys(codes: Codes, other: Keys) -> Keys:
    """Digest classes by the rows that they hold, so that renumbering them changes nothing.

    Args:
        codes: shape ``(n,)``; dense codes of the classes.
        other: shape ``(n,)``; digests of the rows of the other variable.
    """
    return sum_by_symbol(codes, _mixed(other))


def sum_by_symbol(codes: Codes, keys: Keys) -> Keys:
    """Sum keys over the rows of each row's symbol, modulo 2^64, shape ``(n,)``."""
    sums = np.zeros(int(codes.max()) + 1, np.uint64)
    np.add.at(sums, codes, keys)
    return sums[codes]


def _tied_columns(values: Floats) -> Ids:
    ascending = np.sort(values, axis=0)
    return np.flatnonzero((ascending[1:] == ascending[:-1]).any(axis=0))


def _cells(column: Floats, k: int, most_symbols: int) -> tuple[Floats, Floats] | None:
    """Return how far the rounding cell of every row reaches to either side, ``(n,)``; 0 at atoms.

    Args:
        column: shape ``(n,)``.
        k: neighbours.
        most_symbols: values up to which a column is symbols.

    Returns:
        None where the values lie on no lattice.
    """
    levels, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
    if len(levels) <= most_symbols:
        return None
    gaps = np.diff(levels)
    spacing = _local_minimum(gaps)  # (levels - 1,)
    if not _is_regular(gaps, spacing):
        return None
    whole = np.where(gaps <= 2.5 * spacing, gaps, spacing)
    left = np.r_[whole[0], whole] / 2  # (levels,)
    right = np.r_[whole, whole[-1]] / 2
    atoms = _stand_out(counts, left + right, k)
    if (counts[~atoms] == 1).all():
        return None
    left[atoms] = right[atoms] = 0.0
    rows = inverse.reshape(-1)
    return left[rows], right[rows]


def _is_regular(gaps: Floats, spacing: Floats) -> bool:
    """Return whether gaps are multiples of the smallest nearby, as no density makes them."""
    ratio = gaps / spacing
    return bool((np.abs(ratio - np.round(ratio)) < _NEAR).mean() >= _REGULAR)


def _stand_out(counts: Counts, widths: Floats, k: int) -> Mask:
    """Return which levels hold far more rows than the density around them explains."""
    near = _window_sum(counts.astype(np.float64)) - counts
    room = _window_sum(widths) - widths
    expected = near / room * widths
    return (counts > k) & (counts > _STANDS_OUT * (expected + 1))


def _local_minimum(gaps: Floats) -> Floats:
    return _windows(gaps, np.inf).min(axis=1)


def _window_sum(values: Floats) -> Floats:
    return _windows(values, 0.0).sum(axis=1)


def _windows(values: Floats, beyond: float) -> Floats:
    """Return every value with those around it, ``(m,)`` to ``(m, window)``; ``beyond`` outside."""
    padded = np.pad(values, _WINDOW, constant_values=beyond)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * _WINDOW + 1)


def occurrences(keys: Keys | Codes) -> Keys:
    """Return how many equal keys stand before each, shape ``(n,)``."""
    order = np.argsort(keys, kind="stable")
    ascending = keys[order]
    starts = np.flatnonzero(np.r_[True, ascending[1:] != ascending[:-1]])
    lengths = np.diff(np.r_[starts, len(keys)])
    found = np.empty(len(keys), np.uint64)
    found[order] = (np.arange(len(keys)) - np.repeat(starts, lengths)).astype(np.uint64)
    return found


def uniform_of_keys(keys: Keys, column: int) -> Floats:
    """Return pseudo-random numbers in (0, 1) that belong to keys and a column, shape ``(n,)``.

    Args:
        keys: shape ``(n,)``.
        column: its number; each draws anew.
    """
    with np.errstate(over="ignore"):
        drawn = _mixed(keys + np.uint64(column + 1) * np.uint64(0xD1342543DE82EF95))
    return ((drawn >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _mixed(keys: Keys) -> Keys:
    """Scatter bits by the finaliser of SplitMix64, a bijection (Steele, Lea and Flood 2014)."""
    with np.errstate(over="ignore"):
        mixed = keys + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))
