"""The formulas of the nearest-neighbour estimators: Kraskov's, Ross', and Gao's for ties."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import digamma

from infoplane.analysis.estimators.entropies import LN2, counts_of
from infoplane.analysis.estimators.lattice import has_equal_distances
from infoplane.analysis.estimators.quantisation import occurrences
from infoplane.analysis.estimators.shared_symbols import in_company
from infoplane.analysis.kernels.neighbours import Distances, count_within, kth_distance
from infoplane.rows import row_codes
from infoplane.types.arrays import Codes, Counts, Floats, Ids

_BLOCK = 256
"""Rows whose distances to all others are held at a time."""
_WIDER = 1 + 1e-9
"""Factor by which a ball is widened, so that rows at its edge count in spite of rounding."""


def ksg_bits(x: Floats, z: Floats, k: int) -> float:
    """Apply Kraskov's first estimator, ``psi(k) + psi(N) - <psi(n_x + 1) + psi(n_z + 1)>``.

    In bits (Kraskov et al. 2004, eq. 8). n_x and n_z count the rows nearer in one variable than
    the k-th neighbour is in both. The norm is Euclidean within a variable and the maximum across
    the two.

    Args:
        x: shape ``(n, dx)``.
        z: shape ``(n, dz)``.
        k: neighbours.
    """
    of_x = Distances(x)
    of_z = Distances(z)
    eps = kth_distance([of_x, of_z], k)
    terms = digamma(count_within(of_x, eps) + 1) + digamma(count_within(of_z, eps) + 1)
    return float(digamma(k) + digamma(len(x)) - terms.mean()) / LN2


def ross_bits(z: Floats, codes: Codes, k: int) -> float:
    """Apply Ross (2014): ``psi(N) + <psi(k_i)> - <psi(N_c)> - <psi(m)>``, in bits.

    N, N_c and m count rows of classes with at least two rows; the others are left out. A class of
    at most k rows uses all its others as neighbours.

    Args:
        z: shape ``(n, dim)``.
        codes: shape ``(n,)``; dense codes of the classes.
        k: neighbours.

    Raises:
        EstimatorError: no class has two rows.
    """
    z, codes = shared_classes(z, codes)
    sizes = counts_of(codes)[codes]
    within, among, _ = _counts_of_classes(z, codes, k)
    terms = digamma(len(z)) + digamma(within) - digamma(sizes) - digamma(among)
    return float(terms.mean()) / LN2


def mixed_bits(x: Floats, z: Floats, k: int) -> float:
    """Apply Gao et al. (2017): KSG where a row with more than k ties counts its ties, in bits.

    On a lattice all rows as far as the k-th neighbour are counted, in each variable as in both.

    Args:
        x: shape ``(n, dx)``.
        z: shape ``(n, dz)``.
        k: neighbours.
    """
    of_x = Distances(x)
    of_z = Distances(z)
    pair = row_codes(np.concatenate([x, z], axis=1))
    ties = counts_of(pair)[pair]
    tied = ties > k
    eps = _reach_of_pairs(of_x, of_z, pair, k)
    near_both = np.where(tied, ties, k)
    near_x = count_within(of_x, eps) + 1
    near_z = count_within(of_z, eps) + 1
    if has_equal_distances(x) or has_equal_distances(z):
        reach = eps * _WIDER
        near_both = np.where(tied, ties, np.maximum(_count_joint(x, z, reach), k))
        near_x = np.maximum(near_x, count_within(of_x, reach, strict=False))
        near_z = np.maximum(near_z, count_within(of_z, reach, strict=False))
    if tied.any():
        near_x[tied] = _ties(x)[tied]
        near_z[tied] = _ties(z)[tied]
    terms = digamma(near_both) + np.log(len(x)) - digamma(near_x) - digamma(near_z)
    return float(terms.mean()) / LN2


def _reach_of_pairs(x: Distances, z: Distances, pair: Codes, k: int) -> Floats:
    """Return how far the k-th neighbour lies in both variables, shape ``(n,)``.

    0 of a pair of values that more than k rows share. Of such a pair k + 1 copies are enough to
    find every distance.

    Args:
        x, z: distances of n rows.
        pair: dense codes of pairs of values, shape ``(n,)``.
        k: neighbours.
    """
    kept = np.flatnonzero(occurrences(pair) <= k)
    parts = [x, z] if len(kept) == x.n else [x.points[kept], z.points[kept]]
    eps = np.zeros(x.n)
    eps[kept] = kth_distance(parts, k)
    eps[counts_of(pair)[pair] > k] = 0.0
    return eps


def _count_joint(x: Floats, z: Floats, reach: Floats) -> Counts:
    """Count the other rows at most ``reach`` away in both variables, shape ``(n,)``.

    Args:
        x: shape ``(n, dx)``.
        z: shape ``(n, dz)``.
        reach: of every row, shape ``(n,)``.
    """
    found = np.zeros(len(x), np.int64)
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, start + _BLOCK)
        near_x = cdist(x[rows], x) <= reach[rows, None]
        near_z = cdist(z[rows], z) <= reach[rows, None]
        found[rows] = (near_x & near_z).sum(axis=1) - 1
    return found


def mixed_label_bits(z: Floats, codes: Codes, k: int) -> float:
    """Apply Gao et al. (2017) to a vector and symbols, whose metric is discrete, in bits.

    Classes are treated as in `ross_bits`: a neighbour that lies in another class is none.

    Args:
        z: shape ``(n, dim)``.
        codes: shape ``(n,)``; dense codes of the classes.
        k: neighbours.
    """
    z, codes = shared_classes(z, codes)
    sizes = counts_of(codes)[codes]
    within, among, eps = _counts_of_classes(z, codes, k)
    tied = eps == 0
    if tied.any():
        pair = row_codes(np.column_stack([row_codes(z), codes]))
        within[tied] = counts_of(pair)[pair][tied]
        among[tied] = _ties(z)[tied]
    terms = digamma(within) + np.log(len(z)) - digamma(sizes) - digamma(among)
    return float(terms.mean()) / LN2


def shared_classes(z: Floats, codes: Codes) -> tuple[Floats, Codes]:
    """Return the rows whose class has another row, ``(m, dim)``, and the dense codes of these.

    Args:
        z: shape ``(n, dim)``.
        codes: of the classes, shape ``(n,)``.

    Raises:
        EstimatorError: there are none.
    """
    kept = in_company(codes)
    return (z, codes) if kept.all() else (z[kept], row_codes(codes[kept][:, None]))


def _counts_of_classes(z: Floats, codes: Codes, k: int) -> tuple[Codes, Codes, Floats]:
    """Count the neighbours of each row within its class and among all, and how far they lie.

    On a lattice many rows lie as far as the k-th neighbour: all of them are counted, in the class
    as among all. Else that neighbour is counted once: distances within a class and in the whole set
    are rounded differently.

    Args:
        z: shape ``(n, dim)``.
        codes: dense codes of the classes, shape ``(n,)``.
        k: neighbours.

    Returns:
        Shape ``(n,)`` each.
    """
    within, eps = _within_classes(z, codes, k)
    if not has_equal_distances(z):
        return within, count_within(z, eps * (1 - 1e-9)) + 1, eps
    reach = eps * _WIDER
    for rows in _rows_by_class(codes):
        within[rows] = np.maximum(count_within(z[rows], reach[rows]), within[rows])
    return within, np.maximum(count_within(z, reach), within), eps


def _within_classes(z: Floats, codes: Codes, k: int) -> tuple[Counts, Floats]:
    """Count the neighbours that each row uses within its class.

    Args:
        z: shape ``(n, dim)``.
        codes: dense codes of the classes, shape ``(n,)``.
        k: neighbours.

    Returns:
        The counts, and the distance of the last, shape ``(n,)`` each.
    """
    within = np.zeros(len(z), np.int64)
    eps = np.zeros(len(z))
    for rows in _rows_by_class(codes):
        within[rows] = min(k, len(rows) - 1)
        inside = rows[occurrences(row_codes(z[rows])) <= k]
        eps[inside] = kth_distance([z[inside]], min(k, len(inside) - 1))
    return within, eps


def _rows_by_class(codes: Codes) -> list[Ids]:
    return np.split(np.argsort(codes, kind="stable"), np.cumsum(counts_of(codes))[:-1])


def _ties(z: Floats) -> Codes:
    """Return how many rows share the value of each row, itself among them, shape ``(n,)``."""
    codes = row_codes(z)
    return counts_of(codes)[codes]
