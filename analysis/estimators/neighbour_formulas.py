"""The formulas of the nearest-neighbour estimators: Kraskov's, Ross', and Gao's for ties."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import digamma

from infoplane.analysis.estimators.entropies import counts_of
from infoplane.analysis.estimators.shared_symbols import in_company
from infoplane.analysis.kernels.neighbours import Distances, count_within, kth_distance
from infoplane.rows import row_codes
from infoplane.types.arrays import Codes, Floats, Ids

_LN2 = float(np.log(2.0))
_BLOCK = 256
_ATOMS = 2


def ksg_bits(x: Floats, z: Floats, k: int) -> float:
    """Apply Kraskov's first estimator, ``psi(k) + psi(N) - <psi(n_x + 1) + psi(n_z + 1)>``.

    In bits.

    The norm is Euclidean within a variable and the maximum across the two.

    Args:
        x: shape ``(n, dx)``.
        z: shape ``(n, dz)``.
        k: neighbours.
    """
    of_x = Distances(x)
    of_z = Distances(z)
    eps = kth_distance([of_x, of_z], k)
    nx = count_within(of_x, eps)
    nz = count_within(of_z, eps)
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
    used_k, m, _ = _counts_of_classes(z, codes, k)
    terms = digamma(len(z)) + digamma(used_k) - digamma(sizes) - digamma(m)
    return float(terms.mean()) / _LN2


def mixed_bits(x: Floats, z: Floats, k: int) -> float:
    """Apply Gao et al. (2017): KSG where a row with more than k ties counts its ties, in bits.

    On a lattice all rows as far as the k-th neighbour are counted, in each variable as in both.

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
    of_x = Distances(x)
    of_z = Distances(z)
    every = len(kept) == n
    eps[kept] = kth_distance([of_x, of_z] if every else [x[kept], z[kept]], k)
    eps[tied] = 0.0
    neighbours = np.where(tied, ties, k)
    nx = count_within(of_x, eps) + 1
    nz = count_within(of_z, eps) + 1
    if _on_a_lattice(x) or _on_a_lattice(z):
        neighbours = np.where(tied, ties, np.maximum(_count_joint(x, z, eps), k))
        nx = np.maximum(nx, count_within(of_x, eps * (1 + 1e-9), strict=False))
        nz = np.maximum(nz, count_within(of_z, eps * (1 + 1e-9), strict=False))
    if tied.any():
        nx[tied], nz[tied] = _ties(x)[tied], _ties(z)[tied]
    terms = digamma(neighbours) + np.log(n) - digamma(nx) - digamma(nz)
    return float(terms.mean()) / _LN2


def _count_joint(x: Floats, z: Floats, eps: Floats) -> Codes:
    """Count the other rows at most ``eps`` away in both variables, shape ``(n,)``."""
    found = np.zeros(len(x), np.int64)
    reach = eps * (1 + 1e-9)
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, start + _BLOCK)
        near = np.ones((len(x[rows]), len(x)), np.bool_)
        for v in (x, z):
            near &= cdist(v[rows], v) <= reach[rows, None]
        found[rows] = near.sum(axis=1) - 1
    return found


def _on_a_lattice(v: Floats) -> bool:
    """Whether rows, ``(n, dim)``, repeat at more values than the atoms of a saturated unit."""
    return int((counts_of(row_codes(v)) > 1).sum()) > _ATOMS


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
    used_k, m, eps = _counts_of_classes(z, codes, k)
    tied = eps == 0
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
    kept = in_company(codes)
    return (z, codes) if kept.all() else (z[kept], row_codes(codes[kept][:, None]))


def _counts_of_classes(z: Floats, codes: Codes, k: int) -> tuple[Codes, Codes, Floats]:
    """Count the neighbours of each row, ``(n,)``.

    Within its class, among all, and how far they lie.

    On a lattice many rows lie as far as the k-th neighbour: all of them are
    counted, in the class as among all. Else that neighbour is counted once: distances within a
    class and in the whole set are rounded differently.
    """
    used_k, eps = _within_classes(z, codes, k)
    if not _on_a_lattice(z):
        return used_k, count_within(z, eps * (1 - 1e-9)) + 1, eps
    reach = eps * (1 + 1e-9)
    for rows in np.split(np.argsort(codes, kind="stable"), np.cumsum(counts_of(codes))[:-1]):
        used_k[rows] = np.maximum(count_within(z[rows], reach[rows]), used_k[rows])
    return used_k, np.maximum(count_within(z, reach), used_k), eps


def _within_classes(z: Floats, codes: Codes, k: int) -> tuple[Codes, Floats]:
    """Count the neighbours that each row uses within its class.

    Returns:
        The counts, and the distance of the last, shape ``(n,)`` each.
    """
    used_k = np.zeros(len(z), np.int64)
    eps = np.zeros(len(z))
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.cumsum(counts_of(codes))[:-1]):
        used_k[rows] = min(k, len(rows) - 1)
        copies = _first_copies(row_codes(z[rows]), k + 1)
        inside = rows[copies]
        eps[inside] = kth_distance([z[inside]], min(k, len(inside) - 1))
    return used_k, eps


def _first_copies(codes: Codes, most: int) -> Ids:
    """Return the rows, ascending, of which fewer than ``most`` equal ones stand before."""
    order = np.argsort(codes, kind="stable")
    counts = counts_of(codes)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(order[np.arange(len(codes)) - starts < most])


def _ties(z: Floats) -> Codes:
    """How many rows share the value of each row, itself among them, shape ``(n,)``."""
    codes = row_codes(z)
    return counts_of(codes)[codes]
