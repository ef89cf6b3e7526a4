"""A training watched in two browsers, killed with SIGKILL and started again: all of its checkpoints appear in both."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None or importlib.util.find_spec("playwright") is None, reason="needs chromium and the playwright package"
    ),
]

TRAINER = """
import sys, numpy as np
from pathlib import Path
from infoplane.archive import RunWriter, open_archive
from infoplane.types import LayerInfo
run, hold = Path(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
x, y = rng.normal(size=(64, 3)).astype("f4"), np.arange(64) % 2
layers = [LayerInfo("<b>fc1</b>", 0, "Linear", (4,), (4,)), LayerInfo("fc2", 1, "Linear", (2,), (2,))]
resume = (run / "run.json").exists()
start = max(open_archive(run).steps, default=-1) + 1 if resume else 0
with RunWriter.create(run, layers=layers, x=x, y=y, resume=resume) as writer:
    for step in range(start, 30):
        with writer.step(step, metrics={"loss": 1 / (1 + step)}) as shard:
            shard.write("<b>fc1</b>", np.tanh(rng.normal(size=(64, 4))).astype("f4"))
            shard.write("fc2", np.tanh(rng.normal(size=(64, 2))).astype("f4"))
        print(step, flush=True)
        if step == hold:
            sys.stdin.read()  # stays inside the run until it is killed
"""


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        threading.Event().wait(0.1)


def test_thirty_of_thirty_checkpoints_reach_two_browsers_across_a_kill_and_a_restart(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = int(s.getsockname()[1])
    run = tmp_path / "run"
    watcher = subprocess.Popen(
        [sys.executable, "-m", "infoplane", "watch", str(run), "-e", "bin:szt", "-e", "exact", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    trainer = None
    try:
        assert watcher.stdout is not None and any("live page: http://127.0.0.1" in line for line in watcher.stdout)
        until(lambda: _answers(port), "the server")
        with sync_playwright() as engine:
            contexts = [
                engine.chromium.launch_persistent_context(
                    str(tmp_path / f"profile{k}"),
                    executable_path=CHROMIUM,
                    headless=True,
                    args=FLAGS,
                    viewport={"width": 1300, "height": 1000},
                )
                for k in range(2)
            ]
            pages, log, foreign = [], [], []
            for context in contexts:
                page = context.new_page()
                page.on("pageerror", lambda e: log.append(str(e)))
                page.on(
                    "request", lambda r: foreign.append(r.url) if not r.url.startswith((f"http://127.0.0.1:{port}/", "data:")) else None
                )
                page.goto(f"http://127.0.0.1:{port}/")
                pages.append(page)
            trainer = subprocess.Popen(
                [sys.executable, "-c", TRAINER, str(run), "11"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for page in pages:
                until(lambda page=page: page.evaluate("D !== null && D.measured.length === 12"), "12 checkpoints")
            os.kill(trainer.pid, signal.SIGKILL)
            trainer.communicate()
            trainer = subprocess.Popen(
                [sys.executable, "-c", TRAINER, str(run), "-1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
            )
            for page in pages:
                until(
                    lambda page=page: page.evaluate("D.measured.length === 30 && D.series.filter(s => s.i.length === 30).length === 8"),
                    "30 checkpoints of every series",
                )
                assert page.evaluate("D.steps") == list(range(30))
                assert "30 checkpoints" in page.inner_text("#live")
                assert page.evaluate("document.querySelectorAll('main b').length") == 0
            if artefacts := os.environ.get("INFOPLANE_SCREENSHOTS"):
                pages[0].screenshot(path=str(Path(artefacts) / "watch.png"), full_page=True)
            assert log == [] and foreign == []
            for context in contexts:
                context.close()
    finally:
        watcher.terminate()
        watcher.communicate(timeout=20)
        if trainer is not None:
            trainer.kill()
            trainer.communicate()


def _answers(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0
