"""The gap between training and held-out rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import ByRows

from infoplane.analysis.studies.held_out import BothSides, train_and_held_out
from infoplane.errors import InputError
from infoplane.types import Estimate


def test_a_gap_that_no_division_falls_short_of_has_p_one(split_run: Path) -> None:
    found = train_and_held_out(split_run, [ByRows()], divisions=3, layers=["a"], steps=[7, 0])  # type: ignore[list-item]  # an Estimator
    assert [(f.step, f.layer, f.gap_bits, f.p, f.train.n) for f in found] == [
        (0, "a", 0.0, 1.0, 4),
        (7, "a", 0.0, 1.0, 4),
    ]
    assert [f.p for f in train_and_held_out(split_run, [ByRows()], layers=["a"])] == [None] * 4  # type: ignore[list-item]
    for wrong, words in (({"layers": ["c"]}, "no such layers"), ({"steps": [2]}, "no such steps")):
        with pytest.raises(InputError, match=words):
            train_and_held_out(split_run, **wrong)


def test_both_sides_say_their_gap_and_their_p_where_there_is_one() -> None:

    train, held_out = Estimate(0.9, 30, "bin:szt"), Estimate(0.4, 10, "bin:szt")
    alone = BothSides(3, "a", train, held_out)
    assert str(alone) == "step 3, a: train 0.9000, held out 0.4000 bits, gap +0.5000 (bin:szt)"
    assert str(replace(alone, p=0.02)).endswith("gap +0.5000, p 0.02 (bin:szt)")
