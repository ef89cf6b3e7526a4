"""Diffusion spectral entropy: the spectrum of a random walk."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import infoplane as ip
from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.diffusion import diffusion_spectrum, spectral_entropy
from infoplane.analysis.estimators.gram import median_width, squared_distances
from infoplane.errors import InputError

ROWS, WIDTH = np.random.default_rng(5).normal(size=(25, 2)), 0.8
IDS, LABELS = ip.discrete(np.arange(25)), ip.discrete(np.repeat([0, 1], [10, 15]))


def test_a_diffusion_has_the_spectrum_of_its_random_walk() -> None:
    k = np.exp(-squared_distances(ROWS) / (2 * WIDTH**2))
    p = k / np.outer(k.sum(axis=1), k.sum(axis=1))
    walk = np.sort(np.linalg.eigvals(p / p.sum(axis=1, keepdims=True)).real)
    found = np.sort(diffusion_spectrum(ROWS, WIDTH))
    assert found == pytest.approx(walk, abs=1e-9) and found[-1] == pytest.approx(1)


@pytest.mark.parametrize("t", [1, 3])
def test_the_entropy_of_a_spectrum_is_that_of_its_powers(t: int) -> None:
    found = diffusion_spectrum(ROWS, WIDTH)
    powers = np.abs(found) ** t / (np.abs(found) ** t).sum()
    assert spectral_entropy(found, t) == pytest.approx(stats.entropy(powers, base=2))


def test_a_layer_has_the_entropy_at_half_its_median_distance_whichever_side_it_is() -> None:
    whole = spectral_entropy(diffusion_spectrum(ROWS, 0.5 * median_width(ROWS)), 2)
    e, z = parse("dse:t=2"), ip.continuous(ROWS)
    assert e.estimate(z, IDS).bits == pytest.approx(whole) == e.estimate(IDS, z).bits
    assert e.estimate(z, IDS).ceiling_bits == pytest.approx(math.log2(25))


def test_both_numbers_of_a_diffusion_are_geometric() -> None:
    whole = spectral_entropy(diffusion_spectrum(ROWS, 0.5 * median_width(ROWS)), 2)
    points = parse("dse:t=2").estimate_plane_point(  # type: ignore[attr-defined]  # it has one
        IDS, ip.continuous(ROWS), LABELS, rng=np.random.default_rng(0)
    )
    x, y = (estimate for _, estimate in points)
    assert x.bits == pytest.approx(whole) and 0 < y.bits + 0.5 < whole
    assert "geometric, not Shannon MI" in y.notes


def test_estimates_of_diffusion_are_the_same_twice_without_a_generator() -> None:
    rng = np.random.default_rng(0)
    z, y = ip.continuous(rng.normal(size=(40, 3))), ip.discrete(rng.integers(0, 2, 40))
    dse = parse("dse")
    assert (
        dse.estimate(z, y).bits
        == dse.estimate(z, y).bits
        == dse.estimate(z, y, rng=np.random.default_rng(0)).bits
    )
    assert dse.estimate(z, y).bits != dse.estimate(z, y, rng=np.random.default_rng(1)).bits


def test_a_diffusion_takes_one_subset_and_not_none() -> None:
    assert parse("dse:subsets=1").subsets == 1  # type: ignore[attr-defined]  # it has them
    with pytest.raises(InputError, match="subsets >= 1"):
        parse("dse:subsets=0")
