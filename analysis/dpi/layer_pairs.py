"""Pairs of layers, compared all at once: what the numbers alone decide, and the excesses that need a closer look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

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


@dataclass(frozen=True)
class Family:
    """The pairs of one checkpoint, estimator, quantity and sense: Holm's correction is over them.

    Attributes:
        of: checkpoint, estimator, quantity and sense.
        comparable: how many of them there are.
        excesses: those that exceed the tolerance, as places of the two points in the plane, upstream first.
    """

    of: tuple[int, str, str, str]
    comparable: int
    excesses: list[tuple[int, int]]


@dataclass(frozen=True)
class Compared:
    """Every pair of layers at every checkpoint.

    Attributes:
        pairs: how many.
        settled: those that cannot be judged, whatever their excess.
        families: those with an excess, by checkpoint.
    """

    pairs: int
    settled: list[Finding]
    families: list[Family]


def compare(evidence: Evidence, grids: Sequence[Grid]) -> Compared:
    """Steps 1 to 3 of the procedure: not comparable, both at the ceiling, within tolerance."""
    plane = evidence.plane
    pairs, settled, families = 0, list[Finding](), list[Family]()
    ups, downs = np.triu_indices(len(plane.layers), 1)
    names = [(plane.layers[up], plane.layers[down]) for up, down in zip(ups, downs, strict=True)]
    reasons = [evidence.incomparable(up, down) for up, down in names]
    comparable = np.array([not reason for reason in reasons], np.bool_)
    most = max(CHECKPOINTS_AT_ONCE // max(len(names), 1), 1)
    for grid in grids:
        traits = evidence.traits(grid.estimator)
        if traits.dpi_exempt or not carries_bits(plane, grid.estimator):
            continue
        tolerance = tolerance_bits(plane, grid.estimator)
        ceilinged = grid.quantity == "i_xz" and traits.family != "exact codes"
        for first in range(0, len(plane.steps), most):
            steps, rows = plane.steps[first : first + most], slice(first, first + most)
            at, bits, saturated = grid.at[rows], grid.bits[rows], grid.saturated[rows]
            there = (at[:, ups] >= 0) & (at[:, downs] >= 0)
            asked = there & comparable
            full = asked & ceilinged & saturated[:, ups] & saturated[:, downs]
            excess = bits[:, downs] - bits[:, ups]
            beyond = asked & ~full & (excess > tolerance)
            pairs += int(np.count_nonzero(there))
            settled += _findings(
                grid,
                steps,
                names,
                excess,
                there & ~comparable,
                "not comparable",
                reasons.__getitem__,
            )
            settled += _findings(grid, steps, names, excess, full, "untestable", _full(grid, names))
            for row in np.flatnonzero(beyond.any(axis=1)):
                which = np.flatnonzero(beyond[row])
                places = list(
                    zip(at[row, ups[which]].tolist(), at[row, downs[which]].tolist(), strict=True)
                )
                of = (steps[row], grid.estimator, grid.quantity, grid.sense)
                families.append(Family(of, int(np.count_nonzero(asked[row])), places))
    families.sort(key=lambda family: family.of[0])
    return Compared(pairs, settled, families)


def _full(grid: Grid, names: Sequence[tuple[str, str]]) -> Callable[[int], str]:
    return lambda k: (
        f"{names[k][0]} and {names[k][1]} are both at the ceiling of {grid.estimator}: take coarser cells or more rows"
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
    """One finding for each pair of one checkpoint in ``where``, shape ``(steps, pairs)``, with the text of its pair."""
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
