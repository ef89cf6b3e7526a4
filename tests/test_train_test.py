"""Rows of the training set and held-out rows, in equal numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import run_of

from infoplane.analysis.measuring import train_test as splits
from infoplane.archive import Archive, open_archive
from infoplane.errors import InputError


def test_both_sides_give_equally_many_rows_in_order_unless_asked(split_run: Path) -> None:
    archive = open_archive(split_run)
    equal, all_rows = (
        splits.split_rows(archive, seed=3),
        splits.split_rows(archive, equal_rows=False),
    )
    assert all_rows["test"].tolist() == [1, 4, 7, 10] and all_rows["train"].tolist() == [
        0,
        2,
        3,
        5,
        6,
        8,
        9,
        11,
    ]
    assert (
        [len(r) for r in equal.values()] == [4, 4]
        and set(equal["train"]) < set(all_rows["train"])
        and (np.diff(equal["train"]) > 0).all()
    )
    assert any(
        set(splits.split_rows(archive, seed=s)["train"]) != set(equal["train"]) for s in range(5)
    )
    planes = splits.split_planes(archive, ["exact"])
    assert (
        planes["train"].n == planes["test"].n == 4
        and {p.estimate.n for p in planes["train"]} == {4}
        and len(planes["test"]) == 14
    )
    assert planes["test"].h_x_bits == 2.0 and planes["test"].h_y_bits == 1.0


def held_out(path: Path, rows: int) -> Archive:
    """A run of six training rows and so many held-out ones."""
    z = np.arange(6 + rows, dtype=np.float32)[:, None]
    return run_of(path, [{"a": z}], x=None, split=["test"] * rows + ["train"] * 6)


def test_a_side_of_two_rows_is_enough(tmp_path: Path) -> None:
    sides = splits.split_rows(held_out(tmp_path / "run", 2))
    assert {side: len(rows) for side, rows in sides.items()} == {"train": 2, "test": 2}


def test_a_side_of_one_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"at least 2 rows on each side, got \{'test': 1\}"):
        splits.split_rows(held_out(tmp_path / "run", 1))


def test_without_an_estimator_the_sides_are_measured_by_those_that_can_answer(
    split_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planes = splits.split_planes(split_run)
    assert planes["train"].estimators == planes["test"].estimators
    assert "bin:szt" not in planes["train"].estimators and "exact" in planes["train"].estimators
    assert capsys.readouterr().err.startswith("estimators: ")
