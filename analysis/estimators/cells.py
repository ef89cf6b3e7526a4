"""From two columns of symbols to an `Estimate`: what `bin` and `exact` share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.estimators.entropies import Correction, counts_of, entropy_bits, information_bits
from infoplane.errors import EstimatorError
from infoplane.rows import joint_entropies
from infoplane.types import Estimate, Sense, Target, Variable


def same_rows(a: Variable, b: Variable, name: str) -> None:
    """Refuse variables that are not paired row by row.

    Raises:
        EstimatorError: different numbers of rows, or a single row.
    """
    if a.n != b.n:
        raise EstimatorError(f"{name}: {a.name} has {a.n} rows and {b.name} has {b.n}; the rows must be paired")
    if a.n < 2:
        raise EstimatorError(f"{name}: expected at least 2 rows, got {a.n}; one row carries no information")


def estimate_of_codes(
    t: NDArray[np.int64],
    other: NDArray[np.int64],
    name: str,
    sense: Sense,
    notes: tuple[str, ...] = (),
    *,
    ceiling_bits: float | None = None,
    correction: Correction = "none",
) -> Estimate:
    """Plug-in I(T;B) on the rows, its ceiling H(B) (or the one given) and the coverage of T; with a correction, of the population behind the rows."""
    counts = counts_of(t)
    ceiling = entropy_bits(counts_of(other)) if ceiling_bits is None else ceiling_bits
    coverage = 1 - float((counts == 1).sum()) / len(t)
    target: Target = "probe-set" if correction == "none" else "population"
    bits = information_bits(t, other, correction)
    return Estimate(bits, len(t), name, sense, ceiling_bits=ceiling, target=target, coverage=coverage, notes=notes)


def estimates_of_keys(
    keys: NDArray[np.uint64], sides: Sequence[tuple[NDArray[np.int64], float | None]], name: str, notes: tuple[str, ...]
) -> list[Estimate]:
    """As `estimate_of_codes` without a correction, of T by its mixed keys and of every (B, ceiling) by dense codes: few, or one for every row.

    Where B tells all rows apart, H(T,B) is H(B) and I(T;B) is H(T): nothing to count that another B has not counted.
    """
    n = len(keys)
    symbols = [int(other.max()) + 1 for other, _ in sides]
    tables = [None if k == n else joint_entropies(keys, other, k) for k, (other, _) in zip(symbols, sides, strict=True)]
    h_t, _, alone = next((t for t in tables if t is not None), None) or joint_entropies(keys, np.zeros(n, np.int64), 1)
    found = []
    for table, (other, ceiling) in zip(tables, sides, strict=True):
        h_b = float(np.log2(n)) if table is None else entropy_bits(counts_of(other))
        bits = h_t if table is None else h_t + h_b - table[1]
        top = h_b if ceiling is None else ceiling
        found.append(Estimate(bits, n, name, "point", ceiling_bits=top, coverage=1 - alone / n, notes=notes))
    return found
