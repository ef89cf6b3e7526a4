"""Neighbour estimators: what they need, what they note, and which form they take."""

from __future__ import annotations

import math

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.estimators import MixedKSG, parse
from infoplane.errors import EstimatorError, InputError
from infoplane.types import continuous, discrete


def test_rows_at_atoms_of_both_variables_and_of_neither_are_both_needed_for_a_warning(
    rng: np.random.Generator,
) -> None:
    free = rng.normal(size=400)
    few = np.where(np.arange(400) < 10, 0.0, free)  # 2.5 % at an atom of both
    many = np.where(np.arange(400) < 100, 0.0, free)
    said = [MixedKSG().estimate(continuous(v), continuous(v)).notes for v in (few, many)]
    assert said[0] == () and len(said[1]) == 1 and said[1][0].startswith("25% of the rows")


def test_a_correction_draws_no_random_numbers() -> None:
    x, z = (continuous(np.random.default_rng(0).normal(size=(120, 2))) for _ in range(2))
    found = [
        parse("knn:k=3").estimate(x, z, rng=rng).bits
        for rng in (None, np.random.default_rng(0), np.random.default_rng(1))
    ]
    assert found[0] == found[1] == found[2]


def test_neighbours_need_two_rows_more_than_k(rng: np.random.Generator) -> None:
    x, z = ip.continuous(rng.normal(size=8)), ip.continuous(rng.normal(size=8))
    assert np.isfinite(parse("ksg:k=6").estimate(x, z, rng=rng).bits)
    with pytest.raises(EstimatorError, match="at least 9 rows for k=7 neighbours, got 8"):
        parse("ksg:k=7").estimate(x, z, rng=rng)


@pytest.mark.parametrize(
    "spec",
    [
        "ksg:k=0",
        "ksg:jitter=1",
        "ksg:jitter=-0.1",
        "ross:correct=true",
        "mixed:correct=true",
        "knn:k=0",
        "sliced:slices=0",
        "sliced:k=0",
    ],
)
def test_neighbours_have_no_other_parameters(spec: str) -> None:
    with pytest.raises(InputError):
        parse(spec)


def test_constant_units_are_left_out_and_told(rng: np.random.Generator) -> None:
    high = ip.continuous(rng.normal(size=(60, 10)))
    half = ip.continuous(np.hstack([rng.normal(size=(60, 1)), np.ones((60, 1))]))
    found = parse("ksg").estimate(high, half, rng=rng)
    assert found.notes[-1] == "1 constant units left out"
    assert found.target == "population" and found.ceiling_bits is None


def test_the_ceiling_of_neighbours_is_the_entropy_of_the_labels(rng: np.random.Generator) -> None:
    high, y = ip.continuous(rng.normal(size=(60, 10))), ip.discrete(np.repeat([0, 1, 1], 20))
    found = parse("ross").estimate(high, y, rng=rng)
    assert found.ceiling_bits == pytest.approx(math.log2(3) - 2 / 3)


def test_equal_rows_are_refused_and_jitter_that_parts_them_is_told(
    rng: np.random.Generator,
) -> None:
    same = ip.continuous(np.repeat(rng.normal(size=5), 4))
    other = ip.continuous(rng.normal(size=20))
    with pytest.raises(EstimatorError, match="has equal rows .*or mixed:k=5"):
        parse("ksg").estimate(same, other, rng=rng)
    jittered = parse("ksg:jitter=0.001").estimate(same, other, rng=rng)
    assert any("jitter 0.001 added to tell equal rows apart" in n for n in jittered.notes)


def test_the_form_of_neighbours_follows_the_rows() -> None:
    rng = np.random.default_rng(1)
    a, b, y = (
        ip.continuous(rng.normal(size=(40, 1))),
        ip.continuous(rng.normal(size=(40, 2))),
        ip.discrete(np.arange(40) % 2),
    )
    tied = ip.continuous(np.round(rng.normal(size=(40, 1))))
    for one, two, form, words in (
        (a, b, "ksg:correct=true", "form: KSG"),
        (a, y, "ross", "form: Ross"),
        (y, a, "ross", "form: Ross"),
        (tied, y, "mixed:apart=true", "form: 85% of the rows lie at atoms"),
    ):
        found, expected = (
            parse(s).estimate(one, two, rng=np.random.default_rng(0)) for s in ("knn", form)
        )
        assert (
            found.bits == expected.bits
            and found.estimator == "knn:k=5"
            and found.notes[-1].startswith(words)
        )
    low, high = (
        parse(s).estimate(a, b.take(np.arange(40)), rng=np.random.default_rng(0))
        for s in ("ksg", "ksg:correct=true")
    )
    assert low.bits != high.bits and any("corrected by" in n for n in high.notes)


@pytest.mark.parametrize(("units", "noted"), [(4, False), (32, True)])
def test_labels_of_a_wide_layer_are_said_to_fall_short(units: int, noted: bool) -> None:
    z = np.random.default_rng(0).normal(size=(200, units))
    notes = parse("knn").estimate(continuous(z), discrete((z[:, 0] > 0).astype(int))).notes
    assert any("falls short in high dimension" in note for note in notes) == noted
