"""The mixtures of the benchmark's second version (Czyz et al. 2023, arXiv 2310.10240).

The paper defines their information as a mean log ratio of densities over drawn rows. Here it comes
from quadrature: each case has a statistic of one dimension on either side that loses nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from infoplane.analysis.calibrate.bmi_cases import paired_covariance
from infoplane.analysis.calibrate.case import Case, Family, Sample
from infoplane.analysis.calibrate.draws import Map, pair, turned_by_radius, unchanged
from infoplane.analysis.calibrate.truths import classes_bits, joint_bits, step_of
from infoplane.types.arrays import Floats

_POINTS = 1501
_LAGUERRE_NODES = 120


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of C equally likely normal components of D units.

    Attributes:
        means: shape ``(C, D)``.
        covariances: shape ``(C, D, D)``.
    """

    means: Floats
    covariances: Floats

    def draw(self, n: int, rng: Generator) -> Floats:
        """Draw rows, shape ``(n, D)``."""
        component = rng.integers(0, len(self.means), n)
        roots = np.linalg.cholesky(self.covariances)
        normals = rng.normal(size=(n, self.means.shape[1]))
        return self.means[component] + np.einsum("nij,nj->ni", roots[component], normals)

    def bits_of_pair(self) -> float:
        """Compute I of the two units of a mixture with D = 2, on a grid."""
        deviations = np.sqrt(np.diagonal(self.covariances, axis1=1, axis2=2))  # (C, 2)
        low = (self.means - 8 * deviations).min(axis=0)
        high = (self.means + 8 * deviations).max(axis=0)
        along_x, along_y = (np.linspace(low[unit], high[unit], _POINTS) for unit in (0, 1))
        grid = np.stack(np.meshgrid(along_x, along_y, indexing="ij"), axis=-1)
        density = np.zeros(grid.shape[:2])
        for mean, covariance in zip(self.means, self.covariances, strict=True):
            left = grid - mean
            exponent = np.einsum("xyi,ij,xyj->xy", left, np.linalg.inv(covariance), left)
            height = 2 * math.pi * math.sqrt(float(np.linalg.det(covariance)))
            density += np.exp(-exponent / 2) / height / len(self.means)
        return joint_bits(density, step_of(along_x), step_of(along_y))


def mixture_case(
    name: str,
    family: Family,
    mixture: Mixture,
    statistic: Mixture,
    *,
    x_map: Map = unchanged,
) -> Case:
    """Build a case of a mixture whose last unit is Y and whose other units are X.

    Args:
        name: of the case.
        family: of the case.
        mixture: of X and Y.
        statistic: the mixture of a statistic of X that loses nothing about Y, and of Y; D = 2.
        x_map: invertible, ``(n, D - 1)`` to the same shape.
    """

    def draw(n: int, rng: Generator) -> Sample:
        rows = mixture.draw(n, rng)
        return pair(x_map(rows[:, :-1]), rows[:, -1])

    return Case(
        name,
        family,
        draw,
        statistic.bits_of_pair,
        "density of one unit of either side on a grid",
        mixture.means.shape[1] == 2,
    )


def _cross() -> Case:
    correlation = 0.9
    first = np.array([[1, correlation], [correlation, 1]])
    second = np.array([[1, -correlation], [-correlation, 1]])
    mixture = Mixture(np.zeros((2, 2)), np.stack([first, second]))
    return mixture_case("X 1 × 1", "1-D", mixture, mixture)


def _letters() -> Case:
    """Build the letters A and I of six strokes."""
    slope = 0.95 * math.sqrt(0.04 * 0.2)
    means = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, -1.0], [-0.8, -0.2], [-1.2, 0.0], [-0.4, 0.0]])
    covariances = np.array(
        [
            [[0.01, 0.0], [0.0, 0.2]],
            [[0.05, 0.0], [0.0, 0.001]],
            [[0.05, 0.0], [0.0, 0.001]],
            [[0.03, 0.0], [0.0, 0.001]],
            [[0.04, slope], [slope, 0.2]],
            [[0.04, -slope], [-slope, 0.2]],
        ]
    )
    mixture = Mixture(means, covariances)
    return mixture_case("AI 1 × 1", "1-D", mixture, mixture)


def _waves() -> Case:
    components = 12
    index = np.arange(components, dtype=np.float64)
    means: Floats = np.stack([1.5 * index, np.zeros(components), 1.5 * (index % 4)], axis=1)
    covariance = np.diag([0.1, 1.0, 0.1])

    def bend(x: Floats) -> Floats:
        bent = x[:, 0] + 5 * np.sin(3 * x[:, 1])
        return np.stack([0.1 * bent - 0.8, 0.5 * x[:, 1]], axis=1)

    statistic = Mixture(
        np.delete(means, 1, axis=1), np.tile(np.diag([0.1, 0.1]), (components, 1, 1))
    )
    mixture = Mixture(means, np.tile(covariance, (components, 1, 1)))
    return mixture_case("Waves 2 × 1", "warped", mixture, statistic, x_map=bend)


def _galaxy() -> Case:
    """Build two balls in space, whose first two units are rolled to spirals.

    The sum of these two tells all about the ball that they tell.
    """
    means = np.array([[-1.5, -1.5, -1.5], [1.5, 1.5, 1.5]])
    mixture = Mixture(means, np.tile(np.eye(3), (2, 1, 1)))
    along = np.array([[-1.5 * math.sqrt(2), -1.5], [1.5 * math.sqrt(2), 1.5]])
    statistic = Mixture(along, np.tile(np.eye(2), (2, 1, 1)))
    return mixture_case(
        "Galaxy 2 × 1", "warped", mixture, statistic, x_map=turned_by_radius(0, 1, 0.5)
    )


def _shells(dim: int, components: int) -> Case:
    """Build normals of deviation i = 1 ... components, where Y = i + N(0, 0.01^2) names i.

    I(X;Y) is that of the length of X and i: the direction is uniform for every i.
    """
    deviations = np.arange(1, components + 1)

    def draw(n: int, rng: Generator) -> Sample:
        deviation = rng.integers(1, components + 1, n)
        x = deviation[:, None] * rng.normal(size=(n, dim))
        return pair(x, deviation + 0.01 * rng.normal(size=n))

    def truth() -> float:
        from scipy.stats import chi

        length = np.linspace(0, components * (math.sqrt(dim) + 9), 40_001)[1:]
        densities = np.stack([chi.pdf(length / s, dim) / s for s in deviations])
        weights = np.full(components, 1 / components)
        return classes_bits(densities, weights, step_of(length))

    name = f"Concentric {dim} × 1 ({components} components)"
    family: Family = "vector" if dim <= 5 else "high-dimensional"
    return Case(name, family, draw, truth, "chi densities of the length", False)


def inlier_bits(correlation: float, share: float) -> float:
    """Compute I of two correlated pairs, of which a share of the rows is independent.

    With u, v the sum and the difference of a pair over sqrt 2, the log ratio of densities of two
    pairs is ``-ln(1-r^2) + r/(1+r) U - r/(1-r) V``, where U and V are exponential of mean 1 for
    independent rows and of mean 1+r and 1-r for the others. Two Gauss-Laguerre rules do the rest.
    """
    nodes, weights = np.polynomial.laguerre.laggauss(_LAGUERRE_NODES)
    r = correlation
    total = 0.0
    for part, u_mean, v_mean in ((1 - share, 1 + r, 1 - r), (share, 1.0, 1.0)):
        of_sum = r / (1 + r) * (u_mean * nodes[:, None])
        of_difference = r / (1 - r) * (v_mean * nodes[None, :])
        log_ratio = -math.log(1 - r * r) + of_sum - of_difference
        seen = np.logaddexp(math.log1p(-share) + log_ratio, math.log(share))
        total += part * float(weights @ seen @ weights)
    return total / math.log(2)


def _inliers(dim: int, share: float) -> Case:
    """Build two correlated pairs of units; Y of a share of the rows is drawn anew."""
    root = np.linalg.cholesky(paired_covariance(0.8, 2, dim))

    def draw(n: int, rng: Generator) -> Sample:
        rows = rng.normal(size=(n, 2 * dim)) @ root.T
        independent = rng.random(n) < share
        fresh = rng.normal(size=(n, dim))
        y = np.where(independent[:, None], fresh, rows[:, dim:])
        return pair(rows[:, :dim], y)

    return Case(
        f"Multinormal {dim} × {dim} (sparse, {share:.0%} inliers)",
        "high-dimensional",
        draw,
        lambda: inlier_bits(0.8, share),
        "Gauss-Laguerre over two exponentials",
        False,
    )


CASES = (
    _cross(),
    _letters(),
    _waves(),
    _galaxy(),
    _shells(3, 5),
    _shells(5, 5),
    _shells(3, 10),
    _shells(5, 10),
    _shells(25, 5),
    _inliers(5, 0.2),
    _inliers(25, 0.2),
    _inliers(5, 0.5),
    _inliers(25, 0.5),
)
