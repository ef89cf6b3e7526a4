"""Twelve layers of three and more units against labels, written down before any interval of them.

Seven have Gaussian classes; five have classes that are skewed, heavy, saturated, rolled or wound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from scipy.special import logsumexp
from scipy.stats import gamma, logistic, multivariate_normal

from infoplane.analysis.calibrate.case import Case
from infoplane.analysis.calibrate.discrete_cases import uniform
from infoplane.analysis.calibrate.draws import polar
from infoplane.analysis.calibrate.unseen_labels import class_case
from infoplane.types.arrays import Codes, Floats


def _gaussians(name: str, weights: Floats, means: Floats, covariances: Sequence[Floats]) -> Case:
    """Normal classes.

    Args:
        name: of the case.
        weights: of the classes, shape ``(C,)``.
        means: shape ``(C, dim)``.
        covariances: of each class, shape ``(dim, dim)``.
    """
    factors = np.stack([np.linalg.cholesky(covariance) for covariance in covariances])

    def draw_z(y: Codes, rng: Generator) -> Floats:
        noise = rng.normal(size=(len(y), means.shape[1]))
        return means[y] + np.einsum("nij,nj->ni", factors[y], noise)

    def log_densities(z: Floats) -> Floats:
        pairs = zip(means, covariances, strict=True)
        return np.stack([multivariate_normal(m, c).logpdf(z) for m, c in pairs])

    return class_case(name, weights, draw_z, log_densities)


def _wishart(rng: Generator, dim: int) -> Floats:
    factor = rng.normal(size=(dim, 2 * dim))
    return factor @ factor.T / (2 * dim)


def _ellipsoids() -> Case:
    """Return two normal classes of one centre, long in different directions."""
    long = np.diag([1.0, 0.16, 0.16])
    flat = np.diag([0.16, 0.16, 1.0])
    return _gaussians("two ellipsoids of one centre", uniform(2), np.zeros((2, 3)), [long, flat])


def _ring() -> Case:
    """Six classes on a ring in the plane, one more unit, neighbouring units correlated."""
    angles = np.arange(6) * math.pi / 3
    means = 2 * np.column_stack([polar(angles), np.zeros(6)])
    units = np.arange(3)
    shared = 0.5 ** np.abs(units[:, None] - units[None])
    return _gaussians("six normal classes on a ring", uniform(6), means, [shared] * 6)


def _factor() -> Case:
    """Return two classes in five units whose noise has one common factor."""
    loading = np.array([1.0, 0.8, 0.6, -0.7, 0.5])
    shared = np.outer(loading, loading) + 0.5 * np.eye(5)
    means = np.array([[0.0] * 5, [1.0, 0.0, -1.0, 0.5, 0.0]])
    return _gaussians("two classes, noise of one factor", uniform(2), means, [shared] * 2)


def _shapes(name: str, seed: int, weights: Sequence[float], dim: int, apart: float) -> Case:
    """Normal classes of random centres and shapes."""
    rng = np.random.default_rng(seed)
    means = apart * rng.normal(size=(len(weights), dim))
    return _gaussians(name, np.array(weights), means, [_wishart(rng, dim) for _ in weights])


def _gap() -> Case:
    means = np.zeros((2, 7))
    means[1, :2] = 1.2
    return _gaussians("two round classes in 7-D", uniform(2), means, [np.eye(7)] * 2)


def _waiting() -> Case:
    """Gamma coordinates: skewed."""
    scales = np.array([[1.0, 1.0, 1.0], [1.8, 1.0, 1.4], [0.6, 1.5, 1.0]])
    return class_case(
        "three classes of gamma units",
        np.array([0.5, 0.3, 0.2]),
        lambda y, rng: rng.gamma(3.0, size=(len(y), 3)) * scales[y],
        lambda z: np.stack([gamma.logpdf(z, 3.0, scale=scale).sum(axis=1) for scale in scales]),
    )


def _logistic() -> Case:
    """Logistic coordinates: tails between normal and Laplace."""
    means = np.array([[0.0, 0.0, 0.0, 0.0], [2.5, 0.0, 2.0, -1.0]])
    return class_case(
        "two classes of logistic units",
        np.array([0.6, 0.4]),
        lambda y, rng: means[y] + rng.logistic(size=(len(y), 4)),
        lambda z: np.stack([logistic.logpdf(z, mean).sum(axis=1) for mean in means]),
    )


def _saturated() -> Case:
    """Three tanh units of normal classes; one to one, so that the normals' ratio is theirs."""
    means = np.array([[-1.0, 0.0, 0.5], [1.0, 0.3, -0.5], [0.0, -1.2, 1.0]])

    def log_densities(z: Floats) -> Floats:
        inside = np.arctanh(np.clip(z, -1 + 1e-15, 1 - 1e-15))
        return np.stack([multivariate_normal(mean, np.eye(3)).logpdf(inside) for mean in means])

    return class_case(
        "three saturated units, three classes",
        uniform(3),
        lambda y, rng: np.tanh(means[y] + rng.normal(size=(len(y), 3))),
        log_densities,
    )


def _along(name: str, strands: Floats, sd: float) -> Case:
    """Classes that lie along point sets, shape ``(C, points, dim)``, plus normal noise."""

    def draw_z(y: Codes, rng: Generator) -> Floats:
        place = strands[y, rng.integers(0, strands.shape[1], len(y))]
        return place + sd * rng.normal(size=place.shape)

    def log_densities(z: Floats) -> Floats:
        found = []
        for strand in strands:
            squares = ((z[:, None] - strand[None]) ** 2).sum(axis=2)
            found.append(logsumexp(-squares / (2 * sd * sd), axis=1))
        return np.stack(found)

    return class_case(name, uniform(len(strands)), draw_z, log_densities)


def _rolled() -> Case:
    """Return two sheets rolled into each other."""
    turns, heights = np.meshgrid(np.linspace(3, 9, 40), np.linspace(0, 4, 8))
    turn = turns.ravel()
    height = heights.ravel()
    sheets = [
        np.column_stack([turn * np.cos(turn + start), height, turn * np.sin(turn + start)]) / 3
        for start in (0.0, math.pi)
    ]
    return _along("two rolled sheets", np.stack(sheets), 0.2)


def _wound() -> Case:
    """Three strands wound around each other."""
    along = np.linspace(0, 8 * math.pi, 240)
    strands = [
        np.column_stack([polar(along + start), along / 12])
        for start in (0.0, 2 * math.pi / 3, 4 * math.pi / 3)
    ]
    return _along("three wound strands", np.stack(strands), 0.15)


CASES: tuple[Case, ...] = (
    _shapes("three unequal normal classes in 3-D", 31, (0.5, 0.3, 0.2), 3, 1.0),
    _factor(),
    _ring(),
    _ellipsoids(),
    _shapes("four unequal normal classes in 6-D", 32, (0.4, 0.3, 0.2, 0.1), 6, 0.8),
    _shapes("five normal classes in 4-D, one rare", 33, (0.3, 0.3, 0.2, 0.15, 0.05), 4, 1.0),
    _gap(),
    _waiting(),
    _logistic(),
    _saturated(),
    _rolled(),
    _wound(),
)
