"""Peers: faithful re-implementations of published formulas in plain numpy, and scikit-learn's
distances and neighbours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, logsumexp
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import KDTree, NearestNeighbors

Array = NDArray[Any]  # Any: every dtype passes here


def kde_dense(z: Array, s2: float) -> tuple[float, float]:
    """Kolchinsky & Tracey's two bounds in bits from the full N x N matrix of distances."""
    norms = (z * z).sum(axis=1)
    d = np.maximum(norms[:, None] + norms[None, :] - 2 * z @ z.T, 0)
    np.fill_diagonal(d, 0)
    n = len(z)
    bounds = [
        float(-(logsumexp(-d / scale, axis=1) - np.log(n)).mean() / np.log(2))
        for scale in (2 * s2, 8 * s2)
    ]
    return bounds[0], bounds[1]


def binned_void(z: Array, width: float) -> float:
    """Entropy in bits of floor(z / width) by `np.unique` on a void view of the rows, as in the
    published code.
    """
    cells = np.ascontiguousarray(np.floor(z / width).astype(np.int64))
    rows = cells.view(np.dtype((np.void, cells.dtype.itemsize * cells.shape[1])))
    p = np.unique(rows, return_counts=True)[1] / len(z)
    return float(-(p * np.log2(p)).sum())


def ksg_sklearn(x: Array, z: Array, k: int) -> float:
    """KSG estimator 1 in bits: Euclidean norm in each marginal, the maximum across them, by
    scikit-learn's dense distances.
    """
    dx = pairwise_distances(x)
    dz = pairwise_distances(z)
    joint = np.maximum(dx, dz)
    np.fill_diagonal(joint, np.inf)
    eps = np.partition(joint, k - 1, axis=1)[:, k - 1 : k]
    counts = [(m < eps).sum(axis=1) - 1 for m in (dx, dz)]
    return float(
        (digamma(k) + digamma(len(x)) - sum(digamma(c + 1) for c in counts).mean()) / np.log(2)
    )


def ksg_neighbours(x: Array, z: Array, k: int) -> float:
    """The same estimator by `sklearn.neighbors`: neighbours in the joint space (precomputed maximum
    of the two distances), counts by trees.
    """
    joint = np.maximum(pairwise_distances(x), pairwise_distances(z))
    eps = NearestNeighbors(metric="precomputed", n_neighbors=k).fit(joint).kneighbors()[0][:, -1]
    radius = np.nextafter(eps * (1 - 1e-9), 0)
    counts = [KDTree(p).query_radius(p, radius, count_only=True) for p in (x, z)]
    return float(
        (digamma(k) + digamma(len(x)) - sum(digamma(c) for c in counts).mean()) / np.log(2)
    )


def ksg_sklearn_line(x: Array, z: Array, k: int) -> float:
    """The 1-D estimator as scikit-learn's `mutual_info_regression` computes it (kd-tree,
    Chebyshev), in bits.
    """
    joint = np.hstack((x, z))
    radius = np.nextafter(
        NearestNeighbors(metric="chebyshev", n_neighbors=k).fit(joint).kneighbors()[0][:, -1], 0
    )
    counts = [
        KDTree(p, metric="chebyshev").query_radius(p, radius, count_only=True) for p in (x, z)
    ]
    return float(
        (digamma(len(x)) + digamma(k) - digamma(counts[0]).mean() - digamma(counts[1]).mean())
        / np.log(2)
    )


def renyi_dense(z: Array, y: Array, alpha: float, width: float) -> list[float]:
    """Matrix-based Renyi "information" of unique X and of labels, as published: an N x N x d array
    of differences, eigh of every matrix.
    """
    n = len(z)
    d = np.empty((n, n))
    for rows in np.array_split(
        np.arange(n), max(1, n // 64)
    ):  # the array of differences in slices: whole it would not fit
        d[rows] = ((z[rows, None, :] - z[None]) ** 2).sum(axis=2)
    a = np.exp(-d / (2 * width**2)) / n
    b = (y[:, None] == y[None]).astype(float) / n
    joint = a * b / np.trace(a * b)
    one = np.eye(n) / n

    def entropy(matrix: Array) -> float:
        values = np.linalg.eigh(matrix)[0]
        return float(np.log2((values[values > 1e-14] ** alpha).sum()) / (1 - alpha))

    s_a = entropy(a)
    s_joint_x = entropy(a * one / np.trace(a * one))
    return [s_a + entropy(one) - s_joint_x, s_a + entropy(b) - entropy(joint)]
