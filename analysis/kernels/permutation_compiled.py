"""Compiled loop of the conditional permutation test.

Labels shuffled within strata, the joint table recounted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from infoplane.jit import compiled
from infoplane.rows_compiled import mix

_U = np.uint64
_STEP = _U(0x9E3779B97F4A7C15)
_HALF = _U(32)
_ROUNDING = 1e-7
"""By which sums of one table may differ with the order of their terms."""


@compiled()
def exceedances(
    starts: Any, cells: Any, labels: Any, table: Any, first: int, last: int, seed: Any
) -> int:
    """Count the draws ``first`` to ``last`` whose table reaches the one of the rows themselves.

    A draw shuffles the labels within each stratum, by random numbers of its own (splitmix64 from
    its number), so that draws may be shared out.

    Args:
        starts: first row of every stratum, then the number of rows m, shape ``(strata + 1,)``.
        cells: where the table counts the code of a row with label 0; rows are sorted by stratum,
            shape ``(m,)``.
        labels: shape ``(m,)``.
        table: flat counts of the rows of all other strata, whose labels cannot move, shape
            ``(codes * labels,)``.
        first: number of the first draw.
        last: number after the last draw.
        seed: of all draws.
    """
    counts = table.copy()
    for row in range(len(cells)):
        counts[cells[row] + labels[row]] += 1
    gains = gains_of_counts(table.max() + len(cells))
    observed = 0.0
    for cell in range(len(counts)):
        for count in range(table[cell], counts[cell]):
            observed += gains[count]
    reached = 0
    for draw in range(first, last):
        counts[:] = table
        state = mix(mix(_U(seed)) + _U(draw) * _STEP)
        if (
            value_of_draw(starts, cells, labels.copy(), counts, gains, state)
            >= observed - _ROUNDING
        ):
            reached += 1
    return reached


@compiled(forceinline=True)
def gains_of_counts(most: int) -> Any:
    """Return what one more row in a cell of n adds to n log n, for n from 0, ``(most + 1,)``."""
    gains = np.zeros(most + 1)
    for count in range(1, most + 1):
        gains[count] = (count + 1) * np.log(count + 1) - count * np.log(count)
    return gains


@compiled(forceinline=True)
def value_of_draw(
    starts: Any, cells: Any, labels: Any, counts: Any, gains: Any, state: Any
) -> float:
    """Shuffle the labels within each stratum; return what the rows add to the sum of n log n.

    Args:
        starts: as in `exceedances`, shape ``(strata + 1,)``.
        cells: likewise, shape ``(m,)``.
        labels: shuffled here, shape ``(m,)``.
        counts: the flat table without these rows; they are counted in here.
        gains: of `gains_of_counts`.
        state: of the random numbers.
    """
    value = 0.0
    for stratum in range(len(starts) - 1):
        begin = starts[stratum]
        for row in range(starts[stratum + 1] - 1, begin - 1, -1):
            state += _STEP
            other = begin + np.int64(((mix(state) >> _HALF) * _U(row - begin + 1)) >> _HALF)
            cell = cells[row] + labels[other]
            labels[other] = labels[row]
            value += gains[counts[cell]]
            counts[cell] += 1
    return value
