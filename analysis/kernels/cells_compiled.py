"""Compiled loop of the bin rule `szt`: a guessed cell, put right by the edges themselves."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]  # numba has no types
def cells_between(z: Any, edges: Any, out: Any) -> None:
    """``searchsorted(edges, z, side="right") - 1`` for nearly even edges on [-1, 1] and finite values, shape (m,)."""
    last = len(edges) - 1
    scale = last / 2.0
    for i in range(len(z)):
        v = z[i]
        k = np.int32(min(max(np.floor((v + 1) * scale), -1), last))
        if k < last and v >= edges[k + 1]:
            k += 1
        elif k >= 0 and v < edges[k]:
            k -= 1
        out[i] = k
