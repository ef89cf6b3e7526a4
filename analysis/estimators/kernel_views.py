"""What one pairwise pass saw of a layer, per row and per grouping of the rows.

The arithmetic behind `KDE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from infoplane.analysis.estimators.entropies import counts_of, entropy_bits
from infoplane.analysis.kernels.block_sums import block_sums
from infoplane.analysis.kernels.blocks import LOOK_ROWS, mean_of
from infoplane.analysis.kernels.device import chosen_device
from infoplane.analysis.kernels.pairwise import anchored_sums, grouped_sums
from infoplane.analysis.kernels.threads import single_blas
from infoplane.contract import Rows
from infoplane.rows import cell_codes
from infoplane.types.arrays import Codes, Counts, Floats, Mask, Values

_BLOCKS = 64
"""Blocks of rows that a pass keeps apart."""
_SPLITS = 5
"""Splits of any kind that make half as many blocks."""
_GROUPED_SPLITS = 16
"""Splits whose halves are groupings of one pass."""
_FEW = 4
"""Labels that part these blocks further."""
_CLASSES = 64
"""Labels that have passes of their own, which are quick for so many."""
Half = tuple[int, int, float]
"""Rows of a half, how many different codes they have, the entropy of these in bits."""


@dataclass(frozen=True)
class Seen:
    """What kernel sums say of some rows and one grouping of them.

    By their sums over all rows and over those of their group.

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
    """Return for each s2, what is seen of each grouping, all in one pass.

    Args:
        z: shape ``(n, dim)``.
        s2: variances of the kernel.
        groupings: codes of all rows, shape ``(n,)`` each.
        pairs: a budget of pairs: as many rows as it allows are compared with all.
        rng: draws these rows; seed 0 without.
    """
    n = z.shape[0]
    counts = [counts_of(codes) for codes in groupings]
    shared = [codes for codes, of in zip(groupings, counts, strict=True) if len(of) < n]
    chosen = np.arange(n)
    if pairs is not None and max(2, pairs // n) < n:
        rng = rng or np.random.default_rng(0)
        chosen = np.sort(rng.permutation(n)[: max(2, pairs // n)])
        total, *sums = anchored_sums(z, chosen, np.asarray(s2), shared)
    else:
        total, *sums = grouped_sums(z, np.asarray(s2), shared)
    of_shared = iter(sums)
    found: list[list[Seen]] = [[] for _ in s2]
    for codes, of in zip(groupings, counts, strict=True):
        # Of a row alone in its group, the row itself.
        own = next(of_shared) if len(of) < n else np.ones_like(total)
        for k, views in enumerate(found):
            views.append(seen_of_sums(total[:, k], own[:, k], of[codes[chosen]], of, n))
    return found


def seen_of_sums(total: Floats, own: Floats, sizes: Counts, counts: Counts, n: int) -> Seen:
    """Return what kernel sums of m rows say.

    Args:
        total: over all rows, shape ``(m, 2)``.
        own: over the rows of the own group, shape ``(m, 2)``.
        sizes: of the row's group, shape ``(m,)``.
        counts: of all groups, shape ``(K,)``.
        n: rows in all.
    """
    low, up = (np.log2(own[:, bound] / sizes) - np.log2(total[:, bound] / n) for bound in (0, 1))
    bits = (float(low.mean()), float(up.mean()))
    seen = Seen(bits, len(counts), entropy_bits(counts), n, len(total))
    if len(total) == n:
        return seen
    return replace(seen, spread=(float(low.std(ddof=1)), float(up.std(ddof=1))))


def halves_seen(
    z: Values, s2: float, xs: Codes, ys: Codes, splits: Sequence[Mask]
) -> list[tuple[Seen, Seen]]:
    """Return for either half of each split what its rows see, grouped by X and by Y.

    All splits share a few passes. A group of m of n rows has log2(m / n) in common, whose mean is
    the entropy of the grouping: no row needs to know its size.

    Args:
        z: shape ``(n, dim)``.
        s2: variance of the kernel.
        xs: codes of X, shape ``(n,)``.
        ys: codes of Y, shape ``(n,)``.
        splits: which rows are in the first half, shape ``(n,)`` each.
    """
    alone = int(xs.max()) + 1 == len(xs)
    by_blocks = alone and int(ys.max()) < _CLASSES and chosen_device() == "cpu"
    several = _GROUPED_SPLITS
    if by_blocks:
        few_blocks = int(_blocks(splits).max()) < _BLOCKS
        several = len(splits) if few_blocks else _SPLITS
    halves_of_x = tables_of_halves(xs, splits)
    halves_of_y = tables_of_halves(ys, splits)
    found = []
    for start in range(0, len(splits), several):
        part = splits[start : start + several]
        if by_blocks:
            total, *own = _logs_by_blocks(z, s2, ys, part)
        else:
            total, *own = _logs_by_groups(z, s2, [ys] if alone else [xs, ys], part)
        own_x = 0 * total if alone else own[0]  # of a row alone in its group, the row itself
        by_x = own_x - total  # (splits, 2, 2)
        by_y = own[-1] - total
        for split, half in product(range(len(part)), (0, 1)):
            seen_x = seen_of_logs(by_x[split, half], halves_of_x[start + split][half])
            seen_y = seen_of_logs(by_y[split, half], halves_of_y[start + split][half])
            found.append((seen_x, seen_y))
    return found


def seen_of_logs(difference: Floats, half: Half) -> Seen:
    """Return what the rows of a half see.

    Args:
        difference: sums over the rows of log2 of their own sum over the total, shape ``(2,)``.
        half: what is counted in it.
    """
    n, groups, bits = half
    low, up = difference / n + bits
    return Seen((float(low), float(up)), groups, bits, n, n)


def tables_of_halves(codes: Codes, splits: Sequence[Mask]) -> list[list[Half]]:
    """Return what is counted in either half of each split.

    Args:
        codes: shape ``(n,)``.
        splits: which rows are in the first half, shape ``(n,)`` each.
    """
    every = counts_of(codes)
    found = []
    for in_first in splits:
        first = np.bincount(codes[in_first], minlength=len(every))
        halves: list[Half] = []
        for table in (first, every - first):
            halves.append((int(table.sum()), int(np.count_nonzero(table)), entropy_bits(table)))
        found.append(halves)
    return found


def _logs_by_groups(
    z: Values, s2: float, codings: Sequence[Codes], splits: Sequence[Mask]
) -> list[Floats]:
    """Return sums over the rows of either half of log2 of their kernel sums.

    Each half and each coding of it is a grouping of one pass, whose tiles are sorted by the last
    coding.

    Args:
        z: shape ``(n, dim)``.
        s2: variance of the kernel.
        codings: codes of all rows, shape ``(n,)`` each.
        splits: which rows are in the first half, shape ``(n,)`` each.

    Returns:
        Over the half, then over its rows of the same code for each coding, shape
        ``(splits, 2, 2)`` each; the last axis is the bound.
    """
    groupings = [codings[-1]]
    for in_first in splits:
        groupings.append(in_first.astype(np.int64))
        groupings += [2 * codes + in_first for codes in codings]
    sums = grouped_sums(z, np.array([s2]), groupings)[2:]
    each = 1 + len(codings)
    found = np.empty((each, len(splits), 2, 2))
    for number, own in enumerate(sums):
        split, coding = divmod(number, each)
        logs = np.log2(own[:, 0])  # (n, 2)
        in_first = splits[split]
        found[coding, split] = logs[in_first].sum(axis=0), logs[~in_first].sum(axis=0)
    return list(found)


def _logs_by_blocks(
    z: Values, s2: float, ys: Codes, splits: Sequence[Mask]
) -> tuple[Floats, Floats]:
    """Return what `_logs_by_groups` does of labels alone, by blocks.

    Rows that fall alike in every split are one block; where labels are few, those that share one.
    N rows fall into both halves of S splits by P patterns.
    """
    pattern = _blocks(splits)  # (N,)
    membership = np.empty((len(splits), int(pattern.max()) + 1), np.int64)  # (S, P)
    membership[:, pattern] = splits

    def logs(rows: Codes, labels: Codes, kinds: int) -> tuple[Floats, Floats]:
        """Return sums over the rows of either half of log2 of their kernel sums.

        Over the half, then over its rows of the same label; both ``(S, 2, B)``. M rows count, of K
        labels; axis B holds the lower and the upper bound.

        Args:
            rows: places of the rows that count, shape ``(M,)``.
            labels: of these rows, shape ``(M,)``.
            kinds: K.
        """
        patterns = membership.shape[1]
        blocks = pattern[rows] * kinds + labels
        sums, order = block_sums(z[rows], s2, blocks, patterns * kinds)
        by_pattern = sums.reshape(2, patterns, -1)  # (B, P, K * M)
        in_first = membership[:, pattern[rows][order]]  # (S, M)
        with single_blas():
            of_first, of_second = (
                (half.astype(float) @ by_pattern).reshape(2, len(splits), kinds, len(rows))
                for half in (membership, 1 - membership)
            )
            of_own_half = np.where(in_first[:, None], of_first, of_second)  # (B, S, K, M)
            of_own_label = of_own_half[:, :, labels[order], np.arange(len(rows))]  # (B, S, M)
            halves = np.stack([in_first, 1 - in_first], axis=1).astype(float)  # (S, 2, M)
            total, own = (
                halves @ np.log2(each).transpose(1, 2, 0)
                for each in (of_own_half.sum(axis=2), of_own_label)
            )
        return total, own

    every_row = np.arange(len(z))
    kinds = int(ys.max()) + 1
    if kinds <= _FEW:
        return logs(every_row, ys, kinds)
    classes = np.split(np.argsort(ys, kind="stable"), np.cumsum(np.bincount(ys))[:-1])
    own = [logs(rows, 0 * rows, 1)[0] for rows in classes]
    return logs(every_row, 0 * ys, 1)[0], np.sum(own, axis=0)


def _blocks(splits: Sequence[Mask]) -> Codes:
    """Return the number of each row's block: rows of one block fall alike in every split."""
    return cell_codes(np.stack(splits, axis=1).astype(np.int64))


def mean_square_distance(rows: Rows) -> float:
    """Return the mean squared distance between two different rows."""
    mean = mean_of(rows)
    square = sum(float(((block - mean) ** 2).sum()) for block in rows.blocks(LOOK_ROWS))
    return 2 * square / (rows.shape[0] - 1)
