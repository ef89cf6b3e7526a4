"""Compiled loop of the conditional permutation test: labels shuffled within strata, the joint table recounted."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]  # numba has no types
def exceedances(order: Any, starts: Any, codes: Any, labels: Any, n_labels: int, n_codes: int, draws: int, seed: int) -> int:
    """How many of ``draws`` shuffles of ``labels`` within strata reach the observed ``sum n log n`` of the (codes, labels) table.

    order: rows sorted by stratum; starts: first place of every stratum, and n at the end.
    """
    np.random.seed(seed)
    n = len(order)
    logs = np.zeros(n + 1)
    for k in range(2, n + 1):
        logs[k] = k * np.log(k)
    table = np.zeros(n_codes * n_labels, np.int64)
    y = np.empty(n, np.int64)
    t = np.empty(n, np.int64)
    for i in range(n):
        y[i] = labels[order[i]]
        t[i] = codes[order[i]] * n_labels
        table[t[i] + y[i]] += 1
    observed = 0.0
    for k in range(len(table)):
        observed += logs[table[k]]
    reached = 0
    for _ in range(draws):
        for s in range(len(starts) - 1):
            low, high = starts[s], starts[s + 1]
            for i in range(high - 1, low, -1):
                j = low + np.random.randint(0, i - low + 1)
                y[i], y[j] = y[j], y[i]
        table[:] = 0
        value = 0.0
        for i in range(n):
            k = t[i] + y[i]
            value += logs[table[k] + 1] - logs[table[k]]
            table[k] += 1
        if value >= observed - 1e-7:
            reached += 1
    return reached
