"""Values that a few rows share: no density, and ties of distance.

Inputs that pass a noisy layer several times, embedded tokens and small finite sets give such rows;
a value of more than k rows is an atom (`infoplane.analysis.estimators.atoms`).
"""

from __future__ import annotations

import numpy as np

from infoplane.analysis.estimators.entropies import counts_of
from infoplane.analysis.estimators.quantisation import row_keys, uniform_of_keys
from infoplane.rows import row_codes, row_digests
from infoplane.types.arrays import Codes, Floats, Keys

_REPEATED = 0.05
"""Share of rows that may repeat another where a density is assumed."""
_DECIMALS = 6
"""Of standardised values; digits beyond depend on the order in which rows are summed."""
_APART = 1e-7
"""Distance in standard deviations to which repeats are moved: below any other."""


def has_density(rows: Floats) -> bool:
    """Return whether hardly any row of ``(n, dim)`` repeats another."""
    of_first = np.unique(rows[:, 0], return_counts=True)[1]
    if _few_repeat(of_first):
        return True  # found without reading the other units
    return _few_repeat(counts_of(row_codes(rows)))


def _few_repeat(counts: Codes) -> bool:
    """Return whether few rows repeat another, by how often each value comes."""
    return float(counts[counts > 1].sum()) <= _REPEATED * float(counts.sum())


def without_ties(rows: Floats, partners: Floats) -> Floats:
    """Move repeats of a row apart by less than any other distance, shape ``(n, dim)``.

    Noise that is finer than all distances, drawn from the pair of rows, changes no information.
    Without it, all rows of a value lie as far as the k-th neighbour, of which Kraskov's formula
    counts one: 160 values of 5 rows each read 0.2 bit too much. Rows that have a density stay.

    Args:
        rows: standardised, shape ``(n, dim)``.
        partners: of the other variable, standardised, shape ``(n, other)``.
    """
    if has_density(rows):
        return rows
    keys = row_keys(_digests(rows), _digests(partners))
    noise = [uniform_of_keys(keys, column) for column in range(rows.shape[1])]
    return rows + _APART * (np.column_stack(noise) - 0.5)


def _digests(rows: Floats) -> Keys:
    return np.ascontiguousarray(row_digests(np.round(rows, _DECIMALS))[:, 0])
