"""Layers against labels and values that repeat, of the bank ``unseen``.

See `unseen_scalars`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr
from scipy.stats import laplace, multivariate_normal, norm, poisson, t

from infoplane.analysis.calibrate.case import Case, Family, Sample
from infoplane.analysis.calibrate.discrete_cases import uniform
from infoplane.analysis.calibrate.draws import pair, polar, with_labels
from infoplane.analysis.calibrate.truths import entropy_on_grid, normal, normal_entropy, step_of
from infoplane.analysis.calibrate.unseen_vectors import _ROWS
from infoplane.types.arrays import Codes, Floats

LogDensities = Callable[[Floats], Floats]


def class_case(
    name: str,
    weights: Floats,
    draw_z: Callable[[Codes, Generator], Floats],
    log_densities: LogDensities,
    family: Family = "label",
) -> Case:
    """Z given the class, by exact densities over many rows.

    Args:
        name: of the case.
        weights: of the classes, shape ``(C,)``.
        draw_z: labels, shape ``(n,)``, and generator to Z, shape ``(n, dim)``.
        log_densities: of Z within each class, shape ``(C, n)``, in nats; a common measure.
        family: of the case.
    """

    def draw(n: int, rng: Generator) -> Sample:
        y = rng.choice(len(weights), size=n, p=weights)
        return with_labels(draw_z(y, rng), y)

    def truth() -> float:
        rng = np.random.default_rng(2026)
        y = rng.choice(len(weights), size=_ROWS, p=weights)
        logs = log_densities(draw_z(y, rng))
        marginal = np.logaddexp.reduce(logs + np.log(weights)[:, None], axis=0)
        return float((logs[y, np.arange(_ROWS)] - marginal).mean()) / math.log(2)

    dim = draw_z(np.zeros(2, np.int64), np.random.default_rng(0)).shape[1]
    return Case(name, family, draw, truth, "exact ratio over rows", dim <= 2)


def _shaped_blobs() -> Case:
    """Four normal classes in three dimensions, each of its own covariance."""
    rng = np.random.default_rng(105)
    factors = rng.normal(size=(4, 3, 3)) / math.sqrt(3)
    centres = rng.normal(size=(4, 3))

    def draw_z(y: Codes, rng: Generator) -> Floats:
        noise = rng.normal(size=(len(y), 3))
        return centres[y] + np.einsum("nij,nj->ni", factors[y], noise)

    def log_densities(z: Floats) -> Floats:
        classes = zip(centres, factors, strict=True)
        return np.stack([multivariate_normal(m, f @ f.T).logpdf(z) for m, f in classes])

    return class_case("four classes of their own shapes in 3-D", uniform(4), draw_z, log_densities)


def _moons() -> Case:
    """Return two half circles that reach into each other, plus noise."""
    sd = 0.25
    nodes = (np.arange(150) + 0.5) / 150 * math.pi
    arcs = np.stack([_moon(nodes, 0), _moon(nodes, 1)])  # (2, nodes, 2)

    def draw_z(y: Codes, rng: Generator) -> Floats:
        angle = math.pi * rng.random(len(y))
        z = np.where(y[:, None] == 0, _moon(angle, 0), _moon(angle, 1))
        return z + sd * rng.normal(size=z.shape)

    def log_densities(z: Floats) -> Floats:
        found = np.zeros((2, len(z)))
        for label, arc in enumerate(arcs):
            for centre in arc:
                found[label] += np.exp(-((z - centre) ** 2).sum(axis=1) / (2 * sd * sd))
        return np.log(np.maximum(found, 1e-300))

    return class_case("two moons", uniform(2), draw_z, log_densities)


def _moon(angle: Floats, label: int) -> Floats:
    """Return points of a half circle, ``(n,)`` to ``(n, 2)``."""
    half = polar(angle)
    return half if label == 0 else np.array([1.0, 0.5]) - half


def _laplace_classes() -> Case:
    """Three Laplace classes of unequal weights."""
    centres = np.array([0.0, 1.5, 5.0])
    return class_case(
        "three Laplace classes, unequal",
        np.array([0.6, 0.3, 0.1]),
        lambda y, rng: (centres[y] + rng.laplace(size=len(y)))[:, None],
        lambda z: laplace.logpdf(z.T, centres[:, None]),
    )


def _heavy_classes() -> Case:
    """Two classes of Student tails in two dimensions, two degrees of freedom each coordinate."""
    centres = np.array([[0.0, 0.0], [2.0, 1.0]])
    return class_case(
        "two classes of heavy tails in 2-D",
        uniform(2),
        lambda y, rng: centres[y] + rng.standard_t(2, size=(len(y), 2)),
        lambda z: np.stack([t.logpdf(z, 2, m).sum(axis=1) for m in centres]),
    )


def _sparse_features() -> Case:
    """Return two rectified units that are silent in most rows, three classes."""
    centres = np.array([[-1.0, -1.0], [0.8, -1.0], [-1.0, 1.2]])

    def log_densities(z: Floats) -> Floats:
        silent = norm.logcdf(-centres)  # (class, unit)
        active = norm.logpdf(z[None], centres[:, None])
        return np.where(z[None] == 0, silent[:, None], active).sum(axis=2)

    return class_case(
        "two sparse rectified units, three classes",
        np.array([0.5, 0.25, 0.25]),
        lambda y, rng: np.maximum(centres[y] + rng.normal(size=(len(y), 2)), 0),
        log_densities,
        "mixed",
    )


def _coarse_unit() -> Case:
    """Return a unit of two classes rounded to halves."""
    centres = np.array([0.0, 1.5])

    def log_densities(z: Floats) -> Floats:
        edges = z.T - centres[:, None]
        return np.log(np.maximum(ndtr(edges + 0.25) - ndtr(edges - 0.25), 1e-300))

    return class_case(
        "a unit rounded to halves, two classes",
        uniform(2),
        lambda y, rng: np.round(2 * (centres[y] + rng.normal(size=len(y))))[:, None] / 2,
        log_densities,
        "mixed",
    )


def _spike_counts() -> Case:
    """Return counts of spikes as a real unit: two classes of Poisson rates 3 and 6."""
    rates = np.array([3.0, 6.0])
    return class_case(
        "counts of spikes, two classes",
        uniform(2),
        lambda y, rng: rng.poisson(rates[y]).astype(np.float64)[:, None],
        lambda z: poisson.logpmf(z.T, rates[:, None]),
        "mixed",
    )


def _spike_and_slab() -> Case:
    """X is 0 in six of ten rows, else normal; Z adds noise to it."""

    def draw(n: int, rng: Generator) -> Sample:
        x = np.where(rng.random(n) < 0.6, 0.0, rng.normal(size=n))
        return pair(x, x + 0.5 * rng.normal(size=n))

    def truth() -> float:
        line = np.linspace(-12, 12, 40001)
        density = 0.6 * normal(line, 0.0, 0.5) + 0.4 * normal(line, 0.0, math.sqrt(1.25))
        return entropy_on_grid(density, step_of(line)) - normal_entropy(0.5)

    return Case("spike and slab plus noise", "mixed", draw, truth, "h(Z) - h(noise)")


CASES: tuple[Case, ...] = (
    _shaped_blobs(),
    _moons(),
    _laplace_classes(),
    _heavy_classes(),
    _sparse_features(),
    _coarse_unit(),
    _spike_counts(),
    _spike_and_slab(),
)
