"""A training recorded with `watch=` in two browsers, killed and started again."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from builders import companion_of, hurry, run_of, until

from infoplane.analysis.live.follow import RunSource

sys.path.insert(0, str(Path(__file__).parent))
from test_watch import running  # tests/ is no package

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
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
        CHROMIUM is None or importlib.util.find_spec("playwright") is None,
        reason="needs chromium and the playwright package",
    ),
]

TRAINER = """
import sys, torch, infoplane as ip
from torch import nn
run, port, hold = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.manual_seed(0)
x, y = torch.randn(64, 3), torch.arange(64) % 2
model = nn.Sequential()
for name, module in {"<b>fc1</b>": nn.Linear(3, 4), "act": nn.Tanh(), "fc2": nn.Linear(4, 2)}.items():
    model.add_module(name, module)
optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
specs = ["bin:szt", "exact"]
recorder = ip.Recorder(model, probe=(x, y), to=run, layers=["<b>fc1</b>", "fc2"], measure=specs, watch=port, max_overhead=1.0, resume=True, verbose=False)
with recorder as rec:
    for step in range(max(rec.steps, default=-1) + 1, 30):
        loss = nn.functional.cross_entropy(model(x), y)
        optimiser.zero_grad(); loss.backward(); optimiser.step()
        rec.step(step, loss=loss)
        if step == hold:
            sys.stdin.read()  # stays inside the run until it is killed
"""  # noqa: E501


def test_thirty_of_thirty_checkpoints_reach_two_browsers_across_a_kill_and_a_restart(
    tmp_path: Path,
) -> None:
    from playwright.sync_api import sync_playwright

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = int(s.getsockname()[1])
    run = tmp_path / "run"

    def train(hold: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", TRAINER, str(run), str(port), str(hold)],
            stdin=subprocess.PIPE,
            text=True,
        )

    trainer = train(11)
    try:
        until(lambda: _answers(port), "the server")
        until(lambda: psutil.Process(trainer.pid).children()[1:], "the process that measures")
        hurry(companion_of(run, trainer.pid))
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
                    "request",
                    lambda r: (
                        foreign.append(r.url)
                        if not r.url.startswith((f"http://127.0.0.1:{port}/", "data:"))
                        else None
                    ),
                )
                page.goto(f"http://127.0.0.1:{port}/")
                pages.append(page)
            for page in pages:
                until(
                    lambda page=page: page.evaluate("D !== null && D.measured.length === 12"),
                    "12 checkpoints",
                )
            os.kill(trainer.pid, signal.SIGKILL)
            trainer.communicate()
            trainer = train(-1)
            for page in pages:
                until(
                    lambda page=page: page.evaluate(
                        "D.measured.length === 30 && D.series.filter(s => s.i.length === "
                        "30).length === 8"
                    ),
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
        trainer.kill()
        trainer.communicate()
        _end_page(port)


def test_before_a_run_exists_the_page_says_what_it_waits_for_and_shows_no_code(
    tmp_path: Path,
) -> None:
    from playwright.sync_api import sync_playwright

    with running(RunSource(tmp_path / "run")) as port, sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        until(
            lambda: page.inner_text("#live").startswith("Waiting for the first checkpoint"),
            "the sentence of a page without a run",
            seen=lambda: page.inner_text("body"),
            seconds=60,
        )
        assert "503" not in page.inner_text("body") and "\n" not in page.inner_text("#live")
        steps = [{"a": np.ones((4, 2)) * np.arange(4)[:, None]}]
        run_of(tmp_path / "run", steps)
        until(
            lambda: "not measured yet" in page.inner_text("#live"),
            "the sentence of a run without results",
            seen=lambda: page.inner_text("body"),
            seconds=60,
        )
        browser.close()


def _end_page(port: int) -> None:
    """The page would stay for a minute; the test ends it by its own process number."""
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "watch" in line and str(port) in line:
            process.terminate()
            process.wait(20)


def _answers(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0
