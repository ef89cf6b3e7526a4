"""Samples of which every row comes several times: copies are no evidence."""

from __future__ import annotations

import numpy as np

from infoplane.analysis.estimators.entropies import counts_of
from infoplane.analysis.estimators.near_copies import groups_of_size, near_copy_groups
from infoplane.analysis.estimators.quantisation import is_rounded
from infoplane.rows import codes_of, row_codes
from infoplane.types import Variable
from infoplane.types.arrays import Array, Codes, Ids, Mask

_CLEAR = 4.0
"""Standard deviations from which a difference is no chance."""
_MOST_DRAWS = 1.5
"""Draws for each row of the original: a bootstrap sample has one, give or take chance."""
_FEWEST = 20
"""Distinct rows below which equal counts are a matter of chance."""
_ROWS_PER_ATOM = 50
"""Rows for each row of an atom: what a fiftieth of all rows share is no copy."""
_ROWS_PER_COPY = 10
"""Distinct rows for each copy from which rows are points of a sample, not symbols that repeat."""


def without_copies(a: Variable, b: Variable) -> tuple[Variable, Variable, list[str]]:
    """Return each pair of rows once where all come equally often, and a note; else all rows.

    Such a sample (two passes over one probe, a dataset joined to itself) says no more than its
    distinct rows, but neighbours, held-out rows and errors would take the copies for evidence. Two
    discrete variables are left as they are: symbols repeat. So are rows of which a symbol would be
    alone without its copies.

    Args:
        a: shape ``(n, da)``.
        b: shape ``(n, db)``.
    """
    exact = exact_copy_groups(a, b)
    groups = near_copy_groups([a, b]) if exact is None else exact
    if groups is None:
        return a, b, []
    rows = np.sort(first_of_every(groups))
    once_a = a.take(rows)
    once_b = b.take(rows)
    if _lonely(once_a) > _lonely(a) or _lonely(once_b) > _lonely(b):
        return a, b, []
    times = f"{a.n // len(rows)} times"
    if exact is None:
        times += " up to tiny differences"
    return once_a, once_b, [f"every row comes {times}, counted once: {len(rows)} rows"]


def copy_groups(*variables: Variable) -> Codes | None:
    """Return which rows are one row of a sample, exactly or nearly, where all come equally often.

    See `exact_copy_groups` and `near_copy_groups`.

    Args:
        variables: paired rows, shape ``(n, dim)`` each.

    Returns:
        Shape ``(n,)``; None where there are no copies.
    """
    exact = exact_copy_groups(*variables)
    return near_copy_groups(variables) if exact is None else exact


def exact_copy_groups(*variables: Variable) -> Codes | None:
    """Return which rows are one row of a sample, shape ``(n,)``, where all come equally often.

    Rows of one number 0..K-1 are equal in all variables. None where there are no copies, where rows
    are so few that equal counts are chance, and of discrete variables alone: symbols repeat.

    Args:
        variables: paired rows, shape ``(n, dim)`` each.
    """
    if all(v.kind == "discrete" for v in variables):
        return None
    if any(_common_count(v.values[:, 0]) == 1 for v in variables):
        return None  # found without reading the other units
    return groups_of_codes(row_codes(np.column_stack([codes_of(v) for v in variables])))


def groups_of_codes(codes: Codes) -> Codes | None:
    """Return `copy_groups` of rows that are equal where their dense codes are, shape ``(n,)``."""
    times = int(np.gcd.reduce(counts_of(codes)))
    distinct = len(codes) // times
    if times == 1 or distinct < max(_FEWEST, _ROWS_PER_COPY * times):
        return None
    return groups_of_size(codes, times)


def first_of_every(groups: Codes) -> Ids:
    """Return the first row of each of K groups, shape ``(K,)``."""
    return np.unique(groups, return_index=True)[1]


def without_repeats(a: Variable, b: Variable) -> tuple[Variable, Variable, list[str]]:
    """Return rows without those that repeat another in both variables, and a note.

    Of two continuous variables, a row repeats another where both values are equal, and neither
    value comes with any other partner: that is a copy, not a rounding. Its two distances of 0 make
    it the nearest neighbour. A value that more than a fiftieth of all rows share is an atom and
    stays. Of a layer and labels see `_copies_beside_labels`.

    Args:
        a: shape ``(n, da)``.
        b: shape ``(n, db)``.
    """
    groups = groups_of_repeats(a, b)
    if groups is None:
        return a, b, []
    rows = np.sort(first_of_every(groups))
    note = f"{a.n - len(rows)} rows that repeat another in both variables left out"
    return a.take(rows), b.take(rows), [note]


def groups_of_repeats(a: Variable, b: Variable, *, fewest_in_atom: int = 1) -> Codes | None:
    """Return which rows are one row that was repeated, shape ``(n,)``; None where none was.

    See `without_repeats`. Rows of one number 0..K-1 are copies of one another.

    Args:
        a: shape ``(n, da)``.
        b: shape ``(n, db)``.
        fewest_in_atom: rows that make an atom of a value, however few rows there are.
    """
    if a.kind == b.kind == "discrete":
        return None
    most = max(a.n // _ROWS_PER_ATOM, fewest_in_atom)
    codes_a = codes_of(a)
    codes_b = codes_of(b)
    pairs = row_codes(np.column_stack([codes_a, codes_b]))
    if "discrete" not in (a.kind, b.kind):
        together = counts_of(pairs)[pairs]
        in_a = counts_of(codes_a)[codes_a]
        in_b = counts_of(codes_b)[codes_b]
        copied = (together == in_a) & (together == in_b) & (together > 1)
        copied &= together <= most
    elif b.kind == "discrete":
        copied = _copies_beside_labels(a.values, codes_a, codes_b, most)
    else:
        copied = _copies_beside_labels(b.values, codes_b, codes_a, most)
    if not copied.any():
        return None
    alone = int(pairs.max()) + 1 + np.arange(a.n)
    return np.unique(np.where(copied, pairs, alone), return_inverse=True)[1].reshape(-1)


def _copies_beside_labels(values: Array, codes: Codes, labels: Codes, most: int) -> Mask:
    """Return which rows are copies of one another, shape ``(n,)``, as of a bootstrap sample.

    Every value that repeats has one label, the values are not rounded, they come no oftener and no
    more unevenly than rows of a bootstrap sample, and no label has more copies than others. So of
    rounded values with different labels, of units that saturate for one label, and of embedded
    tokens that come many times, nothing is left out.

    Args:
        values: of the layer, shape ``(n, dim)``.
        codes: dense codes of its rows, shape ``(n,)``.
        labels: dense codes, shape ``(n,)``.
        most: rows of a value that is no atom.
    """
    times = counts_of(codes)
    copied = (times[codes] > 1) & (times[codes] <= most)
    none = np.zeros(len(codes), np.bool_)
    repeated = np.unique(codes[copied])
    if len(repeated) < _FEWEST:
        return none
    values_and_labels = np.unique(np.column_stack([codes[copied], labels[copied]]), axis=0)
    if len(values_and_labels) > len(repeated):
        return none
    if any(is_rounded(column) for column in values.T):
        return none
    first = np.unique(codes, return_index=True)[1]
    if not _as_drawn(times) or _depends_on(labels, labels[first]):
        return none
    return copied


def _as_drawn(times: Codes) -> bool:
    """Return whether rows come as often as in a bootstrap sample: one draw for each, or fewer.

    A Poisson law of mean m has m^2 ordered pairs and m^3 triples of draws for each row.
    """
    rows = float(times.sum())
    pairs = float((times * (times - 1)).sum())
    triples = float((times * (times - 1) * (times - 2)).sum())
    expected = pairs**2 / rows
    evenly = triples <= expected + _CLEAR * np.sqrt(6 * expected + 6)
    return bool(evenly) and pairs <= _MOST_DRAWS * rows


def _depends_on(labels: Codes, of_distinct: Codes) -> bool:
    """Return whether some label has clearly more or fewer copies than the others."""
    count = int(labels.max()) + 1
    rows = np.bincount(labels, minlength=count)
    left_out = rows - np.bincount(of_distinct, minlength=count)
    share = rows / rows.sum()
    expected = left_out.sum() * share
    scatter = np.sqrt(2 * expected * (1 - share) + 1)
    return bool((np.abs(left_out - expected) > _CLEAR * scatter).any())


def _common_count(values: Array) -> int:
    """Return the greatest number that divides how often each value of ``(n,)`` comes."""
    return int(np.gcd.reduce(np.unique(values, return_counts=True)[1]))


def _lonely(v: Variable) -> int:
    """Return how many rows have a symbol of their own; 0 of continuous values."""
    if v.kind != "discrete":
        return 0
    return int((counts_of(codes_of(v)) == 1).sum())
