"""Rows of the training set and held-out rows, in equal numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infoplane.analysis.measuring import train_test as splits
from infoplane.archive import RunWriter, open_archive
from infoplane.errors import InputError
from infoplane.types import LayerInfo


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


def test_a_side_of_two_rows_is_enough_and_of_one_row_is_not(tmp_path: Path) -> None:
    for held_out, fine in ((2, True), (1, False)):
        path = tmp_path / str(held_out)
        split = ["test"] * held_out + ["train"] * 6
        with (
            RunWriter.create(
                path,
                layers=[LayerInfo("a", 0)],
                x=None,
                y=np.arange(len(split)) % 2,
                split=split,
                durable=False,
            ) as writer,
            writer.step(0) as s,
        ):
            s.write("a", np.arange(len(split), dtype=np.float32))
        if fine:
            assert {
                side: len(rows) for side, rows in splits.split_rows(open_archive(path)).items()
            } == {"train": 2, "test": 2}
        else:
            with pytest.raises(
                InputError, match=r"at least 2 rows on each side, got \{'test': 1\}"
            ):
                splits.split_rows(open_archive(path))
