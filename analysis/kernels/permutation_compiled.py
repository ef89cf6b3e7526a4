"""Compiled loop of the conditional permutation test.

Labels shuffled within strata, the joint table recounted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from infoplane.jit import compiled
from infoplane.rows_compiled import mix

_U = np.uint64
_STEP, _HALF, _LOW = _U(0x9E3779B97F4A7C15), _U(32), _U(0xFFFFFFFF)


@compiled()
def exceedances(
    starts: Any, cells: Any, labels: Any, table: Any, first: int, last: int, seed: Any
) -> int:
    """Count the draws ``first`` to ``last`` whose table reaches the one of the rows themselves.

    A draw shuffles the labels within each stratum, by random numbers of its own (splitmix64 from
    its number), so that draws may be shared out.

    starts: first place of every stratum, and the number of rows m at the end. cells: of the rows,
    sorted by stratum, place in the table of their code and label 0, shape (m,). labels: shape (m,).
    table: flat, of the rows of all other strata, whose labels cannot move.
    """
    m, most = len(cells), 0
    counts = table.copy()
    for i in range(m):
        counts[cells[i] + labels[i]] += 1
    for k in range(len(counts)):
        most = max(most, table[k] + m)
    gain = np.zeros(most + 1)  # of n log n, by one more in a cell of n
    for k in range(1, most + 1):
        gain[k] = (k + 1) * np.log(k + 1) - k * np.log(k)
    observed = 0.0
    for k in range(len(counts)):
        for n in range(table[k], counts[k]):
            observed += gain[n]
    reached = 0
    for draw in range(first, last):
        y, state = labels.copy(), mix(mix(_U(seed)) + _U(draw) * _STEP)
        counts[:] = table
        value = 0.0
        for s in range(len(starts) - 1):
            low = starts[s]
            for i in range(starts[s + 1] - 1, low - 1, -1):
                state += _STEP
                j = low + np.int64(((mix(state) >> _HALF) * _U(i - low + 1)) >> _HALF)
                k = cells[i] + y[j]
                y[j] = y[i]
                value += gain[counts[k]]
                counts[k] += 1
        if value >= observed - 1e-7:
            reached += 1
    return reached
