"""The share of time that measuring a growing run may take."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from builders import write_run

import infoplane as ip
from infoplane.analysis.measuring.follow import Budget


def test_a_budget_counts_from_its_start() -> None:
    assert Budget(
        0.1, busy=lambda: 3.0, clock=lambda: 20.0, start=10.0
    ).rest_seconds() == pytest.approx(20.0)
    assert Budget(0.1, busy=lambda: 1.0, clock=lambda: 20.0, start=10.0).rest_seconds() == 0.0


@pytest.mark.slow
def test_the_command_measures_what_a_run_holds_until_it_is_ended(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    words = ["measure", str(run), "--follow", "-e", "exact", "--max-overhead", "2"]
    command = subprocess.Popen([sys.executable, "-m", "infoplane", *words])
    results = run / "planes" / "results.jsonl"
    wanted = len(ip.measure(write_run(tmp_path / "the same rows"), "exact"))
    until = time.monotonic() + 60
    while command.poll() is None and time.monotonic() < until:
        if results.exists() and results.read_text().count('"exact"') >= wanted:
            break
        time.sleep(0.1)
    assert command.poll() is None, "the command ended by itself"
    command.terminate()
    command.wait()
    assert results.read_text().count('"exact"') >= wanted
