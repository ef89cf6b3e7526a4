"""What one pairwise pass saw of a layer, per row and per grouping of the rows: the arithmetic behind `KDE`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.estimators.entropies import counts_of, entropy_bits
from infoplane.analysis.kernels.blocks import Rows, mean_of, starting
from infoplane.analysis.kernels.pairwise import anchored_sums, block_sums, chosen_device, grouped_sums
from infoplane.analysis.kernels.threads import single_blas

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
Values = NDArray[np.floating[Any]]

_SPLITS, _FEW, _CLASSES = 5, 4, 64
"""Splits whose 32 blocks of rows are kept apart in one pass; labels that part these blocks further; labels that have passes of their own, which are quick for so many."""


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

    @cached_property
    def group_bits(self) -> float:
        """Plug-in entropy of the grouping, in bits."""
        return entropy_bits(self.counts)

    def bits_per_row(self, column: int) -> Floats:
        """``log2(own / size) - log2(total / n)`` in bits, shape ``(m,)``: the mean is the value."""
        return np.asarray(np.log2(self.own[:, column] / self.sizes) - np.log2(self.total[:, column] / self.n))

    def taken(self, rows: NDArray[np.bool_]) -> KernelView:
        """Of these rows, which must be whole groups of a grouping: what is counted is counted among them."""
        chosen = np.flatnonzero(rows)
        sizes = self.sizes[chosen]
        total, own = (np.take(sums, chosen, axis=0) for sums in (self.total, self.own))
        return replace(self, total=total, own=own, sizes=sizes, counts=_counts_from(sizes), n=len(chosen))


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
    """For each split of the rows in two, what rows see within their half, grouped by X and by Y: of all splits from few passes."""
    alone = int(xs.max()) + 1 == len(xs)
    by_blocks = alone and int(ys.max()) < _CLASSES and chosen_device(None) == "cpu"
    several = _SPLITS if by_blocks else 16
    found = []
    for start in range(0, len(splits), several):
        part = splits[start : start + several]
        codes = [[2 * v + half for v in (xs, ys)] for half in part]
        every = _halves_by_blocks(z, s2, ys, part) if by_blocks else _halves_by_groups(z, s2, ys, part, [c[alone:] for c in codes])
        for (total, *own), (by_x, by_y) in zip(every, codes, strict=True):
            found.append((_view(total, np.ones_like(total) if alone else own[0], by_x), _view(total, own[-1], by_y)))
    return found


def _halves_by_groups(
    z: Values, s2: float, ys: Codes, splits: Sequence[NDArray[np.bool_]], codes: Sequence[Sequence[Codes]]
) -> Sequence[Sequence[Floats]]:
    """For each split, sums of every row over its half and over the rows there of the same code, for as many codings as it has: each a grouping."""
    groupings = [ys, *(g for half, groups in zip(splits, codes, strict=True) for g in (half.astype(np.int64), *groups))]
    sums = [own[:, 0] for own in grouped_sums(z, np.array([s2]), groupings)[2:]]
    each = len(sums) // len(splits)
    return [sums[k : k + each] for k in range(0, len(sums), each)]


def _halves_by_blocks(z: Values, s2: float, ys: Codes, splits: Sequence[NDArray[np.bool_]]) -> Sequence[Sequence[Floats]]:
    """As `_halves_by_groups`, by labels alone: rows that fall alike in every split (and share one of few labels) are one block."""
    pattern = np.sum([half.astype(np.int64) << k for k, half in enumerate(splits)], axis=0)
    there = (np.arange(2 ** len(splits)) >> np.arange(len(splits))[:, None]) & 1  # shape (splits, patterns)

    def among(rows: Codes, labels: Codes, kinds: int) -> Floats:
        """Sums of these rows over those of their half with each label, shape (splits, labels, rows, 2)."""
        sums, order = block_sums(z[rows], np.array([s2]), pattern[rows] * kinds + labels, there.shape[1] * kinds)
        by_pattern = sums[0].reshape(2, there.shape[1], -1)
        with single_blas():
            first, second = ((w.astype(float) @ by_pattern).reshape(2, len(splits), kinds, len(rows)) for w in (there, 1 - there))
        found = np.empty((len(splits), kinds, len(rows), 2))
        for k, half in enumerate(splits):
            found[k][:, order] = np.where(half[rows][order], first[:, k], second[:, k]).transpose(1, 2, 0)
        return found

    every, kinds = np.arange(len(z)), int(ys.max()) + 1
    if kinds <= _FEW:
        return [(each.sum(axis=0), each[ys, every]) for each in among(every, ys, kinds)]
    total = among(every, 0 * ys, 1)[:, 0]
    own = np.empty_like(total)
    for rows in np.split(np.argsort(ys, kind="stable"), np.cumsum(np.bincount(ys))[:-1]):
        own[:, rows] = among(rows, 0 * rows, 1)[:, 0]
    return list(zip(total, own, strict=True))


def _view(total: Floats, own: Floats, codes: Codes) -> KernelView:
    counts = counts_of(codes)
    return KernelView(total, own, counts[codes], counts[counts > 0], len(codes))


def mean_square_distance(rows: Rows) -> float:
    """Mean squared distance between two different rows."""
    mean, n = mean_of(rows), rows.shape[0]
    square = sum(float(((block - mean) ** 2).sum()) for _, block in starting(rows.blocks(4096)))
    return 2 * square / (n - 1)
