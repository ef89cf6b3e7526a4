"""What one pairwise pass saw of a layer, per row and per grouping of the rows.

The arithmetic behind `KDE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infoplane.analysis.estimators.entropies import counts_of, entropy_bits
from infoplane.analysis.kernels.block_sums import block_sums
from infoplane.analysis.kernels.blocks import mean_of, starting
from infoplane.analysis.kernels.device import chosen_device
from infoplane.analysis.kernels.pairwise import anchored_sums, grouped_sums
from infoplane.analysis.kernels.threads import single_blas
from infoplane.contract import Rows
from infoplane.rows import cell_codes
from infoplane.types.arrays import Codes, Floats, Mask, Values

_BLOCKS = 64
_SPLITS = 5
_FEW = 4
_CLASSES = 64
"""Blocks of rows that a pass keeps apart; splits of any kind that make half as many; labels that
part these blocks further; labels that have passes of their own, which are quick for so many.
"""


@dataclass(frozen=True)
class Seen:
    """Of some rows and one grouping of them.

    By their kernel sums over all rows and over those of their group.

    Attributes:
        bits: of the lower and of the upper bound: the mean over rows of ``log2(own / size) -
            log2(total / n)``.
        groups: how many.
        group_bits: plug-in entropy of the grouping, in bits.
        n: rows in all.
        compared: rows over which that mean is taken, fewer than ``n`` where a budget of pairs drew
            them.
        spread: their standard deviations then.
    """

    bits: tuple[float, float]
    groups: int
    group_bits: float
    n: int
    compared: int
    spread: tuple[float, float] = (0.0, 0.0)


def kernel_views(
    z: Values | Rows,
    s2: Sequence[float],
    groupings: Sequence[Codes],
    *,
    pairs: int | None = None,
    rng: np.random.Generator | None = None,
) -> list[list[Seen]]:
    """Return for each s2, what is seen of each grouping.

    All in one pass, by all rows or, within a budget of ``pairs``, by rows drawn by ``rng``.
    """
    n = z.shape[0]
    counts = [counts_of(g) for g in groupings]
    alone = [len(c) == n for c in counts]  # every row its own group: its sum is the row itself
    needed = [g for g, one in zip(groupings, alone, strict=True) if not one]
    chosen = np.arange(n)
    if pairs is not None and max(2, pairs // n) < n:
        chosen = np.sort(
            (np.random.default_rng(0) if rng is None else rng).permutation(n)[: max(2, pairs // n)]
        )
        sums = anchored_sums(z, chosen, np.asarray(s2), needed)
    else:
        sums = grouped_sums(z, np.asarray(s2), needed)
    total = sums[0]
    rest = iter(sums[1:])
    own = [np.ones_like(total) if one else next(rest) for one in alone]
    return [
        [
            seen_of_sums(total[:, k], o[:, k], c[g[chosen]], c, n)
            for o, c, g in zip(own, counts, groupings, strict=True)
        ]
        for k in range(len(s2))
    ]


def seen_of_sums(total: Floats, own: Floats, sizes: Codes, counts: Codes, n: int) -> Seen:
    """Return from sums of shape ``(m, 2)`` and the size of each row's group, shape ``(m,)``."""
    low, up = (np.log2(own[:, bound] / sizes) - np.log2(total[:, bound] / n) for bound in (0, 1))
    spread = (float(low.std(ddof=1)), float(up.std(ddof=1))) if len(total) < n else (0.0, 0.0)
    return Seen(
        (float(low.mean()), float(up.mean())),
        len(counts),
        entropy_bits(counts),
        n,
        len(total),
        spread,
    )


def halves_seen(
    z: Values, s2: float, xs: Codes, ys: Codes, splits: Sequence[Mask]
) -> list[tuple[Seen, Seen]]:
    """Return for either half of each split what its rows see, grouped by X and by Y.

    All splits share a few passes.

    A group of m of n rows has log2(m / n) in common, whose mean is the entropy of the grouping: no
    row needs to know its size.
    """
    alone = int(xs.max()) + 1 == len(xs)
    blocks = (
        _blocks(splits)
        if alone and int(ys.max()) < _CLASSES and chosen_device(None) == "cpu"
        else None
    )
    several = 16 if blocks is None else len(splits) if int(blocks.max()) < _BLOCKS else _SPLITS
    of_x = tables_of_halves(xs, splits)
    of_y = tables_of_halves(ys, splits)
    found = []
    for start in range(0, len(splits), several):
        part = splits[start : start + several]
        if blocks is None:
            total, *own = _logs_by_groups(z, s2, [ys] if alone else [xs, ys], part)
        else:
            total, *own = _logs_by_blocks(
                z, s2, ys, part, blocks if several == len(splits) else _blocks(part)
            )
        own_x = 0 * total if alone else own[0]  # of a row alone in its group, the row itself
        for k in range(len(part)):
            for side in (0, 1):
                by_x = seen_of_logs(own_x[k, side] - total[k, side], of_x[start + k][side])
                found.append(
                    (by_x, seen_of_logs(own[-1][k, side] - total[k, side], of_y[start + k][side]))
                )
    return found


def seen_of_logs(difference: Floats, table: tuple[int, int, float]) -> Seen:
    n, groups, bits = table
    low, up = difference / n + bits
    return Seen((float(low), float(up)), groups, bits, n, n)


def tables_of_halves(codes: Codes, splits: Sequence[Mask]) -> list[list[tuple[int, int, float]]]:
    """Return what is counted in either half of each split.

    Its rows, how many different codes they have, and the entropy of these in bits.
    """
    every = counts_of(codes)
    if len(every) == len(codes):  # each row alone
        firsts = [int(np.count_nonzero(half)) for half in splits]
        return [
            [(n, n, entropy_bits(np.ones(n, np.int64))) for n in (first, len(codes) - first)]
            for first in firsts
        ]
    tables = [np.bincount(codes[half], minlength=len(every)) for half in splits]
    return [
        [(int(c.sum()), int(np.count_nonzero(c)), entropy_bits(c)) for c in (table, every - table)]
        for table in tables
    ]


def _logs_by_groups(
    z: Values, s2: float, codings: Sequence[Codes], splits: Sequence[Mask]
) -> list[Floats]:
    """Return sums over the rows of either half of log2 of their kernel sums.

    Over that half, then over its rows of the same code, for each coding; all (splits, 2, 2).

    The last axis is the bound. Each half and each coding of it is a grouping of one pass, whose
    tiles are sorted by the last coding.
    """
    groupings = [
        codings[-1],
        *(g for half in splits for g in (half.astype(np.int64), *(2 * v + half for v in codings))),
    ]
    logs = [np.log2(own[:, 0]) for own in grouped_sums(z, np.array([s2]), groupings)[2:]]
    each = 1 + len(codings)
    return [
        np.array(
            [
                (of[half].sum(axis=0), of[~half].sum(axis=0))
                for half, of in zip(splits, logs[k::each], strict=True)
            ]
        )
        for k in range(each)
    ]


def _logs_by_blocks(
    z: Values, s2: float, ys: Codes, splits: Sequence[Mask], pattern: Codes
) -> tuple[Floats, Floats]:
    """As `_logs_by_groups`, by labels alone.

    Rows that fall alike in every split, ``pattern`` says which, are one block; where labels are
    few, those that share one.
    """
    membership = np.empty((len(splits), int(pattern.max()) + 1), np.int64)
    membership[:, pattern] = splits
    halves = _Halves(z, s2, pattern, membership)
    every_row = np.arange(len(z))
    kinds = int(ys.max()) + 1
    if kinds <= _FEW:
        return halves.logs(every_row, ys, kinds)
    classes = np.split(np.argsort(ys, kind="stable"), np.cumsum(np.bincount(ys))[:-1])
    own = [halves.logs(rows, 0 * rows, 1)[0] for rows in classes]
    return halves.logs(every_row, 0 * ys, 1)[0], np.sum(own, axis=0)


@dataclass(frozen=True)
class _Halves:
    """Both halves of S splits of N rows, which fall into them by P patterns.

    Attributes:
        z: shape ``(N, dim)``.
        s2: variance of the kernel.
        pattern: of each row, shape ``(N,)``.
        membership: 1 where a pattern lies in the first half, shape ``(S, P)``.
    """

    z: Values
    s2: float
    pattern: Codes
    membership: Codes

    def logs(self, rows: Codes, labels: Codes, kinds: int) -> tuple[Floats, Floats]:
        """Return sums over the rows of either half of log2 of their kernel sums.

        Over the half, then over its rows of the same label; both ``(S, 2, B)``. M rows count, of K
        labels; axis B holds the lower and the upper bound.

        Args:
            rows: places of the rows that count, shape ``(M,)``.
            labels: of these rows, shape ``(M,)``.
            kinds: K.
        """
        splits, patterns = self.membership.shape
        blocks = self.pattern[rows] * kinds + labels
        sums, order = block_sums(self.z[rows], np.array([self.s2]), blocks, patterns * kinds)
        by_pattern = sums[0].reshape(2, patterns, -1)  # (B, P, K * M)
        in_first = self.membership[:, self.pattern[rows][order]]  # (S, M)
        with single_blas():
            of_first, of_second = (
                (half.astype(float) @ by_pattern).reshape(2, splits, kinds, len(rows))
                for half in (self.membership, 1 - self.membership)
            )
            of_own_half = np.where(in_first[:, None], of_first, of_second)  # (B, S, K, M)
            of_own_label = of_own_half[:, :, labels[order], np.arange(len(rows))]  # (B, S, M)
            halves = np.stack([in_first, 1 - in_first], axis=1).astype(float)  # (S, 2, M)
            total, own = (
                halves @ np.log2(each).transpose(1, 2, 0)
                for each in (of_own_half.sum(axis=2), of_own_label)
            )
        return total, own


def _blocks(splits: Sequence[Mask]) -> Codes:
    """Return number of each row's block: rows of one block fall alike in every split."""
    return cell_codes(np.stack(splits, axis=1).astype(np.int64))


def mean_square_distance(rows: Rows) -> float:
    """Return mean squared distance between two different rows."""
    mean = mean_of(rows)
    n = rows.shape[0]
    square = sum(float(((block - mean) ** 2).sum()) for _, block in starting(rows.blocks(4096)))
    return 2 * square / (n - 1)
