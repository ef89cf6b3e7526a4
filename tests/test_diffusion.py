"""Diffusion spectral entropy: the spectrum of a random walk."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import infoplane as ip
from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.diffusion import diffusion_spectrum, spectral_entropy
from infoplane.analysis.estimators.renyi import median_width, squared_distances
from infoplane.errors import InputError


def test_a_diffusion_has_the_spectrum_of_its_random_walk() -> None:
    z, width = np.random.default_rng(5).normal(size=(25, 2)), 0.8
    k = np.exp(-squared_distances(z) / (2 * width**2))
    p = k / np.outer(k.sum(axis=1), k.sum(axis=1))
    walk = np.sort(np.linalg.eigvals(p / p.sum(axis=1, keepdims=True)).real)
    found = np.sort(diffusion_spectrum(z, width))
    assert found == pytest.approx(walk, abs=1e-9) and found[-1] == pytest.approx(1)
    for t in (1, 3):
        q = np.abs(found) ** t / (np.abs(found) ** t).sum()
        assert spectral_entropy(found, t) == pytest.approx(stats.entropy(q, base=2))
    e = parse("dse:t=2")
    ids, labels, v = (
        ip.discrete(np.arange(25)),
        ip.discrete(np.repeat([0, 1], [10, 15])),
        ip.continuous(z),
    )
    whole = spectral_entropy(diffusion_spectrum(z, 0.5 * median_width(z)), 2)
    assert e.estimate(v, ids).bits == pytest.approx(whole) == e.estimate(
        ids, v
    ).bits and e.estimate(v, ids).ceiling_bits == pytest.approx(math.log2(25))
    x, y = (q for _, q in e.estimate_plane_point(ids, v, labels, rng=np.random.default_rng(0)))  # type: ignore[attr-defined]  # it has one
    assert (
        x.bits == pytest.approx(whole)
        and 0 < y.bits + 0.5 < whole
        and "geometric, not Shannon MI" in y.notes
    )


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
