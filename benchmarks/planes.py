"""`python -m benchmarks.planes [STEPS ...]`: what planes of many checkpoints cost: measuring,
judging, writing, reading, drawing them.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import infoplane as ip
from infoplane.archive import RunWriter
from infoplane.plane import Plane
from infoplane.types import Chain, LayerInfo

ROWS = 1024
WIDTHS = (12, 10, 7, 5, 4, 3)
SPECS = ["bin:saxe,width=0.07", "kde:variance=0.001", "exact"]


def grown(folder: Path, steps: int) -> Path:
    """A run of so many checkpoints of a tanh network whose weights wander."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, WIDTHS[0])).astype(np.float32)
    names = [f"act{k}" for k in range(1, len(WIDTHS) + 1)]
    weights = [
        rng.normal(size=(a, b)) / np.sqrt(a)
        for a, b in zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False)
    ]
    cuts = []
    for later in range(len(names)):
        cuts.append(tuple("cut" if k > later else "no-path" for k in range(len(names))))
    layers = [
        LayerInfo(name, k, shape=(d,))
        for k, (name, d) in enumerate(zip(names, WIDTHS, strict=True))
    ]
    y = (x[:, 0] > 0).astype(np.int64)
    chain = Chain(tuple(names), tuple(cuts), rows=64)
    with RunWriter.create(folder, layers=layers, x=x, y=y, chain=chain, durable=False) as run:
        for step in range(steps):
            h = x
            with run.step(step, metrics={"loss": 1 / (1 + step)}) as shard:
                for name, w in zip(names, weights, strict=True):
                    w[...] += 0.01 * rng.normal(size=w.shape)
                    h = np.tanh(h @ w * (1 + step / steps)).astype(np.float32)
                    shard.write(name, h)
    return folder


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """Median of some calls."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def command(*words: str, kept: bool = True) -> Callable[[], object]:
    """A whole process of the command line, which may read the reports that are kept or not."""
    env = os.environ if kept else {**os.environ, "INFOPLANE_CACHE": ""}
    return lambda: subprocess.run(
        [sys.executable, "-m", "infoplane", *words], env=env, capture_output=True, check=True
    )


def costs(folder: Path, steps: int) -> tuple[int, list[float]]:
    """How many points the plane of a new run has, and the seconds of every column."""
    os.environ["INFOPLANE_CACHE"] = str(folder / "kept")
    run = grown(folder / "run", steps)
    path = folder / "plane.h5"
    picture = str(folder / "plane.png")
    ip.measure(run, SPECS, steps=[0], resume=False)
    taken = [seconds(lambda: ip.measure(run, SPECS), 1), seconds(lambda: ip.measure(run, SPECS))]
    plane = ip.measure(run, SPECS)
    words = [("check", str(path)), ("plot", str(path), "-o", picture)]
    runs = list(itertools.product((True, False), words))
    return len(plane), [
        *taken,
        seconds(lambda: ip.check_dpi(plane), 1),
        seconds(
            lambda: replace(plane).save(path, overwrite=True)
        ),  # one whose columns are not there yet
        seconds(lambda: Plane.load(path)),
        seconds(lambda: ip.open_archive(run)),
        *(seconds(command(*words, kept=kept)) for kept, words in runs),
    ]


def main(sizes: list[int]) -> None:
    """The table."""
    print(
        f"{len(WIDTHS)} layers, {len(SPECS)} estimators, N={ROWS}; seconds, medians of 3 but for "
        "measuring and judging\n"
    )
    print(
        "| checkpoints | points | measure | known already | judge | save | load | open the run | "
        "check | plot | check, no report kept | plot, no report kept |"
    )
    print("|---" * 12 + "|")
    for steps in sizes:
        with tempfile.TemporaryDirectory() as folder:
            points, taken = costs(Path(folder), steps)
        print(f"| {steps} | {points} | " + " | ".join(f"{t:.3g}" for t in taken) + " |", flush=True)


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]] or [50, 200, 1000])
