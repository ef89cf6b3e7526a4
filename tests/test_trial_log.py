"""A calibration that was stopped and resumed equals an unbroken one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infoplane.analysis.calibrate import Calibration, calibrate
from infoplane.errors import InputError

CASES = ["Gaussian, r=0.5", "Gaussian 2+2, r=0.5"]


def run(log: Path | None, seeds: int = 2, estimators: tuple[str, ...] = ("gauss",)) -> Calibration:
    return calibrate(estimators, CASES, n=100, seeds=seeds, log=log)


def bits(found: Calibration) -> list[tuple[str, str, int, float | None]]:
    return [(t.case, t.estimator, t.seed, t.bits) for t in found.trials]


def test_a_logged_calibration_is_the_same_as_one_without_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    once, again, without = run(log), run(log), run(None)
    assert once == again
    assert bits(once) == bits(without)


def test_only_what_the_log_does_not_hold_is_made(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    run(log)
    found = run(log, seeds=3, estimators=("gauss", "ksg:k=3"))
    assert bits(found) == bits(run(None, seeds=3, estimators=("gauss", "ksg:k=3")))
    lines = log.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 * 3 * 2
    keys = {tuple(json.loads(line)[k] for k in ("case", "estimator", "seed")) for line in lines}
    assert len(keys) == len(lines)


def test_a_line_cut_short_is_made_again(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    run(log)
    text = log.read_text(encoding="utf-8")
    log.write_text(text[:-40], encoding="utf-8")
    assert bits(run(log)) == bits(run(None))
    assert bits(run(log)) == bits(run(None))


def test_trials_with_other_intervals_are_not_taken(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    run(log)
    found = calibrate(["ksg:k=3"], CASES[:1], n=100, seeds=1, errorbars=3, log=log)
    assert found.trials[0].low is not None


def test_a_log_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a file"):
        run(tmp_path)
    with pytest.raises(InputError, match="expected a file"):
        run(tmp_path / "no" / "folder.jsonl")
