"""Rows on a lattice: few values per unit, so that rows repeat and neighbours lie equally far.

Two questions, at two times. `is_coarse_lattice` is asked of the rows as they come: whether to
spread columns of few values over their cells. `has_equal_distances` is asked of the rows as
neighbours see them: whether all rows as far as the k-th neighbour count. They cannot be one. Counts
of spikes in one unit have equal distances but are symbols, which no cell spreads. A sparse grid in
many units is spread, and then has none. A unit that saturates repeats at its two ends, which are
atoms, in a vector as alone; two cells of a sparse grid repeat by chance and show that it is one.
"""

from __future__ import annotations

import numpy as np

from infoplane.analysis.estimators.entropies import counts_of
from infoplane.analysis.estimators.quantisation import FEW_LEVELS
from infoplane.rows import row_codes
from infoplane.types.arrays import Counts, Floats

_ENDS = 2
"""Values at which a saturated unit repeats: its atoms, not a lattice."""
_SPARSE = 0.05
"""Share of rows in cells of at most k rows from which a table of cells is mostly chance."""


def has_equal_distances(rows: Floats) -> bool:
    """Return whether rows repeat at more values than the atoms of a saturated unit.

    Then many rows lie as far as the k-th neighbour, and all of them are to be counted. This is
    about the rows as they are, of any number of levels and of one unit too; rows that were spread
    repeat nowhere.

    Args:
        rows: shape ``(n, dim)``.

    Example:
        >>> has_equal_distances(np.array([[-1.0], [-1.0], [0.2], [1.0], [1.0]]))
        False
        >>> has_equal_distances(np.array([[0.0], [0.0], [1.0], [1.0], [2.0], [2.0]]))
        True
    """
    return _repeated_values(_cells(rows)) > _ENDS


def is_coarse_lattice(rows: Floats, k: int) -> bool:
    """Return whether rows repeat as on a lattice of cells too many to be symbols.

    All of several columns have few values, more than one cell holds several rows (one alone is an
    atom), and more than a twentieth of the rows lie where at most k do: a table of such cells is
    mostly chance, and neighbours meet ties of distance. A single column of few values is symbols
    however it repeats, and so are well filled cells, although both have equal distances.

    Args:
        rows: shape ``(n, dim)``.
        k: neighbours.

    Example:
        >>> grid = np.random.default_rng(0).integers(0, 9, size=(60, 2)).astype(float)
        >>> is_coarse_lattice(grid, 3), is_coarse_lattice(grid[:, :1], 3)
        (True, False)
    """
    if rows.shape[1] < 2 or any(len(np.unique(column)) > FEW_LEVELS for column in rows.T):
        return False
    cells = _cells(rows)
    in_sparse_cells = int(cells[cells <= k].sum())
    return _repeated_values(cells) > 1 and in_sparse_cells > _SPARSE * len(rows)


def _cells(rows: Floats) -> Counts:
    """Return how many rows share each of the different values."""
    return counts_of(row_codes(rows))


def _repeated_values(cells: Counts) -> int:
    return int((cells > 1).sum())
