"""Kills at every disk call of a recorder that writes on a thread of its own: what was reported as captured is there, and right."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from test_crash import Server, shim  # noqa: F401  # a fixture
from torch import nn

from infoplane.archive import open_archive, verify
from infoplane.errors import ArchiveError  # noqa: F401  # the server catches it by this module's name
from infoplane.hooks.recorder import Recorder

STEPS = (0, 1, 2)
ROWS = 24


def _network(step: int) -> nn.Sequential:
    """The network as it is at a step: a training that is known."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.25 * step)
    return net


def _probe() -> tuple[torch.Tensor, np.ndarray]:
    return torch.linspace(-1, 1, ROWS * 3).reshape(ROWS, 3), np.arange(ROWS) % 2


def capture(run: Path, said: Callable[[int], object], *, resume: bool = False) -> None:
    """Train and record; ``said(step)`` as soon as the recorder reports a step, whichever thread wrote it."""
    net, told = _network(0), set()

    def tell() -> None:
        for step in sorted(set(rec.steps) - told):
            told.add(step)
            said(step)

    with Recorder(
        net,
        probe=_probe(),
        to=run,
        layers=["2"],
        batch_size=8,
        background=True,
        resume=resume,
        chain=False,
        verbose=False,
        on_error="raise",
    ) as rec:
        for step in STEPS:
            net.load_state_dict(_network(step).state_dict())
            if step not in rec.steps:
                rec.step(step)
            tell()
    tell()


def _assert_sound(run: Path, reported: set[int]) -> None:
    if (run / "run.json").exists():
        assert verify(run) == []
        archive = open_archive(run)
        assert reported <= set(archive.steps) <= set(STEPS)
        for step in archive.steps:
            with torch.no_grad():
                np.testing.assert_allclose(archive.z(step, "2"), _network(step)(_probe()[0]).numpy(), rtol=1e-5, atol=1e-6)
    else:
        assert not reported


@pytest.fixture
def server(shim: Path, tmp_path: Path) -> Iterator[Server]:  # noqa: F811  # the fixture above
    started = Server(shim, tmp_path, "test_crash_background")
    yield started
    started.close()


@pytest.mark.slow
@pytest.mark.parametrize("mode", [0, 1], ids=["before the call", "in the middle of the call"])
def test_a_kill_at_every_disk_call_while_a_thread_writes_loses_nothing_reported(server: Server, tmp_path: Path, mode: int) -> None:
    killed, code, calls, reported = server.capture(10**9, 0, tmp_path / "whole")
    assert killed == 0 and code == "0" and reported == set(STEPS) and int(calls) > 50
    held = []
    for n in range(1, int(calls) + 1):
        run = tmp_path / f"k{n}"
        killed, _, _, reported = server.capture(n, mode, run)
        assert killed == signal.SIGKILL, f"call {n} was not reached"
        held.append(len(reported))
        if run.exists():
            _assert_sound(run, reported)
        if n % 10 == 0:
            capture(run, lambda step: None, resume=True)
            assert open_archive(run).steps == STEPS and not list(run.rglob(".tmp-*"))
        shutil.rmtree(run, ignore_errors=True)
    assert max(held) >= len(STEPS) - 1 and min(held) == 0  # kills fell before, between and after what was reported
