"""Networks with Gaussian noise in their forward pass, whose information is known.

One layer (channels) and two (noise propagated); it is finite.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from infoplane.analysis.calibrate.case import Case, Sample
from infoplane.analysis.calibrate.draws import polar
from infoplane.analysis.calibrate.truths import (
    classes_bits,
    entropy_on_grid,
    mixture_bits,
    mixture_bits_plane,
    normal,
    normal_entropy,
    step_of,
)
from infoplane.types import continuous, discrete
from infoplane.types.arrays import Codes, Floats


def _channel(x: Floats, ids: Codes | None, clean: Floats, sigma: float, rng: Generator) -> Sample:
    """Return what neighbours see of a noisy layer, and what sample propagation sees.

    The input's values and the noisy layer; row identities and the clean layer.
    """
    z = clean + sigma * rng.normal(size=clean.shape)
    rows = np.arange(len(clean)) if ids is None else ids
    return Sample(
        continuous(x, "x"),
        continuous(z, "z"),
        discrete(rows, "ids"),
        continuous(clean, "f(x)"),
        sigma,
    )


def balanced(n: int, symbols: int, rng: Generator) -> Codes:
    """Return symbols in turn, in random order: X is uniform on the rows as exactly as n allows."""
    return rng.permutation(np.arange(n) % symbols)


def gaussian_channel(name: str, w: Floats, sigma: float) -> Case:
    """Build Z = W X + N(0, sigma^2 I), X ~ N(0, I): 1/2 log2 det(I + W W^T / sigma^2)."""

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.normal(size=(n, w.shape[1]))
        return _channel(x, None, x @ w.T, sigma, rng)

    def truth() -> float:
        return 0.5 * float(np.linalg.slogdet(np.eye(len(w)) + w @ w.T / sigma**2)[1]) / math.log(2)

    return Case(name, "channel", draw, truth, "1/2 log2 det(I + W W^T / s^2)", False)


def ring_channel(radius: float, sigma: float) -> Case:
    """Return an angle on a circle plus plane noise.

    The density depends on the distance only, through a Bessel function.
    """

    def draw(n: int, rng: Generator) -> Sample:
        angle = rng.uniform(0, 2 * math.pi, n)
        point = polar(angle)
        return _channel(point, None, radius * point, sigma, rng)

    def truth() -> float:
        from scipy.special import ive

        rho = np.linspace(1e-9, radius + 10 * sigma, 20001)
        along = np.exp(-((rho - radius) ** 2) / (2 * sigma**2))
        density = along * ive(0, rho * radius / sigma**2) / (2 * math.pi * sigma**2)
        logs = np.log2(np.maximum(density, 1e-300))
        terms = np.where(density > 0, -2 * math.pi * rho * density * logs, 0.0)
        total = float((terms[1:] + terms[:-1]).sum() / 2 * step_of(rho))
        return total - 2 * normal_entropy(sigma)

    return Case(
        f"circle of radius {radius:g}, noise {sigma:g}",
        "channel",
        draw,
        truth,
        "radial density with a Bessel function",
        False,
    )


def unit_channel(name: str, levels: int, units: int, gain: float, sigma: float, seed: int) -> Case:
    """Build independent tanh units of inputs with finitely many levels, turned by a rotation.

    The information is ``units`` times that of one scalar mixture.

    Args:
        name: of the case.
        levels: of every input.
        units: inputs and units.
        gain: of the inputs before tanh.
        sigma: of the noise in each unit.
        seed: of the rotation.
    """
    grid = np.linspace(-1.5, 1.5, levels)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(units, units)))[0]

    def draw(n: int, rng: Generator) -> Sample:
        number = balanced(n, levels**units, rng)
        digits = np.stack([number // levels**i % levels for i in range(units)], axis=1)
        return _channel(grid[digits], number, np.tanh(gain * grid[digits]) @ turn, sigma, rng)

    return Case(
        name,
        "channel",
        draw,
        lambda: units * mixture_bits(np.tanh(gain * grid), sigma),
        "units x one scalar mixture",
        False,
    )


def binary_layer(name: str, bits: int, sigma: float, seed: int, gain: float = 1.0) -> Case:
    """Build a random tanh layer of two units over all patterns of binary inputs, noise added.

    A mixture of 2^bits Gaussians in the plane.

    Args:
        name: of the case.
        bits: binary inputs.
        sigma: of the noise in each unit.
        seed: of the weights.
        gain: of the weights.
    """
    patterns = (2 * ((np.arange(2**bits)[:, None] >> np.arange(bits)) & 1) - 1).astype(np.float64)
    rng = np.random.default_rng(seed)
    centres = np.tanh(
        patterns @ (gain * rng.normal(size=(bits, 2)) / math.sqrt(bits)) + 0.3 * rng.normal(size=2)
    )

    def draw(n: int, rng: Generator) -> Sample:
        number = balanced(n, len(patterns), rng)
        return _channel(patterns[number], number, centres[number], sigma, rng)

    return Case(
        name,
        "noisy network",
        draw,
        lambda: mixture_bits_plane(centres, sigma),
        "mixture density on a grid",
        False,
    )


def two_layers(
    name: str, points: int, first: float, second: float, sigma: float, *, labels: bool = False
) -> Case:
    """Build X -> tanh(first X) + n -> tanh(second Z1) + n, scalar, noise in both layers.

    Sample propagation sees many draws of the hidden noise for every x.

    Args:
        name: of the case.
        points: values of X.
        first: weight of the first layer.
        second: weight of the second.
        sigma: of the noise behind each.
        labels: whether Y = 1 for x > 0 takes the place of X.
    """
    grid = np.linspace(-1.5, 1.5, points)
    y = (grid > 0).astype(np.int64)

    def draw(n: int, rng: Generator) -> Sample:
        number = balanced(n, points, rng)
        hidden = np.tanh(first * grid[number]) + sigma * rng.normal(size=n)
        sample = _channel(
            grid[number],
            y[number] if labels else number,
            np.tanh(second * hidden)[:, None],
            sigma,
            rng,
        )
        return replace(sample, a=discrete(y[number], "y")) if labels else sample

    def truth() -> float:
        densities, cell = two_layer_densities(grid, first, second, sigma)
        if labels:
            densities = np.stack([densities[y == c].mean(axis=0) for c in (0, 1)])
            return classes_bits(densities, np.bincount(y) / points, cell)
        noise = np.mean([entropy_on_grid(density, cell) for density in densities])
        return entropy_on_grid(densities.mean(axis=0), cell) - float(noise)

    return Case(
        name, "noisy network", draw, truth, "nested quadrature over the hidden noise", False
    )


def two_layer_densities(
    grid: Floats, first: float, second: float, sigma: float
) -> tuple[Floats, float]:
    """Return densities of the second layer on a grid, given each input, and its step.

    Args:
        grid: inputs, shape ``(points,)``.
        first, second: weights of the layers.
        sigma: of the noise behind each.

    Returns:
        Densities of shape ``(points, 1601)``, by quadrature over the hidden layer's noise.
    """
    centres = np.tanh(first * grid)
    inner = np.linspace(centres.min() - 8 * sigma, centres.max() + 8 * sigma, 1201)  # hidden
    line = np.linspace(-1 - 8 * sigma, 1 + 8 * sigma, 1601)
    hidden = normal(inner[None], centres[:, None], sigma) * step_of(inner)  # (points, hidden)
    outer = normal(line[None], np.tanh(second * inner)[:, None], sigma)
    return hidden @ outer, step_of(line)


def linear_network(name: str, sigma: float, seed: int) -> Case:
    """Build X ~ N(0, I_2) -> W1 X + n -> W2 Z1 + n: Gaussian.

    Sample propagation sees 16 draws of the hidden noise for every x.

    Args:
        name: of the case.
        sigma: of the noise behind each layer.
        seed: of the weights.
    """
    rng = np.random.default_rng(seed)
    w1 = rng.normal(size=(2, 2))
    w2 = rng.normal(size=(1, 2))
    noise = sigma**2 * (w2 @ w2.T + np.eye(1))

    def second_layer(x: Floats, rng: Generator) -> Floats:
        """Before its own noise."""
        return (x @ w1.T + sigma * rng.normal(size=x.shape)) @ w2.T

    def draw(n: int, rng: Generator) -> Sample:
        row = np.arange(n) // 16
        x = rng.normal(size=(int(row[-1]) + 1, 2))[row]
        sample = _channel(x, row, second_layer(x, rng), sigma, rng)
        fresh = rng.normal(size=(n, 2))
        z = second_layer(fresh, rng) + sigma * rng.normal(size=(n, 1))
        return replace(sample, a=continuous(fresh, "x"), b=continuous(z, "z"))

    def truth() -> float:
        signal = w2 @ w1 @ w1.T @ w2.T
        log_dets = np.linalg.slogdet(signal + noise)[1] - np.linalg.slogdet(noise)[1]
        return 0.5 * float(log_dets) / math.log(2)

    how = "1/2 log2 det(signal + noise) / det noise"
    return Case(name, "noisy network", draw, truth, how, False)


CASES = (
    gaussian_channel("linear channel 1 to 1", np.array([[2.0]]), 1.0),
    gaussian_channel("linear channel 2 to 2", np.array([[1.0, 0.5], [-0.3, 0.8]]), 0.7),
    gaussian_channel("linear channel 3 to 3", np.eye(3) / math.sqrt(3), 1.0),
    ring_channel(1.0, 0.2),
    unit_channel("6 binary tanh units", 2, 6, 1.0, 0.5, 1),
    unit_channel("3 tanh units of 8 levels", 8, 3, 1.0, 0.4, 2),
    unit_channel("2 saturated tanh units of 16 levels", 16, 2, 3.0, 0.3, 3),
    binary_layer("tanh layer of 6 bits, noise 0.3", 6, 0.3, 1),
    binary_layer("tanh layer of 10 bits, noise 0.1", 10, 0.1, 2),
    two_layers("two noisy tanh layers, 8 inputs", 8, 1.0, 2.0, 0.3),
    two_layers("two noisy tanh layers, labels", 16, 2.0, 1.5, 0.4, labels=True),
    linear_network("two noisy linear layers", 0.6, 3),
)

JUDGES = (
    gaussian_channel("linear channel 2 to 1", np.array([[0.8, -1.1]]), 0.9),
    unit_channel("4 tanh units of 4 levels", 4, 4, 1.5, 0.35, 11),
    binary_layer("tanh layer of 8 bits, noise 0.2", 8, 0.2, 12, 2.0),
    two_layers("two noisy tanh layers, 5 inputs", 5, 1.5, 1.0, 0.25),
)
