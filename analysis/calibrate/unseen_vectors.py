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

from infoplane.analysis.calibrate.case import Case, Family, Sample
from infoplane.analysis.calibrate.continuous_cases import covariance_case, gaussian, student
from infoplane.analysis.calibrate.draws import pair
from infoplane.analysis.calibrate.truths import normal_entropy
from infoplane.types.arrays import Floats

_ROWS = 200_000


def sampled_bits(
    draw: Callable[[int, Generator], Sample],
    log_ratio: Callable[[Floats, Floats], Floats],
    rows: int = _ROWS,
) -> float:
    """Return the mean of log2 p(a,b) / (p(a) p(b)) over many rows.

    The densities are exact; the error is 0.003 bit at most.
    """
    sample = draw(rows, np.random.default_rng(2026))
    return float(log_ratio(sample.a.values, sample.b.values).mean()) / math.log(2)


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
        entropy = -terms.sum() * (radius[1] - radius[0])
        return float(entropy) - dim * normal_entropy(sd)

    return Case(name, "vector", draw, truth, "h(Z) over the radius - h(noise)", False)


def _round_mean(inner: Floats, dim: int) -> Floats:
    """Return the mean over directions of exp(inner (cosine - 1)), in two or three dimensions."""
    if dim == 2:
        return i0e(inner)
    return -np.expm1(-2 * inner) / (2 * np.maximum(inner, 1e-12))


def _disc(n: int, rng: Generator) -> Floats:
    return _directions(n, 2, rng) * np.sqrt(rng.random((n, 1)))


def _sphere(n: int, rng: Generator) -> Floats:
    return _directions(n, 3, rng)


def _annulus(n: int, rng: Generator) -> Floats:
    return _directions(n, 2, rng) * np.sqrt(1 + 3 * rng.random((n, 1)))


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

    def log_ratio(a: Floats, b: Floats) -> Floats:
        of_a = _densities(a, centres_a, sd)  # (K, n)
        of_b = _densities(b, centres_b, sd)
        independent = of_a.mean(axis=0) * of_b.mean(axis=0)
        return np.log((of_a * of_b).mean(axis=0) / independent)

    return Case(
        name, "vector", draw, lambda: sampled_bits(draw, log_ratio), "exact ratio over rows", False
    )


def _densities(rows: Floats, centres: Floats, sd: float) -> Floats:
    return np.stack([multivariate_normal.pdf(rows, centre, sd * sd) for centre in centres])


def warped(
    name: str,
    r: float,
    dim: int,
    a: Callable[[Floats], Floats],
    b: Callable[[Floats], Floats],
    family: Family = "warped",
) -> Case:
    """Build correlated normals, either side mapped invertibly.

    Args:
        name: of the case.
        r: correlation of a coordinate of one side with that of the other.
        dim: coordinates of a side.
        a: map of one side.
        b: map of the other.
        family: of the case.
    """
    return gaussian(name, r, dim, family, a=a, b=b)


def _triangle_shear(v: Floats) -> Floats:
    return np.column_stack([v[:, 0], v[:, 1] + v[:, 0] ** 2])


_OCTAHEDRON = 2.0 * np.vstack([np.eye(3), -np.eye(3)])
_PENTAGON = 2.5 * np.column_stack(
    [np.cos(2 * math.pi * np.arange(6) / 6), np.sin(2 * math.pi * np.arange(6) / 6)]
)
_RADII = (np.arange(2000) + 0.5) / 2000

CASES: tuple[Case, ...] = (
    radial("disc plus noise", 2, _disc, np.sqrt(_RADII), np.ones(2000), 0.15),
    radial("annulus plus noise", 2, _annulus, np.sqrt(1 + 3 * _RADII), np.ones(2000), 0.3),
    radial("sphere plus noise", 3, _sphere, np.ones(1), np.ones(1), 0.2),
    student("Student 2+2, 4 degrees, r=0.3", 0.3, 4, 2),
    student("Student 3+3, 2 degrees, r=0", 0.0, 2, 3),
    warped("log-normal 2+2, r=0.6", 0.6, 2, np.exp, np.exp),
    warped("uniform scores 2+2, r=0.7", 0.7, 2, ndtr, ndtr),
    warped("sheared plane, r=0.8", 0.8, 2, _triangle_shear, lambda v: v),
    covariance_case("linear map 2 to 2, strong", 2, 2, 104, 0.1),
    clusters("six clusters in 3+2 dimensions", _OCTAHEDRON, _PENTAGON, 0.8),
)
