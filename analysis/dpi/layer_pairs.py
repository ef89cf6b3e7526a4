"""Pairs of layers, compared all at once.

What the numbers alone decide, and the excesses that need a closer look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.dpi.certificate import incomparable
from infoplane.analysis.dpi.evidence import Evidence
from infoplane.analysis.dpi.excess import law_of_pairs
from infoplane.analysis.dpi.layer_laws import tolerance_bits
from infoplane.analysis.units import carries_bits
from infoplane.columns import objects_of
from infoplane.grids import Grid
from infoplane.types import Finding, Verdict
from infoplane.types.arrays import Floats, Mask

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
    comparable: Mask


@dataclass(frozen=True)
class _Block:
    """S checkpoints of one grid, and P pairs of layers at each.

    Attributes:
        grid: numbers of one estimator, quantity and sense.
        pairs: the pairs of layers.
        steps: of the checkpoints, shape ``(S,)``.
        at: places of the points in the plane, -1 where there is none, shape ``(S, layers)``.
        excess: downstream minus upstream in bits, shape ``(S, P)``.
    """

    grid: Grid
    pairs: _Pairs
    steps: Sequence[int]
    at: NDArray[np.intp]
    excess: Floats

    def both(self, of_layers: Mask) -> Mask:
        """Return whether both layers of a pair are such, shape ``(S, P)``.

        Args:
            of_layers: shape ``(S, layers)``.
        """
        return of_layers[:, self.pairs.up] & of_layers[:, self.pairs.down]

    def ceiling(self, pair: int) -> str:
        """Return why two layers at their ceiling cannot be judged."""
        up, down = self.pairs.names[pair]
        remedy = "take coarser cells or more rows"
        return f"{up} and {down} are both at the ceiling of {self.grid.estimator}: {remedy}"

    def findings(self, where: Mask, verdict: Verdict, text: Callable[[int], str]) -> list[Finding]:
        """Return a finding for every pair at every checkpoint in ``where``.

        Args:
            where: shape ``(S, P)``.
            verdict: of all of them.
            text: the explanation of a pair, by its number.
        """
        rows, pairs = (places.tolist() for places in np.nonzero(where))
        texts = {pair: text(pair) for pair in set(pairs)}
        names = [self.pairs.names[pair] for pair in pairs]
        columns: dict[str, list[object]] = {
            "law": [law_of_pairs(self.grid.quantity, self.grid.sense)] * len(rows),
            "step": [self.steps[row] for row in rows],
            "upstream": [up for up, _ in names],
            "downstream": [down for _, down in names],
            "excess_bits": self.excess[where].tolist(),
            "verdict": [verdict] * len(rows),
            "explanation": [texts[pair] for pair in pairs],
            "estimator": [self.grid.estimator] * len(rows),
        }
        for field in fields(Finding):
            columns.setdefault(field.name, [None] * len(rows))
        return objects_of(Finding, columns)

    def group(self, row: int, exceeding: Mask, comparable: int) -> ComparisonGroup:
        """Return the excesses of one checkpoint.

        Args:
            row: which checkpoint.
            exceeding: whether a pair breaks the inequality, shape ``(P,)``.
            comparable: number of pairs that may be compared there.
        """
        at = self.at[row]
        ups = at[self.pairs.up[exceeding]].tolist()
        downs = at[self.pairs.down[exceeding]].tolist()
        return ComparisonGroup(
            step=self.steps[row],
            estimator=self.grid.estimator,
            quantity=self.grid.quantity,
            sense=self.grid.sense,
            comparable=comparable,
            excesses=tuple(map(Excess, ups, downs)),
        )


def _pairs_of(evidence: Evidence) -> _Pairs:
    layers = evidence.plane.layers
    up, down = np.triu_indices(len(layers), 1)
    names = [(layers[first], layers[second]) for first, second in zip(up, down, strict=True)]
    reasons = [incomparable(evidence.plane, *pair) for pair in names]
    return _Pairs(names, up, down, reasons, np.array([not reason for reason in reasons], np.bool_))


def compare_numbers(evidence: Evidence, grids: Sequence[Grid]) -> Compared:
    """Do steps 1 to 3 of docs/verdicts.md.

    Not comparable, both at the ceiling, within tolerance.
    """
    plane = evidence.plane
    pairs = _pairs_of(evidence)
    block = max(CHECKPOINTS_AT_ONCE // max(len(pairs.names), 1), 1)
    number = unlisted = 0
    settled: list[Finding] = []
    groups: list[ComparisonGroup] = []
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
    """Compare S checkpoints of one grid at once, P pairs each.

    A pair is measured where both layers have a number, comparable where the certificate also allows
    it, and exceeding where downstream is above upstream by more than the tolerance.
    """
    at, bits = grid.at[rows], grid.bits[rows]  # (S, layers)
    excess = bits[:, pairs.down] - bits[:, pairs.up]  # (S, P)
    block = _Block(grid, pairs, evidence.plane.steps[rows], at, excess)
    measured = block.both(at >= 0)
    comparable = measured & pairs.comparable
    at_ceiling = np.zeros_like(comparable)
    if _has_ceiling(evidence, grid):
        at_ceiling = comparable & block.both(grid.saturated[rows])
    tolerance = tolerance_bits(evidence.plane, grid.estimator)
    exceeding = comparable & ~at_ceiling & (excess > tolerance)

    settled = block.findings(at_ceiling, "untestable", block.ceiling)
    incomparable_pairs = measured & ~comparable
    unlisted = 0
    if np.count_nonzero(~pairs.comparable) > LISTED_PAIRS:
        unlisted = int(np.count_nonzero(incomparable_pairs))
    else:
        reason = pairs.reasons.__getitem__
        settled += block.findings(incomparable_pairs, "not comparable", reason)
    groups = []
    for row in np.flatnonzero(exceeding.any(axis=1)).tolist():
        number = int(np.count_nonzero(comparable[row]))
        groups.append(block.group(row, exceeding[row], number))
    return Compared(int(np.count_nonzero(measured)), settled, groups, unlisted)


def _has_ceiling(evidence: Evidence, grid: Grid) -> bool:
    """Return whether two saturated numbers say nothing: only I(X;Z) of cells and kernels."""
    exact = evidence.traits(grid.estimator).family == "exact codes"
    return grid.quantity == "i_xz" and not exact
