"""Residuals with edges: a cube of noise is read to its entropy."""

from __future__ import annotations

import math

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.edges import edge_readings
from infoplane.analysis.kernels.neighbours import Distances

NEIGHBOURS = (3, 10)


def smoothed_cube(n: int, dim: int, width: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A uniform cube, and the same plus uniform noise of so large a half width (below 1/2)."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, dim))
    return x, x + width * rng.uniform(-1, 1, (n, dim))


def smoothed_nats(dim: int, width: float) -> float:
    """h(X + noise) - h(noise), of a trapezoid less a box: ``d (e - ln 2e)``."""
    return dim * (width - math.log(2 * width))


@pytest.mark.parametrize(("dim", "width"), [(2, 0.3), (3, 0.45), (3, 0.2)])
def test_a_cube_of_noise_is_read_to_a_tenth_of_a_nat(dim: int, width: float) -> None:
    draws = [smoothed_cube(1000, dim, width, seed) for seed in range(4)]
    found = [parse("knn").estimate(ip.continuous(x), ip.continuous(z)).bits for x, z in draws]
    assert np.mean(found) * math.log(2) == pytest.approx(smoothed_nats(dim, width), abs=0.1)


def test_the_reading_is_near_the_truth_where_it_is_given() -> None:
    readings = []
    for seed in range(4):
        x, z = smoothed_cube(1000, 3, 0.3, seed)
        readings += edge_readings(Distances(x), Distances(z), NEIGHBOURS)
    near = [reading.near for reading in readings]
    assert np.mean(near) == pytest.approx(smoothed_nats(3, 0.3), abs=0.1)


def test_normal_noise_and_single_units_have_no_such_reading() -> None:
    rng = np.random.default_rng(0)
    x, z = smoothed_cube(1000, 3, 0.3, 2)
    normal = x + 0.3 * rng.normal(size=x.shape)
    assert not edge_readings(Distances(x), Distances(normal), NEIGHBOURS)
    assert not edge_readings(Distances(x), Distances(z[:, :1].copy()), NEIGHBOURS)


def test_units_that_depend_otherwise_than_normal_ones_have_no_such_reading() -> None:
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * rng.random(1000)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    noise = 0.3 * rng.uniform(-1, 1, circle.shape)
    assert not edge_readings(Distances(circle), Distances(circle + noise), NEIGHBOURS)


def test_a_copy_of_the_predictor_leaves_nothing_to_read() -> None:
    x = np.random.default_rng(0).random((500, 3))
    assert not edge_readings(Distances(x), Distances(2 * x + 1), NEIGHBOURS)
