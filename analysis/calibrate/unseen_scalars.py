"""Scalar pairs of the bank ``unseen``, written down before any estimator had seen them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr

from infoplane.analysis.calibrate.case import Case, Sample
from infoplane.analysis.calibrate.continuous_cases import additive
from infoplane.analysis.calibrate.draws import correlated, normally, pair
from infoplane.analysis.calibrate.truths import (
    entropy_on_grid,
    joint_bits,
    normal,
    normal_entropy,
    step_of,
)
from infoplane.types.arrays import Floats

_NODES = 500


def copula_bits(density: Callable[[Floats, Floats], Floats]) -> float:
    """Integrate c log2 c over the unit square, in nodes that crowd at its edges."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    inner = 0.5 * (1 + np.sin(nodes * math.pi / 2))
    weights = weights * math.pi / 4 * np.cos(nodes * math.pi / 2)
    values = density(inner[:, None], inner[None, :])
    return float(weights @ (values * np.log2(values)) @ weights)


def clayton(theta: float) -> Case:
    """Build Clayton's copula: dependence in the lower tails, uniform sides."""

    def draw(n: int, rng: Generator) -> Sample:
        shared = rng.gamma(1 / theta, size=(n, 1))
        scores = (1 + rng.exponential(size=(n, 2)) / shared) ** (-1 / theta)
        return pair(scores[:, 0], scores[:, 1])

    def density(u: Floats, v: Floats) -> Floats:
        total = u**-theta + v**-theta - 1
        return (1 + theta) * (u * v) ** (-1 - theta) * total ** (-2 - 1 / theta)

    return Case(
        f"Clayton copula, {theta:g}",
        "1-D",
        draw,
        lambda: copula_bits(density),
        "copula density by quadrature",
    )


def morgenstern(theta: float) -> Case:
    """Build Farlie, Gumbel and Morgenstern's copula: a weak dependence without a peak."""

    def draw(n: int, rng: Generator) -> Sample:
        first = rng.random(n)
        rank = rng.random(n)
        slope = theta * (1 - 2 * first)
        root = np.sqrt((1 + slope) ** 2 - 4 * slope * rank)
        return pair(first, 2 * rank / (1 + slope + root))

    def density(u: Floats, v: Floats) -> Floats:
        return 1 + theta * (1 - 2 * u) * (1 - 2 * v)

    return Case(
        f"Morgenstern copula, {theta:g}",
        "1-D",
        draw,
        lambda: copula_bits(density),
        "copula density by quadrature",
    )


def random_scale() -> Case:
    """Build Z = e^X times a normal, X a normal of variance 1/4: no location to predict."""

    def draw(n: int, rng: Generator) -> Sample:
        x = 0.5 * rng.normal(size=n)
        return pair(x, np.exp(x) * rng.normal(size=n))

    def truth() -> float:
        x = np.linspace(-4.5, 4.5, 2001)
        masses = normal(x, 0.0, 0.5)
        z = np.linspace(-60, 60, 48001)
        density = np.zeros(len(z))
        for at, weight in zip(x, masses / masses.sum(), strict=True):
            density += weight * normal(z, 0.0, math.exp(at))
        return entropy_on_grid(density, step_of(z)) - normal_entropy(1.0)

    return Case("a scale that the other side sets", "1-D", draw, truth, "h(Z) - h(Z|X)")


def shared_volatility(r: float, spread: float) -> Case:
    """Build a Gaussian pair times one log-normal scale: tails heavier than any power."""
    nodes = np.linspace(-5, 5, 201)
    weights = normal(nodes)
    weights = weights / weights.sum()
    scales = np.exp(spread * nodes)

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.normal(size=n)
        z = correlated(x, r, rng)
        scale = np.exp(spread * rng.normal(size=n))
        return pair(scale * x, scale * z)

    def truth() -> float:
        even = np.linspace(-6.5, 6.5, 901)
        line = np.sinh(even)  # even in asinh: a warp changes no information
        jacobian = np.cosh(even)
        joint = np.zeros((901, 901))
        for weight, scale in zip(weights, scales, strict=True):
            spread = scale * math.sqrt(1 - r * r)
            conditional = normal(line[None, :], r * line[:, None], spread)
            joint += weight * normal(line[:, None], 0.0, scale) * conditional
        step = 13 / 900
        return joint_bits(joint * jacobian[:, None] * jacobian[None, :], step, step)

    return Case(
        "a normal pair of one random volatility",
        "heavy-tailed",
        draw,
        truth,
        "joint density on a grid of asinh",
    )


def random_product() -> Case:
    """Build Z = X U, X log-normal, U uniform: after logarithms a normal plus an exponential."""

    def draw(n: int, rng: Generator) -> Sample:
        x = np.exp(0.8 * rng.normal(size=n))
        return pair(x, x * rng.random(n))

    def truth() -> float:
        z = np.linspace(-30, 6, 60001)  # log Z = 0.8 N - Exp(1)
        sd = 0.8
        density = np.exp(z + sd * sd / 2) * ndtr(-(z + sd * sd) / sd)
        return entropy_on_grid(density, step_of(z)) - 1 / math.log(2)  # h(Exp) = log2 e

    return Case("a log-normal times a uniform", "warped", draw, truth, "h(log Z) - h(log U)")


CASES: tuple[Case, ...] = (
    clayton(2.0),
    morgenstern(0.9),
    additive(
        "Laplace plus normal noise",
        lambda n, rng: rng.laplace(size=n),
        lambda x: 0.5 * np.exp(-np.abs(x)),
        lambda x: x,
        0.5,
        -25,
        25,
    ),
    additive("modulus plus noise", normally, normal, np.abs, 0.3, -7, 7),
    additive("sign plus noise", normally, normal, np.sign, 0.4, -7, 7),
    additive(
        "a tent of a triangular variable",
        lambda n, rng: rng.random(n) + rng.random(n),
        lambda x: 1 - np.abs(x - 1),
        lambda x: 1 - 2 * np.abs((1.5 * x) % 1 - 0.5),
        0.15,
        0,
        2,
    ),
    random_scale(),
    shared_volatility(0.4, 0.7),
    random_product(),
)
