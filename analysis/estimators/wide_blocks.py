"""Merge the codes of two layers into blocks: the classes that the pairs of codes support.

Rows and columns of a table of codes are merged as long as the table becomes likelier: cells,
and codes within a block, have uniform Dirichlet laws, and every code is free to lie in any block
(co-clustering by marginal likelihood, Boulle 2011). Codes that tell nothing become one block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from infoplane.types.arrays import Codes, Floats

_MOST_SWEEPS = 10


@dataclass(frozen=True)
class Blocks:
    """The block of every code of two layers.

    Attributes:
        first: shape ``(K,)``, blocks from 0.
        second: shape ``(L,)``, blocks from 0.
        evidence: log likelihood of the blocks over that of independent codes, less the logarithm of
            the ways to lay the codes into so many blocks. It compares tables of more and of fewer
            codes, and is 0 where all codes are one block.
    """

    first: Codes
    second: Codes
    evidence: float = 0.0


class _Axis:
    """One side of a table of counts whose blocks are merged, one pair after another.

    Attributes:
        counts: shape ``(J, M)``, a row for every block of this side.
        sizes: how many codes lie in each block, shape ``(J,)``.
        labels: the block of every code, shape ``(K,)``.
        agreement: what cells gain in log likelihood where two blocks are one, shape ``(J, J)``.
    """

    def __init__(self, counts: Codes, log_factorials: Floats) -> None:
        self._log_factorials = log_factorials
        self.counts = counts
        self.sizes = np.ones(len(counts), np.int64)
        self.labels = np.arange(len(counts))
        self.agreement = np.zeros((len(counts), len(counts)))
        for column in counts.T:
            self.agreement += self._of_cells(column)

    def gains(self) -> Floats:
        """Return what merging two blocks gains, ``(J, J)``, -inf but for i < j."""
        blocks, columns = self.counts.shape
        if blocks == 1:
            return np.full((1, 1), -np.inf)
        totals = self.counts.sum(axis=1)
        own = self._within(totals, self.sizes)
        pairs = totals[:, None] + totals, self.sizes[:, None] + self.sizes
        gains = self.agreement + self._within(*pairs) - own[:, None] - own
        total = int(totals.sum())
        gains += _log_cells(total, (blocks - 1) * columns) - _log_cells(total, blocks * columns)
        return np.where(np.tri(blocks, dtype=np.bool_), -np.inf, gains)

    def merge(self, kept: int, gone: int) -> None:
        """Make one block of two."""
        self.counts[kept] += self.counts[gone]
        self.sizes[kept] += self.sizes[gone]
        self.counts = np.delete(self.counts, gone, axis=0)
        self.sizes = np.delete(self.sizes, gone)
        self.labels[self.labels == gone] = kept
        self.labels[self.labels > gone] -= 1
        self.agreement = np.delete(np.delete(self.agreement, gone, axis=0), gone, axis=1)
        logs = self._log_factorials
        one = self.counts[kept]  # (M,)
        joint = logs[one + self.counts] - logs[one] - logs[self.counts]  # (J, M)
        self.agreement[kept] = self.agreement[:, kept] = joint.sum(axis=1)

    def merge_columns(self, kept: int, gone: int) -> None:
        """Do the same to two blocks of the other side."""
        first, second = self.counts[:, kept], self.counts[:, gone]
        self.agreement -= self._of_cells(first) + self._of_cells(second)
        self.agreement += self._of_cells(first + second)
        self.counts[:, kept] += self.counts[:, gone]
        self.counts = np.delete(self.counts, gone, axis=1)

    def _of_cells(self, column: Codes) -> Floats:
        """Return what one column of cells adds to the agreement, shape ``(J, J)``."""
        logs = self._log_factorials[column]
        joint = self._log_factorials[column[:, None] + column]  # (J, J)
        return joint - logs[:, None] - logs

    def _within(self, totals: Codes, sizes: Codes) -> Floats:
        """Return the log likelihood of codes within blocks, up to what merging leaves as it is."""
        logs = self._log_factorials
        return logs[sizes - 1] - logs[totals + sizes - 1]


def merge_codes(table: Codes) -> Blocks:
    """Merge rows and columns greedily, and return the likeliest of the blocks on the way.

    Args:
        table: how often two codes came together, shape ``(K, L)``.
    """
    most_counted = 2 * (int(table.sum()) + max(table.shape))
    log_factorials = gammaln(np.arange(most_counted) + 1)
    first, second = _Axis(table.copy(), log_factorials), _Axis(table.T.copy(), log_factorials)
    gain = 0.0  # in log likelihood over the whole table
    evidence = -_log_ways(first, second)
    most, best = evidence, (first.labels.copy(), second.labels.copy())
    while max(first.counts.shape) > 1:
        gain += _merge_next(first, second)
        evidence = gain - _log_ways(first, second)
        if evidence > most:
            most, best = evidence, (first.labels.copy(), second.labels.copy())
    return Blocks(*_move_codes(table, *best), evidence=most - evidence)


def _log_ways(first: _Axis, second: _Axis) -> float:
    """Return the logarithm of the ways to lay the codes into so many blocks."""
    rows, columns = first.counts.shape
    return float(len(first.labels) * np.log(rows) + len(second.labels) * np.log(columns))


def _merge_next(first: _Axis, second: _Axis) -> float:
    """Merge the two blocks of one side whose merging gains most; return what it gains."""
    gains, side, other = first.gains(), first, second
    of_second = second.gains()
    if of_second.max() > gains.max():
        gains, side, other = of_second, second, first
    kept, gone = map(int, np.unravel_index(int(gains.argmax()), gains.shape))
    side.merge(kept, gone)
    other.merge_columns(kept, gone)
    return float(gains[kept, gone])


def _log_cells(total: int, cells: int) -> float:
    """Return the log likelihood of a table of so many cells, up to what merging leaves."""
    return float(gammaln(cells) - gammaln(total + cells))


def _move_codes(table: Codes, first: Codes, second: Codes) -> tuple[Codes, Codes]:
    """Move single codes to the block that makes their counts likeliest, until none moves.

    Args:
        table: counts, shape ``(K, L)``.
        first: blocks of the rows, shape ``(K,)``.
        second: blocks of the columns, shape ``(L,)``.
    """
    for _ in range(_MOST_SWEEPS):
        moved = _moved(table, first, second)
        others = _moved(table.T, second, moved)
        same = (moved == first).all() and (others == second).all()
        first, second = moved, others
        if same:
            break
    return first, second


def _moved(table: Codes, labels: Codes, others: Codes) -> Codes:
    """Return the blocks of the rows after each was moved once; no block is emptied.

    Args:
        table: counts, shape ``(K, L)``.
        labels: blocks of the rows, shape ``(K,)``.
        others: blocks of the columns, shape ``(L,)``.
    """
    labels = labels.copy()
    by_block = table @ np.eye(int(others.max()) + 1)[others]  # (K, M)
    sums = np.eye(int(labels.max()) + 1)[labels].T @ by_block  # (J, M)
    for code, counts in enumerate(by_block):
        if (labels == labels[code]).sum() == 1:
            continue
        sums[labels[code]] -= counts
        shares = (sums + 0.5) / (sums + 0.5).sum(axis=1, keepdims=True)
        labels[code] = int((np.log(shares) @ counts).argmax())
        sums[labels[code]] += counts
    return labels
