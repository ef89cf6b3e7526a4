"""Fano's bound from a network's own answers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from builders import one_step, run_of

import infoplane as ip
from infoplane.analysis import lower_bounds
from infoplane.analysis.lower_bounds import fano_bits, lower_bound_of
from infoplane.analysis.vocabulary import mutual_information


@pytest.mark.parametrize(
    ("cls", "width", "there"),
    [("Linear", 2, True), ("Identity", 2, True), ("ReLU", 2, False), ("Linear", 3, False)],
)
def test_a_floor_is_read_from_logits_of_the_classes_only(
    tmp_path: Path, cls: str, width: int, there: bool
) -> None:

    logits = np.zeros((20, width), np.float32)
    logits[np.arange(20), np.arange(20) % 2] = 3.0
    split_run = one_step(tmp_path / "r", out=(cls, logits))
    assert (lower_bound_of(split_run, 0) is not None) is there


@pytest.mark.parametrize(
    ("split", "error"),
    [(None, 0.25), (["train"] * 8, 0.25), (["train"] * 4 + ["test"] * 4, 0.5)],
    ids=["no split", "all trained on", "half held out"],
)
def test_the_floor_is_of_held_out_rows_where_there_are_any(
    tmp_path: Path, split: list[str] | None, error: float
) -> None:
    logits = np.zeros((8, 2), np.float32)
    logits[np.arange(8), np.arange(8) % 2] = [3, 3, 3, 3, 3, 3, -3, -3]  # the last two are wrong
    found = lower_bounds.lower_bound_of(run_of(tmp_path / "run", [{"out": logits}], split=split), 0)
    assert found is not None and found.error == error


@pytest.mark.parametrize(("kind", "there"), [("discrete", True), ("continuous", False)])
def test_a_floor_needs_classes_and_not_targets(
    rng: np.random.Generator, tmp_path: Path, kind: str, there: bool
) -> None:
    logits = rng.normal(size=(8, 2)).astype(np.float32)
    archive = run_of(tmp_path / "run", [{"out": logits}], y_kind=kind)
    assert (lower_bounds.lower_bound_of(archive, 0) is not None) == there


def test_fanos_bound_is_tight_where_errors_are_spread_evenly() -> None:
    """A uniform label of K classes, wrong with probability e and then any of the others alike: the
    information is the bound.
    """
    for classes, e in ((2, 0.1), (3, 0.2), (5, 0.5), (4, 0.0), (3, 1.0)):
        table = np.full((classes, classes), e / (classes - 1) / classes)
        np.fill_diagonal(table, (1 - e) / classes)
        assert fano_bits(math.log2(classes), e, classes) == pytest.approx(
            mutual_information(table), abs=1e-12
        )


def test_fano_by_hand_and_the_floor_of_a_run(szt_run: Path) -> None:
    assert fano_bits(2.0, 0.25, 4) == pytest.approx(2 - 0.8112781245 - 0.25 * np.log2(3))
    archive = ip.open_archive(szt_run)
    floor = lower_bound_of(archive, archive.steps[-1])
    assert (
        floor is not None and floor.rows == 1024 and 0 < floor.error < 0.3 and floor.output == "fc6"
    )
    exact = ip.measure(archive, "exact")
    assert floor.bits <= exact.series("fc6", "i_zy", "exact")[1][-1].bits
