"""How an estimate moves with the rows: a warning, never a verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infoplane.analysis.estimators.copies import without_copies
from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.measuring.arguments import require_variables, require_whole
from infoplane.analysis.resampling.intervals import RISING
from infoplane.contract import Estimator
from infoplane.errors import InputError
from infoplane.types import Variable


@dataclass(frozen=True)
class Slope:
    """How an estimate moves with the rows: a warning, never a verdict.

    Whether I(X;Z) is infinite follows from the network: no noise, continuous X.

    Attributes:
        rows: n/4, n/2, n.
        values: the mean estimate at each, in bits.
        bits_per_doubling: least-squares slope; 1 for Z = X, 0.3 for a 4-to-2 tanh map, 0 for a
            finite information well estimated.
    """

    rows: tuple[int, ...]
    values: tuple[float, ...]
    bits_per_doubling: float

    @property
    def rising(self) -> bool:
        """Whether the last doubling still adds more than 0.15 bit."""
        return self.bits_per_doubling > RISING and self.values[-1] - self.values[-2] > RISING


def n_slope(
    estimator: str | Estimator,
    a: Variable,
    b: Variable,
    *,
    splits: int = 4,
    rng: np.random.Generator,
) -> Slope:
    """Return the estimate over random quarters, halves and all of the rows, copies once.

    Args:
        estimator: or its spec.
        a, b: paired rows.
        splits: random parts of either size.
        rng: draws them.

    Raises:
        InputError: fewer than 32 rows.

    Example:
        >>> from infoplane.analysis.estimators import KSG
        >>> from infoplane.types import continuous
        >>> x = np.random.default_rng(0).normal(size=800)
        >>> rng = np.random.default_rng(0)
        >>> n_slope(KSG(), continuous(x), continuous(np.tanh(x)), rng=rng).rising
        True
    """
    require_variables(a, b)
    require_whole(1, splits=splits)
    first, second, _ = without_copies(a, b)
    if first.n < 32:
        raise InputError(f"a slope over n, n/2 and n/4 needs at least 32 rows, got {first.n}")
    estimator = parse(estimator)
    sizes, values = (first.n // 4, first.n // 2, first.n), []
    for size in sizes:
        found = []
        for _ in range(1 if size == first.n else splits):
            rows = np.sort(rng.permutation(first.n)[:size])
            found.append(estimator.estimate(first.take(rows), second.take(rows), rng=rng).bits)
        values.append(float(np.mean(found)))
    return Slope(sizes, tuple(values), float(np.polyfit([-2.0, -1.0, 0.0], values, 1)[0]))
