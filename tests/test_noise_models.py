"""Noise that depends on the activation, against quadrature and slow sampling."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import integrate, stats

import infoplane as ip
from infoplane.analysis.estimators import NoisyChannel, parse
from infoplane.analysis.estimators.noise_models import channel_of
from infoplane.errors import EstimatorError, InfoplaneError

Density = Callable[[np.ndarray, float], np.ndarray]
VALUES = np.array([-2.0, -0.5, 0.3, 1.0, 1.4, 3.0])
LABELS = np.array([0, 0, 1, 1, 0, 1])
NORMAL: dict[str, Density] = {
    "additive": lambda z, f: stats.norm.pdf(z, f, 0.4),
    "multiplicative": lambda z, f: stats.norm.pdf(z, f, 0.4 * abs(f)),
    "uniform": lambda z, f: stats.uniform.pdf(z, f - 0.4 * math.sqrt(3), 0.8 * math.sqrt(3)),
    "lognormal": lambda z, f: stats.lognorm.pdf(z * np.sign(f), 0.4, scale=abs(f)),
}


def by_quadrature(density: Density, values: np.ndarray, codes: np.ndarray) -> float:
    """I(Z; code) in bits, the rows uniform: the integral of p(z|code) log2 p(z|code) / p(z)."""
    z = np.linspace(-12, 16, 1_400_001)
    around = np.stack([density(z, float(value)) for value in values])
    whole = around.mean(axis=0)
    total = 0.0
    for code in np.unique(codes):
        part = around[codes == code].mean(axis=0)
        log_ratio = np.log2(np.maximum(part, 1e-300) / np.maximum(whole, 1e-300))
        share = (codes == code).mean()
        total += share * float(integrate.trapezoid(part * log_ratio, z))
    return total


def bits(layer: np.ndarray, codes: np.ndarray, **options: object) -> ip.Estimate:
    channel = NoisyChannel(**options)  # type: ignore[arg-type]  # as a spec gives them
    return channel.estimate(ip.discrete(codes), ip.continuous(layer), rng=np.random.default_rng(0))


@pytest.mark.parametrize("noise", sorted(NORMAL))
@pytest.mark.parametrize("of", ["rows", "labels"])
def test_one_unit_is_the_integral_over_its_densities(noise: str, of: str) -> None:
    codes = np.arange(len(VALUES)) if of == "rows" else LABELS
    found = bits(VALUES, codes, sigma=0.4, draws=4000, noise=noise)
    truth = by_quadrature(NORMAL[noise], VALUES, codes)
    assert found.bits == pytest.approx(truth, abs=4 * (found.stderr or 0) + 1e-3)
    assert found.stderr is not None
    assert found.stderr < 0.02


def test_a_learned_deviation_is_the_integral_over_its_densities() -> None:
    means, deviations = np.array([-1.0, 0.0, 0.2, 2.0]), np.array([0.1, 1.0, 0.3, 2.0])
    layer = np.column_stack([means, 2 * np.log(deviations)])
    found = bits(layer, np.arange(4), draws=5000, noise="latent")
    z = np.linspace(-15, 20, 700_001)
    around = stats.norm.pdf(z[None], means[:, None], deviations[:, None])
    log_ratio = np.log2(np.maximum(around, 1e-300) / around.mean(axis=0))
    truth = float(integrate.trapezoid((around * log_ratio).mean(axis=0), z))
    assert found.bits == pytest.approx(truth, abs=4 * (found.stderr or 0) + 1e-3)


@pytest.mark.parametrize("noise", ["multiplicative", "lognormal", "latent"])
def test_four_units_are_slow_sampling_of_the_mixture(noise: str) -> None:
    rng = np.random.default_rng(3)
    n, dim, draws = 12, 4, 20_000
    means = rng.normal(size=(n, dim)) + 0.5
    deviations = {
        "multiplicative": 0.7 * np.abs(means),
        "lognormal": np.full((n, dim), 0.7),
        "latent": rng.uniform(0.2, 1.5, size=(n, dim)),
    }[noise]
    layer = np.column_stack([means, 2 * np.log(deviations)]) if noise == "latent" else means
    total = 0.0
    for row in range(n):
        steps = deviations[row] * rng.normal(size=(draws, dim))
        z = means[row] * np.exp(steps) if noise == "lognormal" else means[row] + steps
        log_densities = np.stack(
            [_log_density(noise, z, means[j], deviations[j]) for j in range(n)]
        )
        mixture = np.logaddexp.reduce(log_densities, axis=0) - math.log(n)
        total += float((log_densities[row] - mixture).mean()) / n
    found = bits(layer, np.arange(n), sigma=0.7, draws=1000, noise=noise)
    assert found.bits == pytest.approx(total / math.log(2), abs=0.02)


def _log_density(noise: str, z: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    if noise != "lognormal":
        return stats.norm.logpdf(z, mean, deviation).sum(axis=1)
    return stats.lognorm.logpdf(z * np.sign(mean), deviation, scale=np.abs(mean)).sum(axis=1)


def test_units_that_are_off_are_known_exactly() -> None:
    """Behind a ReLU and Gaussian dropout: units that are off are seen, the others blur."""
    layer = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 1.0001], [2.0, 0.0]])
    found = bits(layer, np.arange(4), sigma=0.5, draws=2000, noise="multiplicative")
    assert found.bits == pytest.approx(1.5, abs=0.01)


def test_a_sign_stays_under_lognormal_noise_and_is_blurred_by_multiplicative_noise() -> None:
    layer = np.array([-1.0, 1.0])
    assert bits(layer, np.arange(2), sigma=3.0, noise="lognormal").bits == 1.0
    assert bits(layer, np.arange(2), sigma=3.0, noise="multiplicative", draws=500).bits < 0.2


def test_the_scale_of_a_layer_does_not_matter_to_multiplicative_noise() -> None:
    layer = np.random.default_rng(0).normal(size=(30, 3))
    first = bits(layer, np.arange(30), sigma=0.4, noise="multiplicative").bits
    second = bits(1000 * layer, np.arange(30), sigma=0.4, noise="multiplicative").bits
    assert second == pytest.approx(first, abs=1e-9)


def test_equal_deviations_are_additive_noise() -> None:
    layer = np.random.default_rng(1).normal(size=(40, 3))
    latent = np.column_stack([layer, np.full((40, 3), 2 * math.log(0.3))])
    found = bits(latent, np.arange(40), noise="latent", draws=50)
    plain = bits(layer, np.arange(40), sigma=0.3, draws=50)
    assert found.bits == pytest.approx(plain.bits, abs=1e-9)


def test_tiny_deviations_around_large_values_lose_no_digits() -> None:
    layer = np.array([[1e6], [1e6 + 1], [1e6 + 2], [1e6 + 3]])
    latent = np.column_stack([layer, np.full((4, 1), 2 * math.log(1e-4))])
    assert bits(latent, np.arange(4), noise="latent").bits == pytest.approx(2.0, abs=1e-12)


def test_a_plane_point_has_both_quantities_from_the_same_draws() -> None:
    layer = ip.continuous(np.random.default_rng(2).normal(size=(20, 2)))
    rows, labels = ip.discrete(np.arange(20)), ip.discrete(np.arange(20) % 2)
    channel = NoisyChannel(sigma=0.5, noise="multiplicative")
    found = dict(channel.estimate_plane_point(rows, layer, labels))
    alone = channel.estimate(rows, layer)
    assert found["i_xz"].bits == alone.bits
    assert 0 <= found["i_zy"].bits < found["i_xz"].bits


@pytest.mark.parametrize(
    ("spec", "axis"),
    [
        ("noisy:sigma=0.5,noise=multiplicative", "noisy net sigma=0.5 (multiplicative), N=9"),
        ("noisy:draws=3,noise=latent", "noisy net (latent), N=9"),
    ],
)
def test_spec_and_axis_name_the_noise(spec: str, axis: str) -> None:
    assert str(parse(spec)) == spec
    assert str(parse(str(parse(spec)))) == spec
    assert parse(spec).axis_label("i_xz", 9).endswith(axis)


def test_a_noise_that_there_is_not_and_an_odd_latent_layer_are_refused() -> None:
    with pytest.raises(InfoplaneError, match="noise is one of additive, multiplicative"):
        parse("noisy:noise=salt")
    with pytest.raises(EstimatorError, match="as many log variances as means"):
        channel_of(np.zeros((4, 3)), "latent", 0.1)
    with pytest.raises(EstimatorError, match="log variances after the means"):
        channel_of(np.full((4, 2), 1e5), "latent", 0.1)
