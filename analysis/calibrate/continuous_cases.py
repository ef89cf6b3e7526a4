"""Continuous pairs of known information.

Scalars, vectors, heavy tails, invertible warps, many dimensions, deterministic maps.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr

from infoplane.analysis.calibrate.case import Case, Family, Sample
from infoplane.analysis.calibrate.draws import (
    Map,
    correlated,
    normally,
    pair,
    polar,
    turned_by_radius,
    unchanged,
)
from infoplane.analysis.calibrate.truths import (
    additive_bits,
    joint_bits,
    lines_around,
    normal,
    step_of,
    student_bits,
)
from infoplane.analysis.vocabulary import gaussian_information
from infoplane.types.arrays import Floats


def gaussian(
    name: str,
    r: float,
    dim: int = 1,
    family: Family = "1-D",
    *,
    a: Map = unchanged,
    b: Map = unchanged,
) -> Case:
    """Build coordinate-wise correlation r, each side then mapped: I = -dim/2 log2(1 - r^2).

    Args:
        name: of the case.
        r: correlation of a coordinate of one side with that of the other.
        dim: coordinates of a side.
        family: of the case.
        a: map of one side, invertible.
        b: map of the other.
    """

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.normal(size=(n, dim))
        z = correlated(x, r, rng)
        return pair(a(x), b(z))

    return Case(
        name,
        family,
        draw,
        lambda: -dim / 2 * math.log2(1 - r * r),
        "-d/2 log2(1 - r^2)",
        dim == 1 and a is not swiss_roll,
    )


def covariance_case(
    name: str, first: int, second: int, seed: int, noise: float, family: Family = "vector"
) -> Case:
    """Build B = W A + noise with a random W, so that every coordinate depends on every other.

    Args:
        name: of the case.
        first: coordinates of A.
        second: coordinates of B.
        seed: of W.
        noise: standard deviation in each coordinate of B.
        family: of the case.
    """
    weights = np.random.default_rng(seed).normal(size=(second, first)) / math.sqrt(first)
    top = np.hstack([np.eye(first), weights.T])
    bottom = np.hstack([weights, weights @ weights.T + noise**2 * np.eye(second)])
    covariance = np.vstack([top, bottom])

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.normal(size=(n, first))
        return pair(x, x @ weights.T + noise * rng.normal(size=(n, second)))

    return Case(
        name,
        family,
        draw,
        lambda: gaussian_information(covariance, first),
        "1/2 log2 det S_a det S_b / det S",
        False,
    )


def additive(
    name: str,
    draw_x: Callable[[int, Generator], Floats],
    density: Map,
    f: Map,
    sd: float,
    low: float,
    high: float,
) -> Case:
    """Build scalar Z = f(X) + N(0, sd^2): h(Z) by quadrature minus the entropy of the noise.

    Args:
        name: of the case.
        draw_x: rows and generator to X, shape ``(n,)``.
        density: of X.
        f: from X to the mean of Z.
        sd: of the noise.
        low: end of X.
        high: end of X.
    """

    def draw(n: int, rng: Generator) -> Sample:
        x = draw_x(n, rng)
        return pair(x, f(x) + sd * rng.normal(size=n))

    return Case(
        name,
        "1-D",
        draw,
        lambda: additive_bits(density, f, sd, low, high),
        "h(Z) by quadrature - h(noise)",
    )


def _uniform_sum(width: float) -> Case:
    """Build Z = X + U, X uniform on [0,1], U uniform on [0, width].

    In nats width/2 - ln width for width <= 1, else 1/(2 width).
    """

    def truth() -> float:
        if width <= 1:
            return width / (2 * math.log(2)) - math.log2(width)
        return 1 / (2 * width * math.log(2))

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.random(n)
        return pair(x, x + width * rng.random(n))

    return Case(
        f"uniform plus uniform, width {width:g}",
        "1-D",
        draw,
        truth,
        "w/2 - ln w nats (w <= 1), 1/(2w) nats (w > 1)",
    )


def student(name: str, r: float, dof: float, dim: int = 1) -> Case:
    """Build a correlated Gaussian pair divided by one chi: dependent even where r = 0.

    Args:
        name: of the case.
        r: correlation of a coordinate of one side with that of the other.
        dof: degrees of freedom of the chi.
        dim: coordinates of a side.
    """

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.normal(size=(n, dim))
        z = correlated(x, r, rng)
        scale = np.sqrt(rng.chisquare(dof, size=(n, 1)) / dof)
        return pair(x / scale, z / scale)

    return Case(
        name,
        "heavy-tailed",
        draw,
        lambda: student_bits(r, dof, dim),
        "Gaussian term + constant of dof and d (Czyz et al. 2023)",
        dim == 1,
    )


def _exponential_rate() -> Case:
    """Build Z ~ Exp(rate X), X ~ Gamma(2): psi(3) - ln 2 nats, by the Lomax marginal."""

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.gamma(2.0, size=n)
        return pair(x, rng.exponential(size=n) / x)

    # h(Z) of Lomax(2): ln(1/2) + 1/2 + 1;  h(Z|X) = 1 - E ln X = 1 - psi(2)
    return Case(
        "exponential with a random rate",
        "heavy-tailed",
        draw,
        lambda: (math.log(0.5) + 0.5 + 1 - (1 - (1 - np.euler_gamma))) / math.log(2),
        "h(Lomax) - 1 + psi(2)",
    )


def mixture_pair(name: str, centres: Floats, r: float, sd: float) -> Case:
    """Build a mixture of Gaussian pairs; the truth from the joint density on a grid.

    Args:
        name: of the case.
        centres: shape ``(K, 2)``.
        r: correlation within a component.
        sd: of each coordinate within a component.
    """

    def draw(n: int, rng: Generator) -> Sample:
        centre = centres[rng.integers(0, len(centres), n)]
        x = rng.normal(size=n)
        z = correlated(x, r, rng)
        return pair(centre[:, 0] + sd * x, centre[:, 1] + sd * z)

    def truth() -> float:
        along_a, along_b = lines_around(centres, sd, 801)
        first = along_a[:, None]
        density = np.zeros((801, 801))
        for mean_a, mean_b in centres:
            mean = mean_b + r * (first - mean_a)
            conditional = normal(along_b[None, :], mean, sd * math.sqrt(1 - r * r))
            density += normal(first, mean_a, sd) * conditional / len(centres)
        return joint_bits(density, step_of(along_a), step_of(along_b))

    return Case(name, "1-D", draw, truth, "joint density on a grid")


def _uniformly(low: float, high: float) -> Callable[[int, Generator], Floats]:
    return lambda n, rng: np.asarray(rng.uniform(low, high, n))


def _flat(x: Floats) -> Floats:
    return np.ones_like(x)


def swiss_roll(x: Floats) -> Floats:
    """Roll a scalar, ``(n, 1)``, up in the plane through its rank in the normal law.

    Invertible, so that no information changes.
    """
    angle = 1.5 * np.pi * (1 + 2 * ndtr(x[:, 0]))
    return polar(angle, angle) / 10


def half_cube(x: Floats) -> Floats:
    """Return x |x|^(1/2): heavier tails, a flat spot at 0."""
    return x * np.sqrt(np.abs(x))


spiral = turned_by_radius(0, 1, speed=1.0)
"""Turns the plane by an angle that grows with the radius: invertible, volume-preserving."""


def deterministic(name: str, inputs: int, units: int, f: Map, seed: int) -> Case:
    """Build a layer without noise of a continuous input: infinite.

    Args:
        name: of the case.
        inputs: coordinates of X.
        units: of the layer.
        f: activation function.
        seed: of the weights.
    """
    weights = np.random.default_rng(seed).normal(size=(inputs, units)) / math.sqrt(inputs)

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.normal(size=(n, inputs))
        return pair(x, f(x @ weights))

    return Case(
        name,
        "deterministic",
        draw,
        lambda: math.inf,
        "infinite: a continuous input through a map without noise",
        False,
    )


CASES = (
    gaussian("Gaussian, r=0", 0.0),
    gaussian("Gaussian, r=0.5", 0.5),
    gaussian("Gaussian, r=0.9", 0.9),
    gaussian("Gaussian, r=0.99", 0.99),
    _uniform_sum(0.3),
    _uniform_sum(2.0),
    additive("square plus noise", normally, normal, lambda x: x**2, 0.5, -7, 7),
    additive(
        "sine plus noise",
        _uniformly(-math.pi, math.pi),
        _flat,
        lambda x: np.sin(2 * x),
        0.3,
        -math.pi,
        math.pi,
    ),
    additive("saturated unit plus noise", normally, normal, lambda x: np.tanh(3 * x), 0.2, -7, 7),
    mixture_pair(
        "four clusters on a cross",
        np.array([[0.0, 2.0], [0.0, -2.0], [2.0, 0.0], [-2.0, 0.0]]),
        0.0,
        0.5,
    ),
    gaussian("Gaussian 2+2, r=0.5", 0.5, 2, "vector"),
    gaussian("Gaussian 2+2, r=0.9", 0.9, 2, "vector"),
    gaussian("Gaussian 3+3, r=0.5", 0.5, 3, "vector"),
    gaussian("Gaussian 3+3, r=0.8", 0.8, 3, "vector"),
    covariance_case("linear map 3 to 1", 3, 1, 3, 0.5),
    covariance_case("linear map 2 to 3", 2, 3, 4, 0.7),
    student("Student pair, 3 degrees, r=0", 0.0, 3),
    student("Student pair, 2 degrees, r=0.7", 0.7, 2),
    student("Student 2+2, 3 degrees, r=0.5", 0.5, 3, 2),
    _exponential_rate(),
    gaussian("log-normal pair, r=0.8", 0.8, 1, "warped", a=np.exp, b=np.exp),
    gaussian("half-cube pair, r=0.8", 0.8, 1, "warped", a=half_cube, b=half_cube),
    gaussian("Swiss roll, r=0.8", 0.8, 1, "warped", a=swiss_roll),
    gaussian("spiral 2+2, r=0.6", 0.6, 2, "warped", a=spiral),
    gaussian("Gaussian 5+5, r=0.6", 0.6, 5, "high-dimensional"),
    gaussian("Gaussian 10+10, r=0.5", 0.5, 10, "high-dimensional"),
    gaussian("Gaussian 20+20, r=0.376", 0.376, 20, "high-dimensional"),
    covariance_case("linear map 10 to 2", 10, 2, 5, 0.7, "high-dimensional"),
    deterministic("tanh layer 4 to 2", 4, 2, np.tanh, 6),
    deterministic("linear layer 2 to 3", 2, 3, unchanged, 7),
)

JUDGES = (
    gaussian("Gaussian, r=-0.75", -0.75),
    _uniform_sum(0.8),
    additive("cubic plus noise", _uniformly(-1.5, 1.5), _flat, lambda x: x**3 - x, 0.3, -1.5, 1.5),
    mixture_pair(
        "three correlated clusters", np.array([[0.0, 0.0], [3.0, 1.0], [1.0, 3.0]]), 0.6, 0.6
    ),
    gaussian("Gaussian 2+2, r=0.7", 0.7, 2, "vector"),
    covariance_case("linear map 3 to 2", 3, 2, 13, 0.6),
    student("Student pair, 5 degrees, r=0.4", 0.4, 5),
    gaussian("exponent of one side, r=0.6", 0.6, 1, "warped", b=lambda z: np.exp(1.5 * z)),
    gaussian("Gaussian 8+8, r=0.5", 0.5, 8, "high-dimensional"),
)
