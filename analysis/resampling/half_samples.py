"""Split rows in halves, and ask a function or an estimator about either half."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from infoplane.contract import Estimator, Points, SharesHalves
from infoplane.errors import InputError
from infoplane.types import Variable


def random_halves(
    n: int, splits: int, rng: np.random.Generator, *, groups: NDArray[np.int64] | None = None
) -> list[NDArray[np.bool_]]:
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


def balanced_halves(n: int, splits: int, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
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
    count = 1 << splits.bit_length()
    # of a Hadamard matrix, shape (splits, blocks): the parity of the bits that both indices have
    in_first = np.zeros((splits, count), bool)
    for split, block in np.ndindex(in_first.shape):
        in_first[split, block] = ((split + 1) & block).bit_count() % 2
    order = rng.permutation(n)
    blocks, rest = order[: n - n % count].reshape(count, -1), order[n - n % count :]
    found = []
    for chosen in in_first:
        first = np.zeros(n, bool)
        first[blocks[chosen]] = True
        first[rng.permutation(rest)[: len(rest) // 2]] = True
        found.append(first)
    return found


def rows_of_halves(splits: Sequence[NDArray[np.bool_]]) -> list[NDArray[np.int64]]:
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
    splits: Sequence[NDArray[np.bool_]],
    rng: np.random.Generator,
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


def half_sample_stderr(
    value: Callable[[NDArray[np.int64]], float],
    n: int,
    *,
    splits: int = 10,
    rng: np.random.Generator,
) -> float:
    """Return standard error at n rows, in the units of ``value``.

    The standard deviation of ``value(rows)`` over the two halves of a random split, without
    rescaling.

    A half drawn without replacement varies as much given the data as n rows vary over data sets:
    sigma^2/(n/2) (1 - 1/2) = sigma^2/n. Not the bootstrap: its repeated rows are zero distances for
    k-NN and KDE, and bring the plug-in bias in twice.

    Args:
        value: of row numbers, shape ``(m,)``.
        n: number of rows.
        splits: number of splits.
        rng: draws them.

    Raises:
        InputError: fewer than 8 rows or 2 splits.

    Example:
        >>> x = np.random.default_rng(0).normal(size=400)
        >>> rng = np.random.default_rng(1)
        >>> 0.03 < half_sample_stderr(lambda rows: x[rows].mean(), 400, splits=50, rng=rng) < 0.07
        True
    """
    pairs = np.reshape(half_sample_values(value, n, splits=splits, rng=rng), (-1, 2))
    return float(np.sqrt(np.mean(np.diff(pairs) ** 2)) / 2)


def half_sample_values(
    value: Callable[[NDArray[np.int64]], float],
    n: int,
    *,
    splits: int = 10,
    rng: np.random.Generator,
    groups: NDArray[np.int64] | None = None,
) -> list[float]:
    """Return ``value`` on both halves of every random split of n rows.

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
