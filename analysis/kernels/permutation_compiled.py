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


@compiled()
def exceedances(
    starts: Any, cells: Any, labels: Any, table: Any, first: int, last: int, seed: Any
) -> int:
    """Count the draws ``first`` to ``last`` whose table reaches the one of the rows themselves.

    A draw shuffles the labels within each stratum, by random numbers of its own (splitmix64 from
    its number), so that draws may be shared out.

    Args:
        starts: first place of every stratum, and the number of rows m at the end.
        cells: of the rows, sorted by stratum, the place in the table of their code and label 0,
            shape ``(m,)``.
        labels: shape ``(m,)``.
        table: flat, of the rows of all other strata, whose labels cannot move.
        first: number of the first draw.
        last: number after the last draw.
        seed: of all draws.
    """
    rows = len(cells)
    counts = table.copy()
    for row in range(rows):
        counts[cells[row] + labels[row]] += 1
    most = 0
    for cell in range(len(table)):
        most = max(most, table[cell] + rows)
    gain = np.zeros(most + 1)  # of n log n, by one more in a cell of n
    for n in range(1, most + 1):
        gain[n] = (n + 1) * np.log(n + 1) - n * np.log(n)
    observed = 0.0
    for cell in range(len(counts)):
        for n in range(table[cell], counts[cell]):
            observed += gain[n]
    reached = 0
    for draw in range(first, last):
        shuffled = labels.copy()
        state = mix(mix(_U(seed)) + _U(draw) * _STEP)
        counts[:] = table
        value = 0.0
        for stratum in range(len(starts) - 1):
            low = starts[stratum]
            for row in range(starts[stratum + 1] - 1, low - 1, -1):
                state += _STEP
                other = low + np.int64(((mix(state) >> _HALF) * _U(row - low + 1)) >> _HALF)
                cell = cells[row] + shuffled[other]
                shuffled[other] = shuffled[row]
                value += gain[counts[cell]]
                counts[cell] += 1
        if value >= observed - 1e-7:
            reached += 1
    return reached
