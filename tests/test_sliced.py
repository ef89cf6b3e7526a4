"""Sliced information: the mean over directions."""

from __future__ import annotations

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.estimators import parse
from infoplane.types import Variable, continuous, discrete


def test_slices_are_those_of_seed_0_unless_told(rng: np.random.Generator) -> None:
    a, b = (Variable(name, rng.normal(size=(90, 3)), "continuous") for name in "ab")
    estimator = parse("sliced:slices=5")
    assert (
        estimator.estimate(a, b)
        == estimator.estimate(a, b, rng=np.random.default_rng(0))
        != estimator.estimate(a, b, rng=np.random.default_rng(1))
    )


def test_slices_are_means_with_an_error_over_directions(rng: np.random.Generator) -> None:
    a, b = ip.continuous(rng.normal(size=(60, 3))), ip.continuous(rng.normal(size=(60, 2)))
    many = parse("sliced:slices=9").estimate(a, b, rng=np.random.default_rng(0))
    error = 1.96 * many.stderr  # type: ignore[operator]  # a number
    assert (many.low, many.high) == pytest.approx((many.bits - error, many.bits + error))
    assert many.sense == "lower"
    assert parse("sliced:slices=1").estimate(a, b, rng=np.random.default_rng(0)).stderr is None


def test_scalars_have_one_slice(rng: np.random.Generator) -> None:
    a, b = ip.continuous(rng.normal(size=60)), ip.continuous(rng.normal(size=60))
    one = parse("sliced:slices=3").estimate(a, b, rng=np.random.default_rng(0))
    assert one.bits == pytest.approx(parse("mixed").estimate(a, b).bits, abs=1e-9)
    assert one.stderr == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("spec", ["sliced:k=3", "sliced:slices=9,k=3", "sliced"])
def test_the_spec_of_slices_comes_back(spec: str) -> None:
    assert str(parse(spec)) == spec


def test_a_constant_layer_is_no_information() -> None:
    y = discrete(np.arange(60) % 2)
    found = parse("sliced:slices=4").estimate(continuous(np.full((60, 3), 2.5)), y)
    assert found.bits == 0 and "constant" in found.notes[0]


def test_rows_alone_with_their_symbol_are_left_out_and_named(rng: np.random.Generator) -> None:
    z = rng.normal(size=(60, 2))
    labels = np.r_[np.arange(58) % 2, 7, 8]
    found = parse("sliced").estimate(continuous(z), discrete(labels))
    kept = parse("sliced").estimate(continuous(z[:58]), discrete(labels[:58]))
    assert found.bits == kept.bits and found.n == 60
    assert found.notes[0].startswith("2 of 60 rows")


def test_rows_of_one_class_that_are_left_tell_nothing(rng: np.random.Generator) -> None:
    labels = np.r_[np.zeros(59), 1]
    found = parse("sliced").estimate(continuous(rng.normal(size=(60, 2))), discrete(labels))
    assert found.bits == 0 and found.notes[0].startswith("1 of 60 rows")
