"""Few features of a wide layer.

Principal scores, canonical directions of a pair, code books.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infoplane.types.arrays import Array, Codes, Floats, Ids

_ROWS_PER_SCORE = 40
_MOST_SCORES = 64
_SINGULAR = 1e-8
_DENSE = 4
_DIGITS = 6
"""In which features of variance near 1 differ, if they do."""


@dataclass(frozen=True)
class Scores:
    """The leading principal scores of a layer.

    Attributes:
        white: uncorrelated and of variance 1, shape ``(n, r)``, largest variance first.
        weights: their deviations in the layer, of square sum 1, shape ``(r,)``.
    """

    white: Floats
    weights: Floats

    @property
    def weighted(self) -> Floats:
        """The scores at the scale that they have in the layer, shape ``(n, r)``."""
        return self.white * self.weights


def principal_scores(values: Array) -> Scores:
    """Find the leading principal scores of standardised units.

    They see one variable alone and not which rows are paired, so that all rows may be used.

    Args:
        values: shape ``(n, d)``, d from 1 to thousands.

    Returns:
        At most 64, d and n/40 scores.
    """
    rows = np.asarray(values, np.float64)
    rows = rows - rows.mean(axis=0)
    deviations = rows.std(axis=0)
    live = deviations > 0
    rows = rows[:, live] / deviations[live]
    most = min(rows.shape[1], len(rows) // _ROWS_PER_SCORE, _MOST_SCORES)
    if not most:
        return Scores(np.zeros((len(rows), 1)), np.ones(1))
    left, sizes = _leading(rows, most)
    kept = sizes > _SINGULAR * sizes[0]
    weights = sizes[kept] / np.linalg.norm(sizes[kept])
    return Scores(left[:, kept] * np.sqrt(len(rows)), weights)


def _leading(rows: Floats, count: int) -> tuple[Floats, Floats]:
    """Return the leading left singular vectors ``(n, count)`` and values, largest first."""
    from scipy.sparse.linalg import svds

    if min(rows.shape) <= _DENSE * count:
        left, sizes, _ = np.linalg.svd(rows, full_matrices=False)
        return left[:, :count], sizes[:count]
    left, sizes, _ = svds(rows, count, v0=np.ones(min(rows.shape)))
    order = np.argsort(sizes)[::-1]
    return left[:, order], sizes[order]


@dataclass(frozen=True)
class Canonical:
    """Directions in which two sets of uncorrelated scores agree.

    Attributes:
        first: shape ``(ra, m)``.
        second: shape ``(rb, m)``.
        correlations: on the rows that they were found on, shape ``(m,)``, largest first.
    """

    first: Floats
    second: Floats
    correlations: Floats


def canonical_directions(a: Floats, b: Floats) -> Canonical:
    """Find the directions whose correlation exceeds what independent rows show; at least one.

    Args:
        a: scores of one side, shape ``(n, ra)``, uncorrelated and of variance 1.
        b: scores of the other, shape ``(n, rb)``.
    """
    n = len(a)
    left, correlations, right = np.linalg.svd(a.T @ b / n, full_matrices=False)
    chance = np.sqrt(a.shape[1] / n) + np.sqrt(b.shape[1] / n)
    kept = max(1, int((correlations > chance).sum()))
    return Canonical(left[:, :kept], right[:kept].T, np.minimum(correlations[:kept], 1.0))


def uncorrelated(columns: Floats) -> Floats:
    """Return columns that span the same space, uncorrelated and of variance 1, shape ``(n, r)``."""
    left, sizes, _ = np.linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
    return left[:, sizes > _SINGULAR * max(float(sizes[0]), 1e-300)] * np.sqrt(len(columns))


def code_book(features: Floats, rows: Ids, codes: int) -> Codes:
    """Give every row the number of the nearest of ``codes`` centres found on some rows.

    Args:
        features: shape ``(n, m)``.
        rows: of the centres, shape ``(k,)``.
        codes: how many centres; fewer where fewer rows differ.

    Returns:
        Dense codes, shape ``(n,)``.
    """
    from sklearn.cluster import KMeans

    distinct = len(np.unique(features[rows].round(_DIGITS), axis=0))
    centres = min(codes, distinct)
    found = KMeans(centres, n_init=2, max_iter=50, random_state=0).fit(features[rows])
    return np.unique(found.predict(features), return_inverse=True)[1]
