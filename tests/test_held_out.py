"""The gap between training and held-out rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import ByRows, run_of

from infoplane.analysis.measuring.train_test import split_planes
from infoplane.analysis.resampling.resampled import NO_ERROR
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


def test_a_gap_has_the_error_of_both_sides_where_both_have_one(split_run: Path) -> None:
    train, held_out = Estimate(0.9, 30, "knn", stderr=0.3), Estimate(0.4, 30, "knn", stderr=0.4)
    both = BothSides(3, "a", train, held_out)
    assert both.gap_stderr == 0.5 and "gap +0.5000 +- 0.5 (knn)" in str(both)
    assert replace(both, test=replace(held_out, stderr=None)).gap_stderr is None
    found = train_and_held_out(split_run, ["bin:szt"], layers=["a"])
    assert [one.gap_stderr for one in found] == [None] * 4


def test_half_samples_give_an_error_and_leave_the_numbers_as_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    layer = rng.normal(size=(80, 2)).astype(np.float32)
    run = run_of(
        tmp_path / "run",
        [{"a": layer}],
        y=(layer[:, 0] > 0).astype(int),
        split=np.array(["train", "test"] * 40),
    )
    (plain,) = train_and_held_out(run, "knn")
    (found,) = train_and_held_out(run, "knn", errorbars=4)
    assert (found.train.bits, found.test.bits) == (plain.train.bits, plain.test.bits)
    assert plain.gap_stderr is None and found.gap_stderr is not None and found.gap_stderr > 0


def test_a_side_whose_halves_are_too_few_rows_keeps_its_number(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(18, 1)).astype(np.float32)
    run = run_of(tmp_path / "run", [{"a": rows}], split=np.array(["train", "test"] * 9))
    (found,) = train_and_held_out(run, "knn:k=3", errorbars=4)
    (plain,) = train_and_held_out(run, "knn:k=3")
    assert found.gap_stderr is None and found.gap_bits == plain.gap_bits
    assert {*found.train.notes} - {*plain.train.notes} == {NO_ERROR}


def test_both_sides_share_the_edges_of_the_run(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(80, 1))
    split = np.array(["train", "test"] * 40)
    z[split == "train"] *= 10
    run = run_of(tmp_path / "run", [{"a": z}], y=(z[:, 0] > 0).astype(int), split=split)
    (found,) = train_and_held_out(run, "bin:range,n=4,scope=run")
    planes = split_planes(run, ["bin:range,n=4,scope=run"])
    (on_test,) = [point.bits for point in planes["test"] if point.quantity == "i_zy"]
    assert found.test.bits == pytest.approx(on_test)
