"""Samples of which every row comes several times: copies are no evidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.estimators.entropies import counts_of
from infoplane.rows import codes_of, row_codes
from infoplane.types import Variable

_FEWEST = 20
"""Distinct rows below which equal counts are a matter of chance."""
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
    if a.kind == b.kind == "discrete":
        return a, b, []
    pairs = row_codes(np.column_stack([codes_of(a), codes_of(b)]))
    counts = counts_of(pairs)
    times = int(np.gcd.reduce(counts))
    distinct = len(pairs) // times
    if times == 1 or distinct < max(_FEWEST, _ROWS_PER_COPY * times):
        return a, b, []
    rows = _first_of_every(pairs, times)
    once_a, once_b = a.take(rows), b.take(rows)
    if any(_lonely(once) > _lonely(all_rows) for once, all_rows in ((once_a, a), (once_b, b))):
        return a, b, []
    return once_a, once_b, [f"every row comes {times} times, counted once: {distinct} rows"]


def _first_of_every(codes: NDArray[np.int64], times: int) -> NDArray[np.int64]:
    """Return every ``times``-th row of equal codes, ascending."""
    order = np.argsort(codes, kind="stable")
    counts = counts_of(codes)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    occurrence = np.arange(len(codes)) - starts
    return np.sort(order[occurrence % times == 0])


def _lonely(v: Variable) -> int:
    """Return how many rows have a symbol of their own; 0 of continuous values."""
    return int((counts_of(codes_of(v)) == 1).sum()) if v.kind == "discrete" else 0
