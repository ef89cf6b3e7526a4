"""The null that is part of the number.

It is drawn for labels with so many symbols that a table of them is mostly chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from infoplane.contract import Traits

if TYPE_CHECKING:
    from infoplane.archive import Archive

SHARE = 0.1
"""Labels of more symbols than this share of the rows are many."""
DRAWS = 20
"""Permutations for labels of many symbols."""
_COUNTED = ("information", "coarsened")
"""What is counted or fitted on the very rows that it speaks of; held-out bounds and usable
information fall to 0 by themselves.
"""


def draws_unasked(archive: Archive, traits: Traits) -> int:
    """Return how many label permutations such an estimator needs.

    0 where its value stands alone.

    A plug-in of K symbols in n rows reports about (K - 1) / (2 n ln 2) bits for each cell of the
    layer, so that 4000 types in 5000 rows look like half of the maximum where labels are
    independent.
    """
    if traits.measures not in _COUNTED or archive.y is None or archive.y_kind != "discrete":
        return 0
    symbols = len(np.unique(np.asarray(archive.y), axis=0))
    return DRAWS if symbols > SHARE * archive.n_rows else 0
