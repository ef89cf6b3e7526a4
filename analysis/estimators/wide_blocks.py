"""Merge the codes of two layers into blocks: the classes that the pairs of codes support.

Rows and columns of a table of codes are merged as long as the table becomes likelier: cells,
and codes within a block, have uniform Dirichlet laws, and every code is free to lie in any block
(co-clustering by marginal likelihood, Boulle 2011). Codes that tell nothing become one block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaln

from infoplane.types.arrays import Codes, Floats

_MOST_SWEEPS = 10


@dataclass(frozen=True, eq=False)
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

    @property
    def counts(self) -> tuple[int, int]:
        """How many blocks there are of both layers."""
        return int(self.first.max()) + 1, int(self.second.max()) + 1


@dataclass(frozen=True, eq=False)
class _Merged:
    """A table some of whose rows and columns were merged.

    Attributes:
        table: counts, shape ``(J, M)``.
        log_factorials: of every count up to that of all pairs.
        sizes: how many codes lie in each row and in each column, shapes ``(J,)`` and ``(M,)``.
        blocks: of every code.
        gain: of the logarithm of the likelihood over that of the whole table.
    """

    table: Codes
    log_factorials: Floats
    sizes: tuple[Floats, Floats]
    blocks: Blocks
    gain: float

    @property
    def evidence(self) -> float:
        """The gain, less the logarithm of the ways to lay the codes into so many blocks."""
        rows, columns = self.table.shape
        ways = len(self.blocks.first) * np.log(rows) + len(self.blocks.second) * np.log(columns)
        return float(self.gain - ways)


def merge_codes(table: Codes) -> Blocks:
    """Merge rows and columns greedily, and return the likeliest of the blocks on the way.

    Args:
        table: how often two codes came together, shape ``(K, L)``.
    """
    rows, columns = table.shape
    merged = _Merged(
        table,
        np.asarray(gammaln(np.arange(table.sum() + 1) + 1)),
        (np.ones(rows), np.ones(columns)),
        Blocks(np.arange(rows), np.arange(columns)),
        0.0,
    )
    best = merged
    while max(merged.table.shape) > 1:
        merged = _next(merged)
        if merged.evidence > best.evidence:
            best = merged
    found = _move_codes(table, best.blocks)
    return replace(found, evidence=best.evidence - merged.evidence)


def _next(merged: _Merged) -> _Merged:
    """Merge the two rows or two columns whose merging gains most."""
    row_gains = _gains(merged.table, merged.sizes[0], merged.log_factorials)
    column_gains = _gains(merged.table.T, merged.sizes[1], merged.log_factorials)
    axis = int(column_gains.max() > row_gains.max())
    gains = column_gains if axis else row_gains
    kept, gone = np.unravel_index(int(gains.argmax()), gains.shape)
    table = np.moveaxis(merged.table.copy(), axis, 0)
    table[kept] += table[gone]
    sizes = merged.sizes[axis].copy()
    sizes[kept] += sizes[gone]
    sizes = np.delete(sizes, gone)
    labels = (merged.blocks.first, merged.blocks.second)[axis].copy()
    labels[labels == gone] = kept
    labels[labels > gone] -= 1
    left = np.moveaxis(np.delete(table, gone, 0), 0, axis)
    gain = merged.gain + float(gains.max())
    if axis:
        both, blocks = (merged.sizes[0], sizes), replace(merged.blocks, second=labels)
    else:
        both, blocks = (sizes, merged.sizes[1]), replace(merged.blocks, first=labels)
    return replace(merged, table=left, sizes=both, blocks=blocks, gain=gain)


def _gains(table: Codes, sizes: Floats, log_factorials: Floats) -> Floats:
    """Return what merging two rows gains in log likelihood, ``(J, J)``, -inf but for i < j.

    Args:
        table: counts, shape ``(J, M)``.
        sizes: codes of every row, shape ``(J,)``.
        log_factorials: of every count.
    """
    rows, columns = table.shape
    gains = np.full((rows, rows), -np.inf)
    if rows == 1:
        return gains
    totals = table.sum(axis=1)
    i, j = np.triu_indices(rows, 1)
    own = log_factorials[table].sum(axis=1) + _within(totals, sizes)
    joint = log_factorials[table[i] + table[j]].sum(axis=1)
    joint += _within(totals[i] + totals[j], sizes[i] + sizes[j])
    cells = _cells(totals.sum(), (rows - 1) * columns) - _cells(totals.sum(), rows * columns)
    gains[i, j] = joint - own[i] - own[j] + cells
    return gains


def _within(totals: Codes, sizes: Floats) -> Floats:
    """Return the log likelihood of codes within blocks, up to what merging leaves as it is."""
    return np.asarray(gammaln(sizes) - gammaln(totals + sizes))


def _cells(total: float, cells: int) -> float:
    return float(gammaln(cells) - gammaln(total + cells))


def _move_codes(table: Codes, blocks: Blocks) -> Blocks:
    """Move single codes to the block that makes their counts likeliest, until none moves."""
    for _ in range(_MOST_SWEEPS):
        first = _moved(table, blocks.first, blocks.second)
        second = _moved(table.T, blocks.second, first)
        same = (first == blocks.first).all() and (second == blocks.second).all()
        blocks = Blocks(first, second)
        if same:
            break
    return blocks


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
