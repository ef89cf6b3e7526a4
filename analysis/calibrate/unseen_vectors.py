"""Vectors of the bank ``unseen``: curved supports, heavy tails, clusters.

See `unseen_scalars`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from scipy.special import i0e, ndtr
from scipy.stats import multivariate_normal

from infoplane.analysis.calibrate.case import Case, Sample
from infoplane.analysis.calibrate.continuous_cases import covariance_case, gaussian, student
from infoplane.analysis.calibrate.draws import pair, polar
from infoplane.analysis.calibrate.truths import normal_entropy, step_of
from infoplane.types.arrays import Floats

_ROWS = 200_000
"""Rows over which an exact log ratio of densities is averaged: 0.003 bit of error at most."""


def radial(
    name: str,
    dim: int,
    draw_x: Callable[[int, Generator], Floats],
    radii: Floats,
    weights: Floats,
    sd: float,
) -> Case:
    """Return a round support plus normal noise in two or three dimensions: h(Z) over the radius.

    Args:
        name: of the case.
        dim: 2 or 3.
        draw_x: rows and generator to X, shape ``(n, dim)``, of uniform direction.
        radii: of X, shape ``(R,)``; the nodes of its law.
        weights: of the radii, shape ``(R,)``.
        sd: of the noise in each coordinate.
    """

    def draw(n: int, rng: Generator) -> Sample:
        x = draw_x(n, rng)
        return pair(x, x + sd * rng.normal(size=x.shape))

    def truth() -> float:
        radius = np.linspace(1e-6, radii.max() + 9 * sd, 8001)
        density = np.zeros(len(radius))
        for at, weight in zip(radii, weights / weights.sum(), strict=True):
            height = (2 * math.pi * sd * sd) ** (dim / 2)
            kernel = np.exp(-((radius - at) ** 2) / (2 * sd * sd)) / height
            density += weight * kernel * _round_mean(radius * at / sd**2, dim)
        shell = 2 * math.pi * radius if dim == 2 else 4 * math.pi * radius**2
        terms = shell * density * np.log2(np.maximum(density, 1e-300))
        entropy = -terms.sum() * step_of(radius)
        return float(entropy) - dim * normal_entropy(sd)

    return Case(name, "vector", draw, truth, "h(Z) over the radius - h(noise)", False)


def _round_mean(inner: Floats, dim: int) -> Floats:
    """Return the mean over directions of exp(inner (cosine - 1)), in two or three dimensions."""
    if dim == 2:
        return i0e(inner)
    return -np.expm1(-2 * inner) / (2 * np.maximum(inner, 1e-12))


def _directions(n: int, dim: int, rng: Generator) -> Floats:
    normals = rng.normal(size=(n, dim))
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def clusters(name: str, centres_a: Floats, centres_b: Floats, sd: float) -> Case:
    """Return clusters that both sides share, independent within: only the cluster is common.

    Args:
        name: of the case.
        centres_a: shape ``(K, da)``.
        centres_b: shape ``(K, db)``.
        sd: of every coordinate within a cluster.
    """

    def draw(n: int, rng: Generator) -> Sample:
        cluster = rng.integers(0, len(centres_a), n)
        a = centres_a[cluster] + sd * rng.normal(size=(n, centres_a.shape[1]))
        return pair(a, centres_b[cluster] + sd * rng.normal(size=(n, centres_b.shape[1])))

    def truth() -> float:
        sample = draw(_ROWS, np.random.default_rng(2026))
        of_a = _densities(sample.a.values, centres_a, sd)  # (K, n)
        of_b = _densities(sample.b.values, centres_b, sd)
        independent = of_a.mean(axis=0) * of_b.mean(axis=0)
        ratio = np.log((of_a * of_b).mean(axis=0) / independent)
        return float(ratio.mean()) / math.log(2)

    return Case(name, "vector", draw, truth, "exact ratio over rows", False)


def _densities(rows: Floats, centres: Floats, sd: float) -> Floats:
    return np.stack([multivariate_normal.pdf(rows, centre, sd * sd) for centre in centres])


def _shear(v: Floats) -> Floats:
    return np.column_stack([v[:, 0], v[:, 1] + v[:, 0] ** 2])


_OCTAHEDRON = 2.0 * np.vstack([np.eye(3), -np.eye(3)])
_HEXAGON = 2.5 * polar(2 * math.pi * np.arange(6) / 6)
_RADII = (np.arange(2000) + 0.5) / 2000

CASES: tuple[Case, ...] = (
    radial(
        "disc plus noise",
        2,
        lambda n, rng: _directions(n, 2, rng) * np.sqrt(rng.random((n, 1))),
        np.sqrt(_RADII),
        np.ones(2000),
        0.15,
    ),
    radial(
        "annulus plus noise",
        2,
        lambda n, rng: _directions(n, 2, rng) * np.sqrt(1 + 3 * rng.random((n, 1))),
        np.sqrt(1 + 3 * _RADII),
        np.ones(2000),
        0.3,
    ),
    radial(
        "sphere plus noise", 3, lambda n, rng: _directions(n, 3, rng), np.ones(1), np.ones(1), 0.2
    ),
    student("Student 2+2, 4 degrees, r=0.3", 0.3, 4, 2),
    student("Student 3+3, 2 degrees, r=0", 0.0, 2, 3),
    gaussian("log-normal 2+2, r=0.6", 0.6, 2, "warped", a=np.exp, b=np.exp),
    gaussian("uniform scores 2+2, r=0.7", 0.7, 2, "warped", a=ndtr, b=ndtr),
    gaussian("sheared plane, r=0.8", 0.8, 2, "warped", a=_shear),
    covariance_case("linear map 2 to 2, strong", 2, 2, 104, 0.1),
    clusters("six clusters in 3+2 dimensions", _OCTAHEDRON, _HEXAGON, 0.8),
)
