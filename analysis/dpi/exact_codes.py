"""Exact codes along a certified chain; rounding is separated from leaks.

A float32 matrix product is not row-deterministic: equal rows may leave a layer differing in the
last bit. Two rows share a code at layer j when they are bitwise equal there, or share a code at a
layer that cuts X from j while their values at j agree within rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.estimators.entropies import counts_of, joint_counts
from infoplane.types import entropy_of_counts
from infoplane.types.arrays import Codes

ROUNDING = 1e-5
"""Relative to the layer's largest absolute value."""
_BEYOND_ROUNDING = 100
"""Times the tolerance, of a unit's own largest value, by which rounding alone moves few rows."""


@dataclass(frozen=True)
class Leak:
    """What the codes of a downstream layer say that those of its upstream layer do not.

    H(T_j|T_i) split by cause.

    Attributes:
        surplus_bits: H(T_j|T_i), bitwise.
        leak_bits: the part of it beyond rounding; above 0 the chain is broken.
        joined: rows whose code differs from their group's by rounding only.
        example: two row numbers that share the upstream code and truly differ downstream.
        in_small_units: how many of ``joined`` differ by little for the layer, but by much for the
            unit in which they differ: rounding, or a leak into a unit of tiny values.
    """

    surplus_bits: float
    leak_bits: float
    joined: int
    example: tuple[int, int] | None
    in_small_units: int = 0


NO_LEAK = Leak(0.0, 0.0, 0, None)
"""Of a layer whose codes follow from those upstream."""


def conditional_entropy_bits(b: Codes, a: Codes) -> float:
    """Return H(B|A) = H(A,B) - H(A) in bits of dense codes, shape ``(n,)``.

    Exactly 0 where every symbol of A has one symbol of B.
    """
    counts = counts_of(a)
    if len(counts) == len(a):  # A tells every row apart
        return 0.0
    pairs = joint_counts(a, b)
    if np.count_nonzero(pairs) == np.count_nonzero(counts):
        return 0.0
    return entropy_of_counts(pairs) - entropy_of_counts(counts)


def leak(
    upstream: Codes,
    downstream: Codes,
    z: NDArray[np.floating] | None,
    *,
    tolerance: float = ROUNDING,
) -> Leak:
    """Compare bitwise codes of two layers.

    Args:
        upstream, downstream: codes, each of shape ``(n,)``.
        z: the values downstream, shape ``(n, dim)``. Without them (a reduced layer) rounding cannot
            be told from a leak: ``leak_bits`` is then 0 and ``joined`` counts the rows in doubt.
        tolerance: relative to the largest value, by which rounding may move a value.
    """
    surplus = conditional_entropy_bits(downstream, upstream)
    if surplus <= 0:
        return NO_LEAK
    first = np.full(int(upstream.max()) + 1, -1, np.int64)
    first[upstream[::-1]] = np.arange(len(upstream))[::-1]
    head = first[upstream]
    differs = np.flatnonzero(downstream != downstream[head])
    if z is None:
        return Leak(surplus, 0.0, len(differs), None)
    scale = float(np.abs(z).max()) or 1.0
    moved = z[differs].astype(np.float64) - z[head[differs]].astype(np.float64)
    far = np.abs(moved).max(axis=1) > tolerance * scale
    of_unit = np.abs(z).max(axis=0).astype(np.float64)  # (dim,)
    far_in_unit = (np.abs(moved) > _BEYOND_ROUNDING * tolerance * of_unit).any(axis=1)
    joined = downstream.copy()
    joined[differs[~far]] = downstream[head[differs[~far]]]
    true_leak = conditional_entropy_bits(joined, upstream)
    example = (int(head[differs[far][0]]), int(differs[far][0])) if far.any() else None
    in_small_units = int((far_in_unit & ~far).sum())
    return Leak(surplus, true_leak, int((~far).sum()), example, in_small_units)
