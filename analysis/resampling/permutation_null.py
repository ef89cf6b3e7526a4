"""The null of I(Z;Y): an estimator on permuted labels."""

from __future__ import annotations

import numpy as np

from infoplane.analysis.estimators.spec import parse
from infoplane.contract import Estimator
from infoplane.errors import InputError
from infoplane.types import Null, Variable


def permutation_null(
    estimator: str | Estimator,
    z: Variable,
    y: Variable,
    *,
    draws: int = 100,
    rng: np.random.Generator,
    value: float | None = None,
) -> Null:
    """Return the null of I(Z;Y): the estimator on permuted labels.

    ``value`` is the estimate to compare with; computed when left out.

    Example:
        >>> from infoplane.analysis.estimators import Plugin
        >>> from infoplane.types import discrete
        >>> y = discrete(np.arange(64) % 2)
        >>> permutation_null(Plugin(), y, y, draws=99, rng=np.random.default_rng(0)).p
        0.01
    """
    if draws < 1:
        raise InputError(f"expected at least one permutation, got {draws}")
    estimator = parse(estimator)
    observed = estimator.estimate(z, y, rng=rng).bits if value is None else value
    return null_from(
        [estimator.estimate(z, y.take(rng.permutation(y.n)), rng=rng).bits for _ in range(draws)],
        observed,
    )


def null_from(values: list[float], observed: float) -> Null:
    """Return the null of values on permuted labels, in bits, for the one that was observed."""
    low, high = np.quantile(values, [0.025, 0.975])
    p = (1 + sum(v >= observed - 1e-12 for v in values)) / (1 + len(values))
    return Null(float(np.mean(values)), float(low), float(high), float(p), len(values))
