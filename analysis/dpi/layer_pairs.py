"""Pairs of layers, compared all at once.

What the numbers alone decide, and the excesses that need a closer look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.dpi.evidence import Evidence, law_of_pairs
from infoplane.analysis.dpi.layer_laws import tolerance_bits
from infoplane.analysis.units import carries_bits
from infoplane.columns import objects_of
from infoplane.grids import Grid
from infoplane.types import Finding, Verdict

CHECKPOINTS_AT_ONCE = 1 << 20
"""Pairs of numbers that are compared at a time."""


class Excess(NamedTuple):
    """Two points of the plane, by their places in it, whose numbers break the inequality."""

    upstream: int
    downstream: int


LISTED_PAIRS = 5000
"""Of more pairs of layers that cannot be compared none gets a finding of its own: a hundred layers
have as many.
"""


@dataclass(frozen=True)
class ComparisonGroup:
    """The pairs of one checkpoint, estimator, quantity and sense: Holm corrects within it.

    Attributes:
        step, estimator, quantity, sense: of every pair.
        comparable: number of pairs that may be compared.
        excesses: those that exceed the tolerance.
    """

    step: int
    estimator: str
    quantity: str
    sense: str
    comparable: int
    excesses: tuple[Excess, ...]


@dataclass(frozen=True)
class Compared:
    """Every pair of layers at every checkpoint.

    Attributes:
        pairs: number of pairs.
        settled: those that cannot be judged, whatever their excess.
        groups: those with an excess, by checkpoint.
        unlisted: comparisons that cannot be made and are only counted, see `LISTED_PAIRS`.
    """

    pairs: int
    settled: list[Finding]
    groups: list[ComparisonGroup]
    unlisted: int = 0


@dataclass(frozen=True)
class _Pairs:
    """The pairs of layers of a plane, upstream first; P of them.

    Attributes:
        names: of both layers.
        up, down: columns of a grid, shape ``(P,)``.
        reasons: why a pair cannot be compared; empty where it can.
        comparable: shape ``(P,)``.
    """

    names: list[tuple[str, str]]
    up: NDArray[np.intp]
    down: NDArray[np.intp]
    reasons: list[str]
    comparable: NDArray[np.bool_]


def _pairs_of(evidence: Evidence) -> _Pairs:
    layers = evidence.plane.layers
    up, down = np.triu_indices(len(layers), 1)
    names = [(layers[i], layers[j]) for i, j in zip(up, down, strict=True)]
    reasons = [evidence.incomparable(*pair) for pair in names]
    return _Pairs(names, up, down, reasons, np.array([not reason for reason in reasons], np.bool_))


def compare_numbers(evidence: Evidence, grids: Sequence[Grid]) -> Compared:
    """Do steps 1 to 3 of docs/verdicts.md.

    Not comparable, both at the ceiling, within tolerance.
    """
    plane = evidence.plane
    pairs = _pairs_of(evidence)
    block = max(CHECKPOINTS_AT_ONCE // max(len(pairs.names), 1), 1)
    number, unlisted, settled, groups = 0, 0, list[Finding](), list[ComparisonGroup]()
    for grid in grids:
        if evidence.traits(grid.estimator).dpi_exempt or not carries_bits(plane, grid.estimator):
            continue
        for first in range(0, len(plane.steps), block):
            part = _compare_block(evidence, grid, pairs, slice(first, first + block))
            number += part.pairs
            unlisted += part.unlisted
            settled += part.settled
            groups += part.groups
    groups.sort(key=lambda group: group.step)
    return Compared(number, settled, groups, unlisted)


def _compare_block(evidence: Evidence, grid: Grid, pairs: _Pairs, rows: slice) -> Compared:
    """Compare S checkpoints of one grid at once, P pairs each."""
    steps = evidence.plane.steps[rows]
    at, bits, saturated = grid.at[rows], grid.bits[rows], grid.saturated[rows]  # (S, layers)
    has_ceiling = (
        grid.quantity == "i_xz" and evidence.traits(grid.estimator).family != "exact codes"
    )
    tolerance = tolerance_bits(evidence.plane, grid.estimator)

    there = (at[:, pairs.up] >= 0) & (at[:, pairs.down] >= 0)  # (S, P)
    comparable = there & pairs.comparable
    both_full = comparable & has_ceiling & saturated[:, pairs.up] & saturated[:, pairs.down]
    excess = bits[:, pairs.down] - bits[:, pairs.up]
    exceeding = comparable & ~both_full & (excess > tolerance)

    apart = there & ~comparable
    unlisted = 0
    if len(pairs.names) - np.count_nonzero(pairs.comparable) > LISTED_PAIRS:
        unlisted, apart = int(np.count_nonzero(apart)), np.zeros_like(apart)
    settled = _findings(
        grid, steps, pairs.names, excess, apart, "not comparable", pairs.reasons.__getitem__
    )
    settled += _findings(
        grid, steps, pairs.names, excess, both_full, "untestable", _full(grid, pairs.names)
    )
    groups = []
    for row in np.flatnonzero(exceeding.any(axis=1)):
        which = np.flatnonzero(exceeding[row])
        ups, downs = at[row, pairs.up[which]].tolist(), at[row, pairs.down[which]].tolist()
        groups.append(
            ComparisonGroup(
                step=steps[row],
                estimator=grid.estimator,
                quantity=grid.quantity,
                sense=grid.sense,
                comparable=int(np.count_nonzero(comparable[row])),
                excesses=tuple(map(Excess, ups, downs)),
            )
        )
    return Compared(int(np.count_nonzero(there)), settled, groups, unlisted)


def _full(grid: Grid, names: Sequence[tuple[str, str]]) -> Callable[[int], str]:
    return lambda k: (
        f"{names[k][0]} and {names[k][1]} are both at the ceiling of {grid.estimator}: take "
        "coarser cells or more rows"
    )


def _findings(
    grid: Grid,
    steps: Sequence[int],
    names: Sequence[tuple[str, str]],
    excess: NDArray[np.float64],
    where: NDArray[np.bool_],
    verdict: Verdict,
    text: Callable[[int], str],
) -> list[Finding]:
    """Return one finding for each pair of one checkpoint in ``where``, shape ``(steps, pairs)``.

    With the text of its pair.
    """
    rows, pairs = (places.tolist() for places in np.nonzero(where))
    texts = {k: text(k) for k in set(pairs)}
    same: dict[str, object] = {
        "law": law_of_pairs(grid.quantity, grid.sense),
        "verdict": verdict,
        "estimator": grid.estimator,
    }
    columns: dict[str, list[object]] = {
        f.name: [same.get(f.name)] * len(rows) for f in fields(Finding)
    }
    columns |= {
        "step": [steps[k] for k in rows],
        "excess_bits": excess[where].tolist(),
        "explanation": [texts[k] for k in pairs],
    }
    columns |= {
        "upstream": [names[k][0] for k in pairs],
        "downstream": [names[k][1] for k in pairs],
    }
    return objects_of(Finding, columns)
