"""From two columns of symbols to an `Estimate`: what `bin` and `exact` share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from infoplane.analysis.estimators.entropies import (
    Correction,
    counts_of,
    entropy_bits,
    information_bits,
    information_stderr,
    joint_counts,
)
from infoplane.analysis.estimators.limits import require_possible
from infoplane.errors import EstimatorError
from infoplane.memo import remembered
from infoplane.rows import codes_of, joint_entropies
from infoplane.types import Estimate, Sense, Target, Variable
from infoplane.types.arrays import Codes, Keys


def same_rows(a: Variable, b: Variable, name: str) -> None:
    """Refuse variables that are not paired row by row.

    Raises:
        EstimatorError: different numbers of rows, or a single row.
    """
    if a.n != b.n:
        raise EstimatorError(
            f"{name}: {a.name} has {a.n} rows and {b.name} has {b.n}; the rows must be paired"
        )
    if a.n < 2:
        raise EstimatorError(
            f"{name}: expected at least 2 rows, got {a.n}; one row carries no information"
        )


def estimate_of_codes(
    cells: Codes,
    other: Codes,
    name: str,
    sense: Sense,
    notes: tuple[str, ...] = (),
    *,
    ceiling_bits: float | None = None,
    correction: Correction = "none",
) -> Estimate:
    """Estimate I(T;B) by counting, with its ceiling H(B) (or the one given) and T's coverage.

    A correction makes it an estimate of the population behind the rows.

    Args:
        cells: dense codes of T, shape ``(n,)``.
        other: dense codes of B, shape ``(n,)``.
        name: of the estimator.
        sense: of the estimate.
        notes: about the rows.
        ceiling_bits: another ceiling than H(B).
        correction: of the bias of these counts.

    Raises:
        EstimatorError: a correction where the table says nothing about what it has not seen.
    """
    counts = counts_of(cells)
    target: Target = "probe-set" if correction == "none" else "population"
    found = Estimate(
        information_bits(cells, other, correction),
        len(cells),
        name,
        sense,
        ceiling_bits=entropy_bits(counts_of(other)) if ceiling_bits is None else ceiling_bits,
        target=target,
        coverage=1 - float((counts == 1).sum()) / len(cells),
        notes=notes,
    )
    return found if correction == "none" else _require_correctable(found, cells, other)


def _require_correctable(found: Estimate, cells: Codes, other: Codes) -> Estimate:
    """Return a corrected estimate where the table says something about what it has not seen.

    Raises:
        EstimatorError: nearly every row alone in its pair of cells, or a number outside [0, log2 N]
            by more than its error.
    """
    n = len(cells)
    remedy = "take coarser bins or fewer units, or correction=none for these very rows"
    alone = int((counts_of(cells) == 1).sum())
    if int(other.max()) + 1 < n:
        alone = max(alone, int((joint_counts(cells, other) == 1).sum()))
    if n - alone < _FEWEST_TOGETHER * n:
        raise EstimatorError(
            f"{found.estimator}: {alone} of {n} rows are alone in their pair of cells: no "
            f"correction can tell what the table has not seen; {remedy}"
        )
    return require_possible(
        found,
        ceiling=float(np.log2(n)),
        ceiling_words="log2 N",
        remedy=remedy,
        stderr=information_stderr(cells, other),
    )


_FEWEST_TOGETHER = 0.05
"""Share of rows that must share their pair of cells before a correction of unseen ones means
anything.
"""


class Symbols(NamedTuple):
    """Dense codes of rows, shape ``(n,)``, how many there are and their plug-in entropy in bits."""

    codes: Codes
    number: int
    bits: float


def symbols(codes: Codes) -> Symbols:
    """Return what every estimate of the same B would count again."""
    counts = counts_of(codes)
    return Symbols(codes, len(counts), entropy_bits(counts))


def symbols_of(v: Variable) -> Symbols:
    """Return `symbols` of a variable's rows, remembered as its codes are."""
    return remembered(v, "symbols", lambda: symbols(codes_of(v)))


def estimates_of_keys(
    keys: Keys,
    sides: Sequence[tuple[Symbols, float | None]],
    name: str,
    notes: tuple[str, ...],
) -> list[Estimate]:
    """Estimate by counting as `estimate_of_codes` does without a correction, from mixed keys of T.

    Where B tells all rows apart, H(T,B) is H(B) and I(T;B) is H(T): nothing to count that another B
    has not counted.

    Args:
        keys: of the rows of T, shape ``(n,)``.
        sides: few symbols or one for every row, each with a ceiling other than its entropy.
        name: of the estimator.
        notes: about the rows.
    """
    n = len(keys)
    tables = [
        None if side.number == n else joint_entropies(keys, side.codes, side.number)
        for side, _ in sides
    ]
    counted = [table for table in tables if table is not None]
    if not counted:
        counted = [joint_entropies(keys, np.zeros(n, np.int64), 1)]
    of_cells, _, alone = counted[0]
    found = []
    for table, (side, ceiling) in zip(tables, sides, strict=True):
        found.append(
            Estimate(
                of_cells if table is None else of_cells + side.bits - table[1],
                n,
                name,
                ceiling_bits=side.bits if ceiling is None else ceiling,
                coverage=1 - alone / n,
                notes=notes,
            )
        )
    return found
