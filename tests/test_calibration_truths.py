"""Every truth of the bank again, as the mean log ratio of densities over rows of the case."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr, ndtri

from infoplane.analysis.calibrate import CASES, JUDGES, Case, choose, continuous_cases
from infoplane.analysis.estimators.entropies import information_bits
from infoplane.errors import InputError
from infoplane.rows import row_codes

ALL = {c.name: c for c in (*CASES, *JUDGES)}
Ratio = Callable[[np.ndarray, np.ndarray], np.ndarray]
log2 = np.log2


def gaussian(r: float) -> Ratio:
    """Coordinates of correlation r."""
    return lambda x, z: (
        (stats.norm.logpdf(z, r * x, math.sqrt(1 - r * r)) - stats.norm.logpdf(z)) / math.log(2)
    ).sum(axis=1)


def linear(w: np.ndarray, noise: float) -> Ratio:
    """z = w x + noise, x standard normal: densities of scipy's multivariate normal."""

    def ratio(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        marginal = stats.multivariate_normal(cov=w @ w.T + noise**2 * np.eye(len(w))).logpdf(z)
        return (stats.norm.logpdf(z, x @ w.T, noise).sum(axis=1) - marginal) / math.log(2)

    return ratio


def random_linear(first: int, second: int, seed: int, noise: float) -> Ratio:
    return linear(
        np.random.default_rng(seed).normal(size=(second, first)) / math.sqrt(first), noise
    )


def uniform_sum(w: float) -> Ratio:
    """The trapezoid density of a sum of uniforms."""

    def ratio(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        covered = np.minimum(z, 1) - np.maximum(z - w, 0)
        return -log2(covered[:, 0])  # p(z|x) = 1/w, p(z) = covered/w

    return ratio


def additive(
    nodes: np.ndarray, weights: np.ndarray, f: Callable[[np.ndarray], np.ndarray], sd: float
) -> Ratio:
    """p(z) by Gaussian quadrature over x."""

    def ratio(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        pz = stats.norm.pdf(z, f(nodes)[None, :], sd) @ weights
        return log2(stats.norm.pdf(z[:, 0], f(x[:, 0]), sd) / pz)

    return ratio


def hermite(degree: int = 200) -> tuple[np.ndarray, np.ndarray]:
    t = np.linspace(-8, 8, 8 * degree)
    w = stats.norm.pdf(t)
    return t, w / w.sum()


def legendre(low: float, high: float, degree: int = 400) -> tuple[np.ndarray, np.ndarray]:
    t, w = np.polynomial.legendre.leggauss(degree)
    return (high - low) / 2 * t + (high + low) / 2, w / 2


def student(r: float, dof: float, dim: int = 1) -> Ratio:
    def ratio(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        eye = np.eye(dim)
        s = np.block([[eye, r * eye], [r * eye, eye]])
        joint = stats.multivariate_t(shape=s, df=dof).logpdf(np.hstack([x, z]))
        one = stats.multivariate_t(shape=eye, df=dof)
        return (joint - one.logpdf(x) - one.logpdf(z)) / math.log(2)

    return ratio


def clusters(centres: list[tuple[float, float]], r: float, sd: float) -> Ratio:
    def ratio(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        s = sd**2 * np.array([[1, r], [r, 1]])
        joint = np.mean(
            [stats.multivariate_normal(c, s).pdf(np.hstack([x, z])) for c in centres], axis=0
        )
        px, pz = (
            np.mean([stats.norm.pdf(v[:, 0], c[i], sd) for c in centres], axis=0)
            for i, v in enumerate((x, z))
        )
        return log2(joint / (px * pz))

    return ratio


def blobs(
    centres: np.ndarray, labels: np.ndarray, sd: np.ndarray, weights: np.ndarray | None = None
) -> Ratio:
    """z around centres (K, d) of spread sd (K,), y their labels."""
    w = np.full(len(centres), 1 / len(centres)) if weights is None else weights

    def ratio(z: np.ndarray, y: np.ndarray) -> np.ndarray:
        p = (
            np.stack(
                [
                    stats.norm.pdf(z[:, : centres.shape[1]], c, s).prod(axis=1)
                    for c, s in zip(centres, sd, strict=True)
                ],
                axis=1,
            )
            * w
        )
        own = labels[None, :] == y
        return log2((p * own).sum(axis=1) / (own * w).sum(axis=1) / p.sum(axis=1))

    return ratio


def line(centres: list[float], sd: list[float], weights: list[float] | None = None) -> Ratio:
    return blobs(
        np.array(centres)[:, None],
        np.arange(len(centres)),
        np.array(sd),
        None if weights is None else np.array(weights),
    )


def gao(m: int) -> Ratio:
    """p(z|x) = 1/2 on [x, x+2]; p(z) counts the steps that cover z."""

    def ratio(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        steps = np.arange(m)[None, :]
        return log2(m / ((steps <= z) & (z <= steps + 2)).sum(axis=1))

    return ratio


def censored(gap: float, cut: float) -> Ratio:
    def ratio(z: np.ndarray, y: np.ndarray) -> np.ndarray:
        z, y = z[:, 0], y[:, 0]
        mass = np.where(z == cut, ndtr(cut - gap * y), stats.norm.pdf(z, gap * y))
        other = np.where(z == cut, ndtr(cut - gap * (1 - y)), stats.norm.pdf(z, gap * (1 - y)))
        return log2(2 * mass / (mass + other))

    return ratio


def rectified(r: float) -> Ratio:
    def ratio(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        x, z = x[:, 0], z[:, 0]
        s = math.sqrt(1 - r * r)
        p00 = stats.multivariate_normal(cov=[[1, r], [r, 1]]).cdf([0, 0])
        both = stats.norm.pdf(z, r * x, s) / stats.norm.pdf(z)
        z_only, x_only = 2 * ndtr(-r * z / s), 2 * ndtr(-r * x / s)
        return log2(
            np.where(
                (x > 0) & (z > 0), both, np.where(x > 0, x_only, np.where(z > 0, z_only, 4 * p00))
            )
        )

    return ratio


def off_together(dead: float, r: float) -> Ratio:
    def ratio(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        on = stats.norm.pdf(z, r * x, math.sqrt(1 - r * r)) / stats.norm.pdf(z) / (1 - dead)
        return log2(np.where(x == 0, 1 / dead, on)[:, 0])

    return ratio


def ring(radius: float, sigma: float) -> Ratio:
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    centres = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return mixture(centres, sigma, lambda x: radius * x)


def mixture(centres: np.ndarray, sigma: float, clean: Callable[[np.ndarray], np.ndarray]) -> Ratio:
    """z = clean(x) + noise against the average over all centres (K, d)."""

    def ratio(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        out = []
        for zs, own in zip(np.array_split(z, 20), np.array_split(clean(x), 20), strict=True):
            d = ((zs[:, None, :] - centres[None]) ** 2).sum(axis=2)
            pz = np.exp(-d / (2 * sigma**2)).mean(axis=1)
            out.append(log2(np.exp(-((zs - own) ** 2).sum(axis=1) / (2 * sigma**2)) / pz))
        return np.concatenate(out)

    return ratio


def units(levels: int, count: int, gain: float, sigma: float, seed: int) -> Ratio:
    grid = np.linspace(-1.5, 1.5, levels)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(count, count)))[0]
    every = np.stack(np.meshgrid(*[grid] * count, indexing="ij"), axis=-1).reshape(-1, count)
    return mixture(np.tanh(gain * every) @ turn, sigma, lambda x: np.tanh(gain * x) @ turn)


def layer(bits: int, sigma: float, seed: int, gain: float = 1.0) -> Ratio:
    rng = np.random.default_rng(seed)
    w, b = gain * rng.normal(size=(bits, 2)) / math.sqrt(bits), 0.3 * rng.normal(size=2)
    every = np.stack(np.meshgrid(*[[-1.0, 1.0]] * bits, indexing="ij"), axis=-1).reshape(-1, bits)
    return mixture(np.tanh(every @ w + b), sigma, lambda x: np.tanh(x @ w + b))


def two_layers(
    points: int, first: float, second: float, sigma: float, labels: bool = False
) -> Ratio:
    """p(z|x) by Gauss-Hermite quadrature over the hidden noise."""
    t, w = np.polynomial.hermite_e.hermegauss(60)
    grid = np.linspace(-1.5, 1.5, points)

    def ratio(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        outer = np.tanh(second * (np.tanh(first * grid)[:, None] + sigma * t[None, :]))
        p = (stats.norm.pdf(z[:, :, None], outer[None], sigma) * (w / w.sum())).sum(axis=2)
        own = ((grid[None, :] > 0) == (x > 0)) if labels else np.isclose(grid[None, :], x)
        return log2((p * own).sum(axis=1) / own.sum(axis=1) / p.mean(axis=1))

    return ratio


def linear_network(sigma: float, seed: int) -> Ratio:
    rng = np.random.default_rng(seed)
    w1, w2 = rng.normal(size=(2, 2)), rng.normal(size=(1, 2))
    return linear(w2 @ w1, sigma * math.sqrt(float((w2**2).sum()) + 1))


EIGHT = np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1)
SQUARE = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
PI = math.pi

RATIOS: dict[str, Ratio] = {
    "Gaussian, r=0": gaussian(0.0),
    "Gaussian, r=0.5": gaussian(0.5),
    "Gaussian, r=0.9": gaussian(0.9),
    "Gaussian, r=0.99": gaussian(0.99),
    "Gaussian, r=-0.75": gaussian(-0.75),
    "uniform plus uniform, width 0.3": uniform_sum(0.3),
    "uniform plus uniform, width 2": uniform_sum(2.0),
    "uniform plus uniform, width 0.8": uniform_sum(0.8),
    "square plus noise": additive(*hermite(), np.square, 0.5),
    "sine plus noise": additive(*legendre(-PI, PI), lambda x: np.sin(2 * x), 0.3),
    "saturated unit plus noise": additive(*hermite(), lambda x: np.tanh(3 * x), 0.2),
    "cubic plus noise": additive(*legendre(-1.5, 1.5), lambda x: x**3 - x, 0.3),
    "four clusters on a cross": clusters([(0, 2), (0, -2), (2, 0), (-2, 0)], 0.0, 0.5),
    "three correlated clusters": clusters([(0, 0), (3, 1), (1, 3)], 0.6, 0.6),
    "Gaussian 2+2, r=0.5": gaussian(0.5),
    "Gaussian 2+2, r=0.9": gaussian(0.9),
    "Gaussian 2+2, r=0.7": gaussian(0.7),
    "Gaussian 3+3, r=0.5": gaussian(0.5),
    "Gaussian 3+3, r=0.8": gaussian(0.8),
    "linear map 3 to 1": random_linear(3, 1, 3, 0.5),
    "linear map 2 to 3": random_linear(2, 3, 4, 0.7),
    "linear map 3 to 2": random_linear(3, 2, 13, 0.6),
    "linear map 10 to 2": random_linear(10, 2, 5, 0.7),
    "Student pair, 3 degrees, r=0": student(0.0, 3),
    "Student pair, 2 degrees, r=0.7": student(0.7, 2),
    "Student pair, 5 degrees, r=0.4": student(0.4, 5),
    "Student 2+2, 3 degrees, r=0.5": student(0.5, 3, 2),
    "exponential with a random rate": lambda x, z: log2(x * np.exp(-x * z) / stats.lomax(2).pdf(z))[
        :, 0
    ],
    "Gaussian 5+5, r=0.6": gaussian(0.6),
    "Gaussian 8+8, r=0.5": gaussian(0.5),
    "Gaussian 10+10, r=0.5": gaussian(0.5),
    "Gaussian 20+20, r=0.376": gaussian(0.376),
    "two normals, no gap": line([0, 0], [1, 1]),
    "two normals, gap 1": line([0, 1], [1, 1]),
    "two normals, gap 3": line([0, 3], [1, 1]),
    "two spreads, 1 and 3": line([0, 0], [1, 3]),
    "five normals, gap 2, unequal": line([0, 2, 4, 6, 8], [1] * 5, [0.1, 0.15, 0.2, 0.25, 0.3]),
    "three normals of three spreads": line([0, 1.5, 4], [0.5, 1, 1.5]),
    "four blobs": blobs(1.5 * SQUARE, np.arange(4), np.ones(4)),
    "exclusive or": blobs(1.5 * SQUARE, np.array([0, 0, 1, 1]), np.full(4, 0.8)),
    "eight blobs on a ring": blobs(2.5 * EIGHT, np.arange(8), np.full(8, 0.8)),
    "ring against centre": blobs(
        np.vstack([2.2 * EIGHT, np.zeros((2, 2))]), np.array([0] * 8 + [1] * 2), np.full(10, 0.6)
    ),
    "two uniforms that overlap by 0.4": lambda z, y: np.where((z >= 0.6) & (z <= 1), 0.0, 1.0)[
        :, 0
    ],
    "steps with uniform noise, 4 symbols": gao(4),
    "steps with uniform noise, 16 symbols": gao(16),
    "steps with uniform noise, 7 symbols": gao(7),
    "a rectified unit of two normals": censored(2.0, 1.0),
    "a nearly dead unit of two normals": censored(2.0, 2.5),
    "rectified Gaussian pair, r=0.8": rectified(0.8),
    "rectified Gaussian pair, r=0.5": rectified(0.5),
    "a pair off together, 0.4, r=0.7": off_together(0.4, 0.7),
    "linear channel 1 to 1": linear(np.array([[2.0]]), 1.0),
    "linear channel 2 to 2": linear(np.array([[1.0, 0.5], [-0.3, 0.8]]), 0.7),
    "linear channel 3 to 3": linear(np.eye(3) / math.sqrt(3), 1.0),
    "linear channel 2 to 1": linear(np.array([[0.8, -1.1]]), 0.9),
    "circle of radius 1, noise 0.2": ring(1.0, 0.2),
    "6 binary tanh units": units(2, 6, 1.0, 0.5, 1),
    "3 tanh units of 8 levels": units(8, 3, 1.0, 0.4, 2),
    "2 saturated tanh units of 16 levels": units(16, 2, 3.0, 0.3, 3),
    "4 tanh units of 4 levels": units(4, 4, 1.5, 0.35, 11),
    "tanh layer of 6 bits, noise 0.3": layer(6, 0.3, 1),
    "tanh layer of 10 bits, noise 0.1": layer(10, 0.1, 2),
    "tanh layer of 8 bits, noise 0.2": layer(8, 0.2, 12, 2.0),
    "two noisy tanh layers, 8 inputs": two_layers(8, 1.0, 2.0, 0.3),
    "two noisy tanh layers, 5 inputs": two_layers(5, 1.5, 1.0, 0.25),
    "two noisy tanh layers, labels": two_layers(16, 2.0, 1.5, 0.4, labels=True),
    "two noisy linear layers": linear_network(0.6, 3),
}


FEW_ROWS = (
    "square",
    "saturated",
    "circle",
    "6 binary",
    "3 tanh",
    "2 saturated",
    "4 tanh",
    "tanh layer",
    "two noisy tanh",
)
"""Densities that are sums over many centres."""


@pytest.mark.parametrize("name", sorted(RATIOS))
def test_the_truth_is_the_mean_of_the_log_ratio_of_densities(name: str) -> None:
    case, values = ALL[name], np.zeros(0)
    for seed in range(1 if name.startswith(FEW_ROWS) else 8):
        s = case.sample(10_000, seed)
        values = np.append(values, RATIOS[name](s.a.values, s.b.values))
    se = values.std() / math.sqrt(len(values))
    assert se < 0.025 and abs(values.mean() - case.bits) < 4 * se + 1e-9


H = lambda p: -(p * log2(p) + (1 - p) * log2(1 - p))  # noqa: E731
CLOSED = {
    "two fair coins, independent": 0.0,
    "binary symmetric channel, flip 0.1": 1 - H(0.1),
    "symmetric channel, 4 symbols, flip 0.2": 2 - H(0.2) - 0.2 * log2(3),
    "symmetric channel, 7 symbols, flip 0.35": log2(7) - H(0.35) - 0.35 * log2(6),
    "symmetric channel, 32 symbols, flip 0.5": 5 - 1 - 0.5 * log2(31),
    "16 x 16 symbols, independent": 0.0,
    "256 symbols, odd or even, flip 0.1": 1 - H(0.1),
    "1024 symbols, odd or even, flip 0.2": 1 - H(0.2),
    "4096 symbols, popcount above 6": H(sum(math.comb(12, k) for k in range(7, 13)) / 4096),
    "Z-channel, 0.3": H(0.35) - 0.5 * H(0.3),
    "512 symbols, erased 0.5": 4.5,
    "Zipf, 100 symbols, erased 0.3": 0.7 * stats.entropy(1 / np.arange(1, 101), base=2),
    "Zipf, 64 symbols, odd or even, flip 0.1": H(
        0.1 + 0.8 * (1 / np.arange(2, 65, 2)).sum() / (1 / np.arange(1, 65)).sum()
    )
    - H(0.1),
}


@pytest.mark.parametrize("name", sorted(CLOSED))
def test_tables_have_their_closed_form(name: str) -> None:
    assert ALL[name].bits == pytest.approx(CLOSED[name], abs=1e-9)


@pytest.mark.parametrize("name", [c.name for c in (*CASES, *JUDGES) if c.family == "discrete"])
def test_many_rows_of_a_table_have_its_information(name: str) -> None:
    s = ALL[name].sample(400_000, 0)
    assert information_bits(row_codes(s.a.values), row_codes(s.b.values), "mm") == pytest.approx(
        ALL[name].bits, abs=0.01
    )


def test_warps_are_invertible_maps_of_gaussian_rows() -> None:
    x = np.random.default_rng(0).normal(size=(500, 2))
    one = x[:, :1]
    rolled = 10 * np.linalg.norm(continuous_cases.swiss_roll(one), axis=1)
    assert np.allclose(ndtri((rolled / (1.5 * np.pi) - 1) / 2), one[:, 0], atol=1e-6)
    bent = continuous_cases.half_cube(one)
    assert np.allclose(np.sign(bent) * np.abs(bent) ** (2 / 3), one)
    turned = continuous_cases.spiral(x)
    angle = -(turned**2).sum(axis=1)
    back = np.stack(
        [
            np.cos(angle) * turned[:, 0] - np.sin(angle) * turned[:, 1],
            np.sin(angle) * turned[:, 0] + np.cos(angle) * turned[:, 1],
        ],
        axis=1,
    )
    assert np.allclose(back, x)
    for name, r in (
        ("log-normal pair, r=0.8", 0.8),
        ("Swiss roll, r=0.8", 0.8),
        ("spiral 2+2, r=0.6", 0.6),
        ("exponent of one side, r=0.6", 0.6),
    ):
        assert ALL[name].bits == pytest.approx(-(2 if "2+2" in name else 1) / 2 * log2(1 - r * r))


@pytest.mark.slow
def test_every_case_has_two_derivations_and_a_place() -> None:
    warped = {c.name for c in (*CASES, *JUDGES) if c.family == "warped"}
    infinite = {c.name for c in (*CASES, *JUDGES) if not c.finite}
    tables = {c.name for c in (*CASES, *JUDGES) if c.family == "discrete"}
    assert set(ALL) == set(RATIOS) | tables | warped | infinite
    assert infinite == {c.name for c in CASES if c.family == "deterministic"}
    assert len(ALL) == len(CASES) + len(JUDGES) and not {c.name for c in CASES} & {
        c.name for c in JUDGES
    }
    assert {type(c) for c in ALL.values()} == {Case} and all(c.how for c in ALL.values())


def test_a_seed_names_its_rows_and_choosing_says_what_there_is() -> None:
    case = ALL["Gaussian, r=0.5"]
    assert np.array_equal(case.sample(50, 3).b.values, case.sample(50, 3).b.values)
    assert not np.array_equal(case.sample(50, 3).b.values, case.sample(50, 4).b.values)
    assert [c.name for c in choose(["Gaussian, r=0.9*"])] == ["Gaussian, r=0.9", "Gaussian, r=0.99"]
    with pytest.raises(
        InputError, match="no such case or family: 'gausian'; families are discrete"
    ):
        choose(["gausian"])


def fingerprint(case: Case) -> list[float | None]:
    """The truth and the content of one draw in three numbers each: sum, weighted sum and sum of
    squares.
    """
    s = case.sample(48, 7)
    numbers: list[float] = []
    for v in (s.a.values.astype(float), s.b.values.astype(float)):
        flat = v.ravel()
        numbers += [flat.sum(), float(flat @ np.arange(1, flat.size + 1)), float(flat @ flat)]
    return [case.bits if case.finite else None, *numbers]


GOLDEN = json.loads((Path(__file__).parent / "golden/bank.json").read_text())


def test_the_bank_and_the_judges_are_those_of_the_published_tables() -> None:
    """Cases that drift would make the tables of docs/calibration.md belong to other ones."""
    assert list(GOLDEN) == list(ALL)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_case_is_the_one_of_the_published_tables(name: str) -> None:
    now = fingerprint(ALL[name])
    assert (now[0] is None) == (GOLDEN[name][0] is None)
    np.testing.assert_allclose(
        np.array(now, float), np.array(GOLDEN[name], float), rtol=1e-6, atol=1e-7
    )
