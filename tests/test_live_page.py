"""`Recorder(watch=True)` serves a page from its own process and finds it again after a restart."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
from builders import companion_of, hurry, until
from torch import nn

import infoplane as ip
from infoplane.analysis.live.server import Viewers
from infoplane.background.live_page import LivePage, checked_port, listen
from infoplane.background.page_secret import PageSecret, make_secret, read_secret, secret_file
from infoplane.errors import InputError, MissingExtra
from infoplane.owner_files import write_owned

pytestmark = pytest.mark.filterwarnings(
    "ignore:subprocess .* is still running:ResourceWarning"
)  # the page outlives its training by design


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def ask(address: str) -> dict[str, object]:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return dict(json.loads(answer.read()))
    except urllib.error.HTTPError as refusal:
        with refusal:
            return dict(json.loads(refusal.read()))
    except OSError:
        return {}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def what_is_known(address: str, run: Path) -> dict[str, object]:
    """What a page and the processes beside this one say, for a test that waited in vain."""
    page = ask(address + "data.json")
    lines = [len(file.read_bytes().splitlines()) for file in run.glob("planes/*")]
    return {
        "page": {key: page.get(key) for key in ("count", "waiting", "error", "measured")},
        "result lines": lines,
        "processor seconds": [c.cpu_times().user for c in psutil.Process().children()],
        "load": psutil.getloadavg(),
    }


@pytest.mark.slow
def test_a_watched_recording_shows_its_results_and_its_page_is_found_again_and_ends_when_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "infoplane.hooks.recording.companions.LivePage",
        lambda run, port: LivePage(run, port=port, linger=1.0),
    )
    port, x = free_port(), torch.randn(32, 3)
    options = {
        "probe": (x, [0, 1] * 16),
        "to": tmp_path / "run",
        "layers": "all",
        "verbose": False,
        "measure": "exact",
        "watch": port,
        "max_overhead": 10.0,  # of a core: no limit
    }
    with ip.Recorder(network(), **options) as rec:  # type: ignore[arg-type]  # a mapping of keywords
        rec.step(1)
        address = f"http://127.0.0.1:{port}/"
        assert f"live page: {address}" in capsys.readouterr().out
        hurry(companion_of(tmp_path / "run"))
        until(
            lambda: ask(address + "data.json").get("count", 0) == 12,
            "2 steps x 3 layers x 2 quantities of one estimator",
            seen=lambda: what_is_known(address, tmp_path / "run"),
        )
        known = read_secret(secret_file(tmp_path / "run"))
        assert known is not None and known.port == port and known.page_is_there()
        assert not PageSecret(port, "another").page_is_there()
        with pytest.raises(InputError, match="give another one, for example watch=9000"):
            LivePage(tmp_path / "other", port=port)
        before = {child.pid for child in psutil.Process().children()}
        second = LivePage(tmp_path / "run", port=port)
        assert second.address == address
        assert {child.pid for child in psutil.Process().children()} <= before
    until(lambda: ask(address + "data.json") == {}, "the end of a page that nobody looks at")


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
        "infoplane.background.live_page.find_spec",
        lambda name: None if name == "uvicorn" else object(),
    )
    with pytest.raises(MissingExtra, match=r"infoplane\[live\]"):
        checked_port(True)


def one_byte_a_second(connection: socket.socket, over: threading.Event) -> None:
    for letter in b"HTTP/1.0 200 OK\r\n" * 100:
        if over.wait(0.3):
            return
        connection.sendall(bytes([letter]))


def a_redirect(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(4000)
    connection.sendall(b"HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n")


def the_question_itself(connection: socket.socket, over: threading.Event) -> None:
    question = connection.recv(4000).partition(b"question=")[2].partition(b" ")[0]
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + question)


def nothing(connection: socket.socket, over: threading.Event) -> None:
    over.wait(10)


def too_much(connection: socket.socket, over: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while not over.is_set():
            connection.sendall(b"x" * 100_000)


@pytest.mark.slow
@pytest.mark.parametrize(
    "behave", [one_byte_a_second, a_redirect, the_question_itself, nothing, too_much]
)
def test_a_stranger_on_the_port_is_not_taken_for_our_page_and_keeps_nobody_waiting(
    behave: Callable[[socket.socket, threading.Event], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    over = threading.Event()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve_one() -> None:
            connection = listening.accept()[0]
            with connection, contextlib.suppress(OSError):
                behave(connection, over)

        thread = threading.Thread(target=serve_one, daemon=True)
        thread.start()
        began = time.monotonic()
        assert not PageSecret(int(listening.getsockname()[1]), "secret").page_is_there()
        assert time.monotonic() - began < 3
        over.set()
        thread.join()


def test_a_secret_that_others_can_read_or_that_is_malformed_is_none(tmp_path: Path) -> None:
    run = tmp_path / "run"
    file = make_secret(run, 4000)
    found = read_secret(file)
    assert found is not None and found.port == 4000 and len(found.secret) == 64
    assert secret_file(run) == file and secret_file(tmp_path / "another") != file
    file.chmod(0o644)
    assert read_secret(file) is None
    for content in (b"", b"[1]", b'{"port": "x", "secret": 1}', b"\xff"):
        write_owned(file, content)
        assert read_secret(file) is None


def test_the_system_chooses_the_port_and_one_that_is_taken_is_refused() -> None:
    with listen(None) as one, listen(None) as other:
        ports = [s.getsockname() for s in (one, other)]
        assert {host for host, _ in ports} == {"127.0.0.1"} and len(set(ports)) == 2
        with pytest.raises(InputError, match=f"port {ports[0][1]} of this machine cannot be had"):
            listen(ports[0][1])


@pytest.mark.slow
def test_the_recorder_imports_no_analysis_and_no_server() -> None:
    import subprocess

    code = (
        "import sys, infoplane.hooks.recorder; assert not {m for m in sys.modules if "
        "m.startswith(('infoplane.analysis', 'starlette', 'uvicorn', 'plotly'))}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
