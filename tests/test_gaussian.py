"""Gaussian information: its standard error, and classes with few rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import infoplane as ip
from infoplane.analysis.estimators import Gaussian
from infoplane.errors import EstimatorError
from infoplane.types import Variable


def test_the_standard_error_of_a_gaussian_pair_is_its_spread_over_draws() -> None:
    for r in (0.0, 0.6):
        bits, said, held = [], [], 0
        for seed in range(400):
            rng = np.random.default_rng(seed)
            x = rng.normal(size=200)
            e = Gaussian().estimate(
                ip.continuous(x), ip.continuous(r * x + math.sqrt(1 - r * r) * rng.normal(size=200))
            )
            bits.append(e.bits)
            said.append(e.stderr)
            held += e.low <= -0.5 * math.log2(1 - r * r) <= e.high  # type: ignore[operator]  # numbers
        assert np.mean(bits) == pytest.approx(
            -0.5 * math.log2(1 - r * r), abs=4 * np.std(bits) / 20
        )
        assert held >= 0.9 * 400 or not r
        ratio = np.sqrt(np.mean(np.square(said))) / np.std(bits)
        assert 0.85 < ratio < 1.15 if r else 1 < ratio < 2, (
            "at r = 0, where the first order vanishes, it errs to the safe side"
        )


def test_a_gaussian_of_labels_needs_three_rows_a_class_and_has_their_entropy_as_ceiling() -> None:
    z = np.random.default_rng(8).normal(size=(43, 1))
    e = Gaussian().estimate(ip.continuous(z), ip.discrete(np.repeat([0, 1], [40, 3])))
    assert e.ceiling_bits == pytest.approx(stats.entropy([40, 3], base=2)) and any(
        "not corrected" in n for n in e.notes
    )
    assert not any(
        "not corrected" in n
        for n in Gaussian()
        .estimate(ip.continuous(z), ip.discrete(np.repeat([0, 1], [33, 10])))
        .notes
    )
    with pytest.raises(EstimatorError, match="a class of 2 rows has no covariance"):
        Gaussian().estimate(ip.continuous(z), ip.discrete(np.repeat([0, 1], [41, 2])))
    copula = Gaussian(copula=True)
    wide = ip.continuous(np.random.default_rng(9).normal(size=(43, 2)))
    assert (
        "copula of vectors: no lower bound" in copula.estimate(wide, ip.continuous(z)).notes
        and copula.estimate(ip.continuous(z), ip.continuous(z[::-1])).notes == ()
    )


def test_a_gaussian_says_its_error_for_scalars_alone(rng: np.random.Generator) -> None:
    a, b = (Variable(name, rng.normal(size=(90, 2)), "continuous") for name in "ab")
    one = Variable("one", b.values[:, :1], "continuous")
    assert (
        Gaussian().estimate(Variable("other", a.values[:, :1], "continuous"), one).stderr
        is not None
    )
    assert [Gaussian().estimate(*pair).stderr for pair in ((a, b), (a, one), (one, a))] == [
        None
    ] * 3
