"""A run in use by several processes: measured twice at once, deleted, recorded."""

from __future__ import annotations

import asyncio
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import run_of
from torch import nn

import infoplane as ip
from infoplane.archive import ResultLog, open_archive, verify
from infoplane.errors import ArchiveError, InfoplaneError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of six steps of one layer."""
    z = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    return run_of(tmp_path / "run", [{"l": z * step} for step in range(1, 7)], x=z).path


def test_two_measurements_of_one_run_at_once_give_the_numbers_of_one(run: Path) -> None:
    alone = [p.bits for p in ip.measure(run, ["exact", "bin:szt"], resume=False)]
    found: list[list[float]] = []
    threads = [
        threading.Thread(
            target=lambda: found.append([p.bits for p in ip.measure(run, ["exact", "bin:szt"])])
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone, alone]
    log = ResultLog(run)
    assert len(log.read()) == 12 and log.foreign == 0


def test_a_run_that_is_deleted_while_it_is_read_gives_our_errors(run: Path) -> None:
    archive = open_archive(run)
    shutil.rmtree(run)
    for use in (lambda: archive.z(0, "l"), archive.refresh, lambda: ip.measure(run, "exact")):
        with pytest.raises(InfoplaneError):
            use()


def test_a_cell_that_is_run_twice_is_told_of_the_recorder_that_is_still_open(
    tmp_path: Path,
) -> None:
    options = {"probe": torch.ones(4, 3), "to": tmp_path / "run", "layers": "all"}
    first = ip.Recorder(nn.Linear(3, 2), verbose=False, **options).open()  # type: ignore[arg-type]
    with pytest.raises(ArchiveError, match=r"run|recorder"):
        ip.Recorder(nn.Linear(3, 2), verbose=False, overwrite=True, **options).open()  # type: ignore[arg-type]
    assert first.step(1)
    first.close()
    assert open_archive(tmp_path / "run").steps == (0, 1) and verify(tmp_path / "run") == []


def test_captures_inside_an_event_loop_leave_its_signal_handlers(tmp_path: Path) -> None:
    import signal

    async def train() -> tuple[object, object]:
        with ip.Recorder(
            nn.Linear(3, 2),
            probe=torch.ones(4, 3),
            to=tmp_path / "run",
            layers="all",
            verbose=False,
        ) as rec:
            before = signal.getsignal(signal.SIGINT)
            for step in (1, 2):
                assert rec.step(step)
                await asyncio.sleep(0)
            return before, signal.getsignal(signal.SIGINT)

    before, after = asyncio.run(train())
    assert before is after
