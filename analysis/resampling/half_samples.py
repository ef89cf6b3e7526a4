"""Split rows in halves, and ask a function or an estimator about either half."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator

from infoplane.contract import Estimator, Points, SharesHalves
from infoplane.errors import InputError
from infoplane.types import Variable
from infoplane.types.arrays import Ids, Mask


def random_halves(n: int, splits: int, rng: Generator, *, groups: Ids | None = None) -> list[Mask]:
    """Return for each random split of n rows in two, which are in its first half.

    Args:
        n: number of rows.
        splits: number of splits.
        rng: draws them.
        groups: of each row, shape ``(n,)``: rows of one number fall in one half; None for rows
            that fall by themselves.
    """
    if groups is not None:
        return [first[groups] for first in random_halves(int(groups.max()) + 1, splits, rng)]
    found = []
    for _ in range(splits):
        first = np.zeros(n, bool)
        first[rng.permutation(n)[: n // 2]] = True
        found.append(first)
    return found


def balanced_halves(n: int, splits: int, rng: Generator) -> list[Mask]:
    """Return splits as `random_halves`, into unions of the same few random blocks of rows.

    Sums over blocks serve all of them.

    Args:
        n: number of rows.
        splits: number of splits.
        rng: draws them.

    Balanced repeated replication (McCarthy 1969): any two splits have half of each half in common,
    so that what halves differ by is uncorrelated from split to split, which it nearly is of splits
    that know nothing of each other. Rows that no block is left for are split at random.
    """
    from scipy.linalg import hadamard

    count = 1 << splits.bit_length()
    in_first = hadamard(count)[1 : splits + 1] < 0  # (splits, blocks)
    order = rng.permutation(n)
    blocks, rest = order[: n - n % count].reshape(count, -1), order[n - n % count :]
    found = []
    for chosen in in_first:
        first = np.zeros(n, bool)
        first[blocks[chosen]] = True
        first[rng.permutation(rest)[: len(rest) // 2]] = True
        found.append(first)
    return found


def rows_of_halves(splits: Sequence[Mask]) -> list[Ids]:
    """Return row numbers of the first and the second half of each split, one after the other."""
    rows = []
    for first in splits:
        rows += [np.flatnonzero(first), np.flatnonzero(~first)]
    return rows


def halves_from_one_pass(
    estimator: Estimator,
    x: Variable | None,
    z: Variable,
    y: Variable | None,
    splits: Sequence[Mask],
    rng: Generator,
) -> list[Points] | None:
    """Return the points of both halves of each split from one pass, None where there is none.

    Args:
        estimator: that may have such a pass.
        x, z, y: paired rows; None where there are none.
        splits: which rows are in the first half, each of shape ``(n,)``.
        rng: for estimators that draw.
    """
    if not isinstance(estimator, SharesHalves) or x is None or y is None:
        return None
    if (x.kind, z.kind, y.kind) != ("discrete", "continuous", "discrete"):
        return None
    return estimator.estimate_halves(x, z, y, splits, rng=rng)


def half_sample_values(
    value: Callable[[Ids], float],
    n: int,
    *,
    splits: int,
    rng: Generator,
    groups: Ids | None = None,
) -> list[float]:
    """Return ``value`` on both halves of every random split of n rows.

    A half drawn without replacement varies as much given the data as n rows vary over data sets:
    sigma^2/(n/2) (1 - 1/2) = sigma^2/n, so that the standard error at n rows is their standard
    deviation, without rescaling. Not the bootstrap: its repeated rows are zero distances for k-NN
    and KDE, and bring the plug-in bias in twice.

    Args:
        value: of row numbers, shape ``(m,)``.
        n: number of rows.
        splits: number of splits.
        rng: draws them.
        groups: see `random_halves`.

    Raises:
        InputError: fewer than 8 rows or 2 splits.
    """
    if n < 8 or splits < 2:
        raise InputError(
            f"half-samples need at least 8 rows and 2 splits, got {n} rows and {splits} splits"
        )
    found = []
    for _ in range(splits):
        found += [value(rows) for rows in rows_of_halves(random_halves(n, 1, rng, groups=groups))]
    return found
