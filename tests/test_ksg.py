"""Neighbour estimators: what they need, what they note, and which form they take."""

from __future__ import annotations

import math

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.estimators import MixedKSG, parse
from infoplane.errors import InputError
from infoplane.types import continuous


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


def test_neighbours_need_two_rows_more_than_k_and_say_what_weakens_them() -> None:
    rng = np.random.default_rng(0)
    x, z = ip.continuous(rng.normal(size=8)), ip.continuous(rng.normal(size=8))
    assert np.isfinite(parse("ksg:k=6").estimate(x, z, rng=rng).bits)
    with pytest.raises(ip.errors.EstimatorError, match="at least 9 rows for k=7 neighbours, got 8"):
        parse("ksg:k=7").estimate(x, z, rng=rng)
    for wrong in (
        "ksg:k=0",
        "ksg:jitter=1",
        "ksg:jitter=-0.1",
        "ross:correct=true",
        "mixed:correct=true",
        "knn:k=0",
        "sliced:slices=0",
        "sliced:k=0",
    ):
        with pytest.raises(InputError):
            parse(wrong)
    assert parse("ksg:jitter=0.5").jitter == 0.5  # type: ignore[attr-defined]  # it has one
    high = ip.continuous(rng.normal(size=(60, 10)))
    wide = parse("ksg").estimate(
        high, ip.continuous(np.hstack([rng.normal(size=(60, 1)), np.ones((60, 1))])), rng=rng
    )
    assert (
        wide.notes[-1] == "1 constant units left out"
        and wide.target == "population"
        and wide.ceiling_bits is None
    )
    y = ip.discrete(np.repeat([0, 1, 1], 20))
    assert parse("ross").estimate(high, y, rng=rng).ceiling_bits == pytest.approx(
        math.log2(3) - 2 / 3
    )
    same = ip.continuous(np.repeat(rng.normal(size=5), 4))
    jittered = parse("ksg:jitter=0.001").estimate(same, ip.continuous(rng.normal(size=20)), rng=rng)
    assert any("jitter 0.001 added to tell equal rows apart" in n for n in jittered.notes)
    with pytest.raises(ip.errors.EstimatorError, match="has equal rows .*or mixed:k=5"):
        parse("ksg").estimate(same, ip.continuous(rng.normal(size=20)), rng=rng)


def test_the_form_of_neighbours_follows_the_rows() -> None:
    rng = np.random.default_rng(1)
    a, b, y = (
        ip.continuous(rng.normal(size=(40, 1))),
        ip.continuous(rng.normal(size=(40, 2))),
        ip.discrete(np.arange(40) % 2),
    )
    tied = ip.continuous(np.round(rng.normal(size=(40, 1))))
    for one, two, form, words in (
        (a, b, "ksg:correct=true", "form: KSG"), (a, y, "ross", "form: Ross"), (y, a, "ross", "form: Ross"),
        (tied, y, "mixed:apart=true", "form: 85% of the rows lie at atoms"),
    ):  # fmt: skip
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
