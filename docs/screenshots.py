"""Screenshots of the report and of the live page for two runs: `make screenshots`.

Needs chromium, playwright and the extras report and live.

The runs are the 12-bit task of Shwartz-Ziv and Tishby with a tanh network, and a transformer of 12
blocks on scikit-learn's digits, one image row per token. Both are trained here, watched while they
train, and reported afterwards.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from build_gallery import shrink
from torch import nn

import infoplane as ip
from infoplane.analysis.report import Judged

DESKTOP, PHONE = {"width": 1360, "height": 1320}, {"width": 390, "height": 844}
SZT, TRANSFORMER = (
    ("bin:szt", "kde:variance=0.001", "exact"),
    ("kde:relative=0.1", "bin:quantile,n=8", "exact"),
)


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        a = self.norm1(h)
        h = h + self.attention(a, a, a, need_weights=False)[0]
        return h + self.mlp(self.norm2(h))


class Transformer(nn.Module):
    """Twelve blocks over the eight rows of an 8x8 digit, a linear head on their mean."""

    def __init__(self, width: int = 16, heads: int = 2, blocks: int = 12) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.place = nn.Parameter(torch.randn(8, width) * 0.1)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.embed(x.reshape(-1, 8, 8)) + self.place
        for block in self.blocks:
            h = block(h)
        return self.head(h.mean(dim=1))


def train_szt(run: Path, epochs: int) -> None:
    net = ip.data.szt.network("tanh", seed=0)
    with ip.Recorder(
        net,
        probe=ip.data.szt.load(),
        to=run,
        layers=["act*", "fc6"],
        schedule=ip.log_spaced(epochs, 24),
        verbose=False,
    ) as rec:
        ip.data.szt.train(
            net,
            epochs=epochs,
            seed=0,
            lr=3e-3,
            on_epoch=lambda epoch, metrics: rec.step(epoch, **metrics),
        )


def train_transformer(run: Path, steps: int) -> None:
    torch.manual_seed(0)
    x, y = ip.data.digits.load()
    inputs, labels = torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(y)
    net = Transformer()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    with ip.Recorder(
        net,
        probe=(x[::3], y[::3]),
        to=run,
        layers=["blocks.[0-9]", "blocks.1[01]", "head"],
        schedule=ip.log_spaced(steps, 30),
        verbose=False,
    ) as rec:
        for step in range(1, steps + 1):
            rows = torch.randint(0, len(inputs), (128,), generator=generator)
            out = net(inputs[rows])
            loss = nn.functional.cross_entropy(out, labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rec.step(
                step,
                loss=loss.item(),
                accuracy=(out.argmax(1) == labels[rows]).float().mean().item(),
            )


RUNS: dict[str, tuple[Callable[[Path, int], None], int, tuple[str, ...]]] = {
    "szt": (train_szt, 1000, SZT),
    "transformer": (train_transformer, 400, TRANSFORMER),
}


@contextmanager
def watched(run: Path, specs: tuple[str, ...]) -> Iterator[str]:
    """The address of a live page that follows ``run``."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = int(s.getsockname()[1])
    options = [part for spec in specs for part in ("-e", spec)]
    watcher = subprocess.Popen(
        [sys.executable, "-m", "infoplane", "watch", str(run), *options, "--port", str(port)]
    )
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(address, timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        watcher.terminate()
        watcher.wait(20)


def shoot(
    browser: Any,
    address: str,
    out: Path,
    size: dict[str, int],
    *,
    dark: bool,
    ready: str,
    whole: bool = False,
) -> None:
    context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light")
    page = context.new_page()
    page.goto(address)
    for _ in range(1200):
        if page.evaluate(ready):
            break
        page.wait_for_timeout(100)
    else:
        raise SystemExit(f"{address}: waited in vain for {ready}")
    if size is PHONE:  # the summary fills the first screen
        page.evaluate("document.getElementById('controls').scrollIntoView()")
    page.wait_for_timeout(800)
    page.screenshot(path=str(out), full_page=whole)
    context.close()
    shrink(out)
    print(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--only", choices=sorted(RUNS), action="append", help="only this run")
    parser.add_argument(
        "--scratch", type=Path, help="where runs and reports go; a temporary folder when left out"
    )
    options = parser.parse_args()
    scratch = options.scratch or Path(tempfile.mkdtemp(prefix="infoplane-shots-"))
    scratch.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as engine:
        chromium = (
            shutil.which("chromium")
            or shutil.which("chromium-browser")
            or shutil.which("google-chrome")
        )
        browser = engine.chromium.launch(
            executable_path=chromium, headless=True, args=["--no-sandbox", "--disable-gpu"]
        )
        for name in options.only or RUNS:
            picture(browser, name, scratch, options.out)
        browser.close()


def picture(browser: Any, name: str, scratch: Path, out: Path) -> None:
    """Train one run while it is watched, then report it; four pictures."""
    train, length, specs = RUNS[name]
    run = scratch / name
    if not run.exists():
        code = (
            "import screenshots, pathlib; "
            f"screenshots.{train.__name__}(pathlib.Path({str(run)!r}), {length})"
        )
        with watched(run, specs[:2]) as address:
            trainer = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent)
            seen = "window.infoplaneReady === true && D.measured.length >= 12"
            shoot(browser, address, out / f"live-{name}.png", DESKTOP, dark=False, ready=seen)
            if trainer.wait():
                raise SystemExit(f"training of {name} failed")
    archive = ip.open_archive(run)
    plane = ip.measure(archive, specs, workers=2)
    phases = ip.phases(archive, specs, splits=3)
    judged = Judged(
        phases,
        ip.sensitivity(archive, ["bin:szt", "bin:saxe", "bin:quantile,n=30", "kde:relative=0.1"])
        if name == "szt"
        else None,
        ip.mechanism(archive),
    )
    page = ip.write_report(
        scratch / f"{name}.html",
        plane,
        ip.check_dpi(plane, archive=archive),
        title=f"{name} run",
        judged=judged,
    )
    ready = "window.infoplaneReady === true"
    shoot(browser, page.as_uri(), out / f"report-{name}.png", DESKTOP, dark=False, ready=ready)
    shoot(browser, page.as_uri(), out / f"report-{name}-dark.png", PHONE, dark=True, ready=ready)
    shoot(
        browser,
        page.as_uri(),
        scratch / f"{name}-whole.png",
        DESKTOP,
        dark=False,
        ready=ready,
        whole=True,
    )


if __name__ == "__main__":
    main()
