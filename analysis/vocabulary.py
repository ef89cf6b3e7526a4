"""The vocabulary of information theory as functions, in bits.

Discrete tables, Gaussians, expectations, divergences from samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from infoplane.errors import InputError
from infoplane.types.arrays import Counts, Floats

_LN2 = float(np.log(2.0))


def _probabilities(p: ArrayLike, what: str = "p") -> Floats:
    values = np.asarray(p, np.float64)
    if (
        values.size == 0
        or not np.isfinite(values).all()
        or (values < 0).any()
        or abs(values.sum() - 1) > 1e-9
    ):
        raise InputError(
            f"{what} must be probabilities: finite, not negative, summing to 1; got sum "
            f"{values.sum():.12g}, least {values.min(initial=0):.3g}"
        )
    return values


def entropy(p: ArrayLike) -> float:
    """Return H = -sum p log2 p of a table of any shape.

    Example:
        >>> entropy([0.5, 0.25, 0.25])
        1.5
    """
    table = _probabilities(p)
    return float(-xlogy(table, table).sum() / _LN2) + 0.0


def joint_entropy(table: ArrayLike) -> float:
    """Return H(A,B,...) of a joint table: the entropy of all its cells."""
    return entropy(table)


def conditional_entropy(table: ArrayLike) -> float:
    """Return H(B|A) = H(A,B) - H(A) of a joint table ``p[a, b]``.

    Example:
        >>> conditional_entropy([[0.5, 0.0], [0.25, 0.25]])
        0.5
    """
    joint = _two(table)
    return entropy(joint) - entropy(joint.sum(axis=1))


def mutual_information(table: ArrayLike) -> float:
    """Return I(A;B) = sum p(a,b) log2 p(a,b) / (p(a) p(b)) of a joint table ``p[a, b]``.

    Example:
        >>> mutual_information([[0.5, 0.0], [0.0, 0.5]])
        1.0
    """
    joint = _two(table)
    return kl(joint, np.outer(joint.sum(axis=1), joint.sum(axis=0)))


def conditional_mutual_information(table: ArrayLike) -> float:
    """Return I(A;B|C) of a joint table ``p[a, b, c]``.

    Example:
        >>> xor = np.zeros((2, 2, 2))
        >>> xor[[0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]] = 0.25
        >>> conditional_mutual_information(xor), mutual_information(xor.sum(axis=2))
        (1.0, 0.0)
    """
    joint = _probabilities(table, "table")
    if joint.ndim != 3:
        raise InputError(f"expected a table p[a, b, c] of three axes, got shape {joint.shape}")
    of_pairs = entropy(joint.sum(axis=1)) + entropy(joint.sum(axis=0))
    return of_pairs - entropy(joint) - entropy(joint.sum(axis=(0, 1)))


def kl(p: ArrayLike, q: ArrayLike) -> float:
    """Return D(p||q) = sum p log2 p/q; infinite where q has no mass and p has.

    Example:
        >>> kl([1.0, 0.0], [0.5, 0.5]), kl([0.5, 0.5], [1.0, 0.0])
        (1.0, inf)
    """
    mass, other = _probabilities(p), _probabilities(q, "q")
    if mass.shape != other.shape:
        raise InputError(f"expected tables of one shape, got {mass.shape} and {other.shape}")
    seen = mass > 0
    mass, other = mass[seen], other[seen]
    if (other == 0).any():
        return math.inf
    return float((mass * np.log2(mass / other)).sum()) + 0.0


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    """Return Jensen-Shannon divergence: mean KL to the mixture, between 0 and 1 bit.

    Example:
        >>> jensen_shannon([1.0, 0.0], [0.0, 1.0])
        1.0
    """
    mixture = (_probabilities(p) + _probabilities(q, "q")) / 2
    return (kl(p, mixture) + kl(q, mixture)) / 2


def gaussian_entropy(covariance: ArrayLike) -> float:
    """Return h = 1/2 log2 det(2 pi e S) of a multivariate Gaussian.

    Differential, may be negative.

    Example:
        >>> round(gaussian_entropy([[1.0]]), 6)
        2.047096
    """
    s = _covariance(covariance)
    return float(0.5 * (len(s) * np.log(2 * np.pi * np.e) + np.linalg.slogdet(s)[1]) / _LN2)


def gaussian_kl(mean_p: ArrayLike, cov_p: ArrayLike, mean_q: ArrayLike, cov_q: ArrayLike) -> float:
    """Return D(N_p||N_q) in bits of two Gaussians.

    1/2 [tr(S_q^-1 S_p) + (m_q-m_p)^T S_q^-1 (m_q-m_p) - d + ln det S_q/det S_p] / ln 2.

    Args:
        mean_p, mean_q: shape ``(d,)``.
        cov_p, cov_q: shape ``(d, d)``.

    Example:
        >>> round(gaussian_kl([1.0], [[1.0]], [0.0], [[1.0]]), 6)
        0.721348
    """
    p, q = _covariance(cov_p), _covariance(cov_q)
    gap = np.atleast_1d(np.asarray(mean_q, np.float64) - np.asarray(mean_p, np.float64))
    quadratic = float(gap @ np.linalg.solve(q, gap))
    logs = float(np.linalg.slogdet(q)[1] - np.linalg.slogdet(p)[1])
    return float(0.5 * (np.trace(np.linalg.solve(q, p)) + quadratic - len(p) + logs) / _LN2)


def gaussian_information(covariance: ArrayLike, first: int) -> float:
    """Return I(A;B) = 1/2 log2 det S_A det S_B / det S of jointly Gaussian A and B.

    A is the first ``first`` coordinates, B the rest.

    Example:
        >>> round(gaussian_information([[1.0, 0.8], [0.8, 1.0]], 1), 6)
        0.736966
    """
    s = _covariance(covariance)
    if not 0 < first < len(s):
        raise InputError(
            f"first must leave both sides a coordinate: 1 to {len(s) - 1}, got {first}"
        )
    logs = [float(np.linalg.slogdet(part)[1]) for part in (s[:first, :first], s[first:, first:], s)]
    return 0.5 * (logs[0] + logs[1] - logs[2]) / _LN2


def expectation(
    f: Callable[[Floats], ArrayLike], sample: Callable[[int], Floats], n: int = 10_000
) -> tuple[float, float]:
    """Return E f by n samples, and its standard error, in the units of f.

    Args:
        f: from rows ``(n, ...)`` to values ``(n,)``.
        sample: draws that many rows.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> mean, se = expectation(lambda x: x**2, lambda n: rng.normal(size=n))
        >>> abs(mean - 1) < 4 * se
        True
    """
    if n < 2:
        raise InputError(f"expected at least 2 samples, got {n}")
    values = np.asarray(f(sample(n)), np.float64)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(n))


def kl_from_samples(x: ArrayLike, y: ArrayLike, *, k: int = 5) -> float:
    """Estimate D(p||q) in bits from rows of p and q, by neighbours in one ball.

    Wang, Kulkarni & Verdu 2009, section IV.

    ``<psi(l_i) - psi(k_i)> + log M/(N-1)``: l_i rows of p and k_i of q lie within the larger of the
    two distances to the k-th neighbour, so that both densities are smoothed alike and their biases
    cancel to first order (see `infoplane.analysis.estimators.neighbour_ratio.log_ratios`).

    Args:
        x, y: shapes ``(n, dim)`` and ``(m, dim)``, continuous and distinct rows.
        k: neighbours.

    When it lies: equal rows (an error here); more than about 5 dimensions, where it falls short;
    rows of p where q has none: there it falls short by bits (see
    `infoplane.analysis.studies.divergences.share_beyond`, which `drift` asks first).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> p, q = rng.normal(1, 1, (4000, 1)), rng.normal(0, 1, (4000, 1))
        >>> abs(kl_from_samples(p, q) - 0.7213) < 0.1
        True
    """
    from infoplane.analysis.estimators.neighbour_ratio import log_ratios

    return float(log_ratios(_rows(x), _rows(y), k).mean()) / _LN2


def kl_binned(x: ArrayLike, y: ArrayLike, *, bins: int = 30) -> float:
    """Return D(p||q) in bits between histograms on common cells, the mean over units.

    Values may repeat.

    Every unit has ``bins`` equal cells over the joint range of both samples, every cell half a
    count more, so that the value is finite. Sums over units bound nothing: units depend on one
    another. A mean over units compares layers of different width.

    Args:
        x, y: rows of p and of q, shapes ``(n, dim)`` and ``(m, dim)``.
        bins: cells of a unit.

    When it lies: cells are coarse for heavy tails; about (cells - 1)/(2 n ln 2) bits of bias for
    equal distributions, removed to first order.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> p, q = rng.normal(1, 1, (20000, 1)), rng.normal(0, 1, (20000, 1))
        >>> abs(kl_binned(p, q) - 0.7213) < 0.1
        True
    """
    first, second = _rows(x), _rows(y)
    shapes = (first.shape, second.shape)
    if shapes[0][1] != shapes[1][1] or not len(first) or not len(second) or bins < 2:
        raise InputError(
            f"expected rows of one width and at least 2 bins, got shapes {shapes[0]} and "
            f"{shapes[1]}, {bins} bins"
        )
    total = 0.0
    for in_cells in counts_of_units(first, second, bins):
        counts = in_cells[:, in_cells.any(axis=0)] + 0.5  # (2, used cells)
        smooth_p, smooth_q = counts / counts.sum(axis=1, keepdims=True)
        bias = (counts.shape[1] - 1) / (2 * _LN2) * (1 / len(first) + 1 / len(second))
        total += float((smooth_p * np.log2(smooth_p / smooth_q)).sum()) - bias
    return float(total) / first.shape[1]


def counts_of_units(p: Floats, q: Floats, bins: int) -> Iterator[Counts]:
    """Yield for every unit that varies the rows of both samples in each cell, ``(2, bins)``.

    Args:
        p, q: rows, shapes ``(n, dim)`` and ``(m, dim)``.
        bins: equal cells over the joint range of both.
    """
    low = np.minimum(p.min(axis=0), q.min(axis=0))
    high = np.maximum(p.max(axis=0), q.max(axis=0))
    for unit in np.flatnonzero(high > low):
        cells = (low[unit], high[unit])
        yield np.array([np.histogram(rows[:, unit], bins, cells)[0] for rows in (p, q)])


def _rows(v: ArrayLike) -> Floats:
    """Return shape ``(n, dim)``, also of no rows."""
    rows = np.asarray(v, np.float64)
    return rows.reshape(len(rows), int(np.prod(rows.shape[1:])))


def _two(table: ArrayLike) -> Floats:
    joint = _probabilities(table, "table")
    if joint.ndim != 2:
        raise InputError(f"expected a joint table p[a, b] of two axes, got shape {joint.shape}")
    return joint


def _covariance(s: ArrayLike) -> Floats:
    matrix = np.atleast_2d(np.asarray(s, np.float64))
    shape = matrix.shape
    square = len(shape) == 2 and shape[0] == shape[1]
    if not square or not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] <= 0:
        raise InputError(f"expected a symmetric positive definite covariance, got shape {shape}")
    return matrix
