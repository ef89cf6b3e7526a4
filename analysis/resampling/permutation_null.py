"""The null of I(Z;Y): an estimator on permuted labels.

Labels with so many symbols that a table of them is mostly chance get one unasked.
"""

from __future__ import annotations

import numpy as np

from infoplane.analysis.estimators.copies import first_of_every
from infoplane.analysis.estimators.dependent_rows import groups_of_one_label
from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.measuring.arguments import require_variables, require_whole
from infoplane.archive import Archive
from infoplane.contract import Estimator, Traits
from infoplane.types import Null, Variable
from infoplane.types.arrays import Ids

SHARE = 0.1
"""Labels of more symbols than this share of the rows are many."""
DRAWS = 20
"""Permutations for labels of many symbols."""
_COUNTED = ("information", "coarsened")
"""What is counted or fitted on the very rows that it speaks of; held-out bounds and usable
information fall to 0 by themselves.
"""


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

    Copies of a row keep one label, and so do the positions of a sample where it is the sample's:
    they are no evidence against the null.

    Args:
        estimator: or its spec.
        z, y: paired rows, the layer and the labels.
        draws: permutations.
        rng: draws them.
        value: the estimate to compare with, in bits; computed when left out.

    Example:
        >>> from infoplane.analysis.estimators import Plugin
        >>> from infoplane.types import discrete
        >>> y = discrete(np.arange(64) % 2)
        >>> permutation_null(Plugin(), y, y, draws=99, rng=np.random.default_rng(0)).p
        0.01
    """
    require_variables(z, y)
    require_whole(1, draws=draws)
    estimator = parse(estimator)
    observed = estimator.estimate(z, y, rng=rng).bits if value is None else value
    groups = groups_of_one_label(z, y)
    values = []
    for _ in range(draws):
        shuffled = y.take(permuted_rows(y.n, groups, rng))
        values.append(estimator.estimate(z, shuffled, rng=rng).bits)
    return null_from(values, observed)


def permuted_rows(n: int, groups: Ids | None, rng: np.random.Generator) -> Ids:
    """Return rows to take labels from, shape ``(n,)``, in random order: a group keeps one label.

    Args:
        n: number of rows.
        groups: of each row, shape ``(n,)``; None where each row has a label of its own.
        rng: draws the order.
    """
    if groups is None:
        return rng.permutation(n)
    first = first_of_every(groups)
    return np.asarray(rng.permutation(first)[groups])


def null_from(values: list[float], observed: float) -> Null:
    """Return the null of values on permuted labels, in bits, for the one that was observed."""
    low, high = np.quantile(values, [0.025, 0.975])
    as_large = sum(value >= observed - 1e-12 for value in values)
    p_value = (1 + as_large) / (1 + len(values))
    return Null(float(np.mean(values)), float(low), float(high), float(p_value), len(values))


def draws_for_symbols(archive: Archive, traits: Traits) -> int:
    """Return how many label permutations the number of symbols asks for; 0 where they are few.

    A plug-in of K symbols in n rows reports about (K - 1) / (2 n ln 2) bits for each cell of the
    layer, so that 4000 types in 5000 rows look like half of the maximum where labels are
    independent.
    """
    if traits.measures not in _COUNTED or archive.y is None or archive.y_kind != "discrete":
        return 0
    symbols = len(np.unique(np.asarray(archive.y), axis=0))
    return DRAWS if symbols > SHARE * archive.n_rows else 0
