"""What one pairwise pass saw of a layer, per row and per grouping of the rows: the arithmetic behind `KDE`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.estimators.entropies import counts_of
from infoplane.analysis.kernels.blocks import Rows, mean_of, starting
from infoplane.analysis.kernels.pairwise import anchored_sums, grouped_sums
from infoplane.rows import row_codes

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
Values = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class KernelView:
    """Kernel sums of some rows over all rows and over the rows of their group.

    Attributes:
        total, own: shape ``(m, 2)``; denominators 8 s2 and 2 s2.
        sizes: rows in each row's group, shape ``(m,)``. counts: rows in every group. n: rows in all.
    """

    total: Floats
    own: Floats
    sizes: Codes
    counts: Codes
    n: int

    def bits_per_row(self, column: int) -> Floats:
        """``log2(own / size) - log2(total / n)`` in bits, shape ``(m,)``: the mean is the value."""
        return np.asarray(np.log2(self.own[:, column] / self.sizes) - np.log2(self.total[:, column] / self.n))

    def taken(self, rows: NDArray[np.bool_]) -> KernelView:
        """Of these rows, which must be whole groups of a grouping: what is counted is counted among them."""
        sizes = self.sizes[rows]
        return replace(self, total=self.total[rows], own=self.own[rows], sizes=sizes, counts=_counts_from(sizes), n=int(rows.sum()))


def _counts_from(sizes: Codes) -> Codes:
    """Sizes of the groups, from the size that each row reports."""
    times = np.bincount(sizes)
    size = np.flatnonzero(times)
    return np.repeat(size, times[size] // size)


def kernel_views(
    z: Values | Rows, s2: float, groupings: Sequence[Codes], *, pairs: int | None = None, rng: np.random.Generator | None = None
) -> list[KernelView]:
    """One view per grouping from one pass, of all rows or, within a budget of ``pairs``, of rows drawn by ``rng``."""
    n = z.shape[0]
    counts = [counts_of(g) for g in groupings]
    alone = [len(c) == n for c in counts]  # every row its own group: its sum is the row itself
    needed = [g for g, one in zip(groupings, alone, strict=True) if not one]
    chosen = np.arange(n)
    if pairs is not None and max(2, pairs // n) < n:
        chosen = np.sort((np.random.default_rng(0) if rng is None else rng).permutation(n)[: max(2, pairs // n)])
        sums = anchored_sums(z, chosen, np.array([s2]), needed)
    else:
        sums = grouped_sums(z, np.array([s2]), needed)
    total, rest = sums[0][:, 0], iter(sums[1:])
    own = [np.ones_like(total) if one else next(rest)[:, 0] for one in alone]
    return [KernelView(total, o, c[g[chosen]], c, n) for o, c, g in zip(own, counts, groupings, strict=True)]


def halved_views(z: Values, s2: float, xs: Codes, ys: Codes, splits: Sequence[NDArray[np.bool_]]) -> list[tuple[KernelView, KernelView]]:
    """For each split of the rows in two, what rows see within their half, grouped by X and by Y: one pass for all."""
    alone = int(xs.max()) + 1 == len(xs)
    groupings = [ys]
    for half in splits:
        groupings += [half.astype(np.int64), row_codes(np.stack([ys, half], axis=1))]
        groupings += [] if alone else [row_codes(np.stack([xs, half], axis=1))]
    sums = iter(grouped_sums(z, np.array([s2]), groupings)[2:])
    views, rest = [], iter(groupings[1:])
    for half in splits:
        total, by_y = next(sums)[:, 0], next(sums)[:, 0]
        by_x = np.ones_like(total) if alone else next(sums)[:, 0]
        next(rest)
        y_codes = next(rest)
        x_codes = row_codes(np.stack([xs, half], axis=1)) if alone else next(rest)
        views.append(tuple(_view(total, own, codes) for own, codes in ((by_x, x_codes), (by_y, y_codes))))
    return views  # type: ignore[return-value]  # two each


def _view(total: Floats, own: Floats, codes: Codes) -> KernelView:
    counts = counts_of(codes)
    return KernelView(total, own, counts[codes], counts, len(codes))


def mean_square_distance(rows: Rows) -> float:
    """Mean squared distance between two different rows."""
    mean, n = mean_of(rows), rows.shape[0]
    square = sum(float(((block - mean) ** 2).sum()) for _, block in starting(rows.blocks(4096)))
    return 2 * square / (n - 1)
