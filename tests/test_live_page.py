"""`Recorder(watch=True)`: a page in a process of its own, found again after a restart, gone when nobody needs it, harmless when it fails."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import infoplane as ip
from infoplane.analysis.live.server import Viewers
from infoplane.background.watching import LivePage, checked_port, find_port
from infoplane.errors import InputError, MissingExtra

pytestmark = pytest.mark.filterwarnings(
    "ignore:subprocess .* is still running:ResourceWarning"
)  # the page outlives its training by design


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        threading.Event().wait(0.1)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def ask(address: str) -> dict[str, object]:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return dict(json.loads(answer.read()))
    except OSError:
        return {}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


@pytest.mark.slow
def test_a_watched_recording_shows_its_results_and_its_page_is_found_again_and_ends_when_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "infoplane.hooks.recorder.LivePage", lambda run, port: LivePage(run, port=port, linger=1.0)
    )
    port, x = free_port(), torch.randn(32, 3)
    options = {
        "probe": (x, [0, 1] * 16),
        "to": tmp_path / "run",
        "layers": "all",
        "verbose": False,
        "watch": port,
    }
    with ip.Recorder(network(), **options) as rec:  # type: ignore[arg-type]  # a mapping of keywords
        rec.step(1)
        address = f"http://127.0.0.1:{port}/"
        assert f"live page: {address}" in capsys.readouterr().out
        until(
            lambda: ask(address + "data.json").get("count", 0) == 12,
            "2 steps x 3 layers x 2 quantities",
        )
        assert ask(address + "which.json") == {"run": str((tmp_path / "run").resolve())}
        assert find_port(tmp_path / "run", port) == (port, True)
        with pytest.raises(InputError, match="are taken; give another one: watch=9000"):
            find_port(tmp_path / "other", port)
        second = LivePage(tmp_path / "run", port=port)
        assert second.address == address and second._process is None
    until(lambda: ask(address + "which.json") == {}, "the end of a page that nobody looks at")


def test_somebody_who_looks_keeps_the_page_open() -> None:
    now = [0.0]
    viewers = Viewers(lambda: now[0])
    now[0] = 5.0
    assert viewers.absent_seconds() == 5.0
    with viewers, viewers:
        now[0] = 90.0
        assert viewers.absent_seconds() == 0.0
    now[0] = 100.0
    assert viewers.absent_seconds() == 10.0


def test_a_port_that_cannot_be_is_refused_before_training() -> None:
    assert checked_port(True) is None and checked_port(8400) == 8400
    with pytest.raises(InputError, match="watch is True, False or a port from 1 to 65535, got 0"):
        checked_port(0)
    with pytest.raises(InputError, match="got 70000"):
        ip.Recorder(network(), probe=torch.zeros(4, 3), to="unused", watch=70000)


def test_missing_libraries_are_named_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "infoplane.background.watching.find_spec",
        lambda name: None if name == "uvicorn" else object(),
    )
    with pytest.raises(MissingExtra, match=r"infoplane\[live\]"):
        checked_port(True)


def test_a_stranger_on_the_port_is_not_taken_for_our_page() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = int(s.getsockname()[1])
        threading.Thread(target=lambda: s.accept()[0].close(), daemon=True).start()
        with pytest.raises(InputError, match="are taken"):
            find_port(Path("run"), port)


def test_the_recorder_imports_no_analysis_and_no_server() -> None:
    import subprocess

    code = "import sys, infoplane.hooks.recorder; assert not {m for m in sys.modules if m.startswith(('infoplane.analysis', 'starlette', 'uvicorn', 'plotly'))}"
    subprocess.run([sys.executable, "-c", code], check=True)
