"""The formulas of the nearest-neighbour estimators: Kraskov's, Ross', and Gao's for ties."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from infoplane.analysis.estimators.entropies import counts_of
from infoplane.analysis.kernels.neighbours import count_within, kth_distance
from infoplane.errors import EstimatorError
from infoplane.rows import row_codes

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
_LN2 = float(np.log(2.0))


def ksg_bits(x: Floats, z: Floats, k: int) -> float:
    """Apply Kraskov's first estimator, ``psi(k) + psi(N) - <psi(n_x + 1) + psi(n_z + 1)>``.

    In bits.

    The norm is Euclidean within a variable and the maximum across the two.

    Args:
        x: shape ``(n, dx)``.
        z: shape ``(n, dz)``.
        k: neighbours.
    """
    eps = kth_distance([x, z], k)
    nx, nz = count_within(x, eps), count_within(z, eps)
    return float(digamma(k) + digamma(len(x)) - (digamma(nx + 1) + digamma(nz + 1)).mean()) / _LN2


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
    used_k, eps = _within_classes(z, codes, k)
    # Distances within a class and in the whole set are rounded differently: the k-th neighbour is
    # counted once, below.
    m = count_within(z, eps * (1 - 1e-9)) + 1
    terms = digamma(len(z)) + digamma(used_k) - digamma(sizes) - digamma(m)
    return float(terms.mean()) / _LN2


def mixed_bits(x: Floats, z: Floats, k: int) -> float:
    """Apply Gao et al. (2017): KSG where a row with more than k ties counts its ties, in bits.

    Args:
        x: shape ``(n, dx)``.
        z: shape ``(n, dz)``.
        k: neighbours.
    """
    n = len(x)
    pair = row_codes(np.concatenate([x, z], axis=1))
    ties = counts_of(pair)[pair]
    tied = ties > k
    eps = np.zeros(n)
    # Of a point that more than k rows share, k + 1 copies are enough to find every distance.
    kept = _first_copies(pair, k + 1)
    eps[kept] = kth_distance([x[kept], z[kept]], k)
    eps[tied] = 0.0
    neighbours = np.where(tied, ties, k)
    nx, nz = count_within(x, eps) + 1, count_within(z, eps) + 1
    if tied.any():
        nx[tied], nz[tied] = _ties(x)[tied], _ties(z)[tied]
    terms = digamma(neighbours) + np.log(n) - digamma(nx) - digamma(nz)
    return float(terms.mean()) / _LN2


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
    used_k, eps = _within_classes(z, codes, k)
    tied = eps == 0
    m = count_within(z, eps * (1 - 1e-9)) + 1
    if tied.any():
        pair = row_codes(np.column_stack([row_codes(z), codes]))
        used_k[tied] = counts_of(pair)[pair][tied]
        m[tied] = _ties(z)[tied]
    terms = digamma(used_k) + np.log(len(z)) - digamma(sizes) - digamma(m)
    return float(terms.mean()) / _LN2


def shared_classes(z: Floats, codes: Codes) -> tuple[Floats, Codes]:
    """The rows, shape ``(m, dim)``, whose class has another row, and the dense codes of these.

    Raises:
        EstimatorError: there are none.
    """
    kept = counts_of(codes)[codes] > 1
    if not kept.any():
        raise EstimatorError(
            "every class has one row: there is no neighbour within a class; give labels, not row ids"
        )
    return (z, codes) if kept.all() else (z[kept], row_codes(codes[kept][:, None]))


def _within_classes(z: Floats, codes: Codes, k: int) -> tuple[Codes, Floats]:
    """How many neighbours each row uses within its class.

    And the distance of the last, ``(n,)``.
    """
    used_k, eps = np.zeros(len(z), np.int64), np.zeros(len(z))
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.cumsum(counts_of(codes))[:-1]):
        used_k[rows] = min(k, len(rows) - 1)
        copies = _first_copies(row_codes(z[rows]), k + 1)
        inside = rows[copies]
        eps[inside] = kth_distance([z[inside]], min(k, len(inside) - 1))
    return used_k, eps


def _first_copies(codes: Codes, most: int) -> NDArray[np.int64]:
    """The rows, ascending, of which fewer than ``most`` equal ones stand before."""
    order = np.argsort(codes, kind="stable")
    counts = counts_of(codes)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(order[np.arange(len(codes)) - starts < most])


def _ties(z: Floats) -> Codes:
    """How many rows share the value of each row, itself among them, shape ``(n,)``."""
    codes = row_codes(z)
    return counts_of(codes)[codes]
