"""From two columns of symbols to an `Estimate`: what `bin` and `exact` share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.estimators.entropies import Correction, counts_of, entropy_bits, information_bits
from infoplane.errors import EstimatorError
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
