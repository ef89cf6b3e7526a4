"""What token rows cost: `python -m benchmarks.tokens` captures 100,000 tokens of 384 units at 7
layers and bins them. Files lie in the working directory.
"""

from __future__ import annotations

import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

import infoplane as ip
from infoplane.data.language import Reader

TOKENS = 100_000
LENGTH = 128
UNITS = 384
BLOCKS = 6
LAYERS = ["tokens", *(f"blocks.{k}" for k in range(BLOCKS))]


def resident_bytes() -> int:
    """Memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def peak_of(found: list[int]) -> Iterator[None]:
    """The largest memory of this process meanwhile, above what it is before, looked at a hundred
    times a second.
    """
    before = resident_bytes()
    done = threading.Event()
    found.append(0)

    def watch() -> None:
        while not done.wait(0.01):
            found[-1] = max(found[-1], resident_bytes() - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def row(what: str, wall: float, cpu: float, peak: int) -> None:
    """One line of the table."""
    print(f"| {what} | {wall:.1f} s | {cpu:.1f} s | {peak / 2**20:.0f} MiB |", flush=True)


def capture(net: Reader, ids: torch.Tensor, mask: torch.Tensor, to: Path) -> Path:
    """One capture of token rows with two label sets, certificate included."""
    recorder = ip.Recorder(
        net,
        probe=ids,
        mask=mask,
        rows="token",
        y={"token": "token", "next": "next-token"},
        to=to,
        layers=LAYERS,
        schedule=ip.at(0),
        verbose=False,
    )
    with recorder:
        return to


def main() -> None:
    """Capture and bin, in turn."""
    torch.manual_seed(0)
    net = Reader(depth=BLOCKS, units=UNITS, heads=6, length=LENGTH)
    ids = torch.randint(1, 31, (-(-TOKENS // LENGTH), LENGTH))
    mask = torch.ones_like(ids)
    mask[-1, TOKENS - ids.numel() :] = 0  # padding of the last sequence
    print("| work | wall | processor | peak above the model |\n|---|---|---|---|")
    peaks: list[int] = []
    with torch.no_grad():
        net(ids[:16])
    began = time.perf_counter()
    used = time.process_time()
    with torch.no_grad(), peak_of(peaks):
        for start in range(0, len(ids), 16):
            net(ids[start : start + 16])
    row(
        "forward alone, batches of 16",
        time.perf_counter() - began,
        time.process_time() - used,
        peaks[-1],
    )
    with tempfile.TemporaryDirectory(dir=".") as folder:
        with peak_of(peaks):
            small = capture(net, ids[-4:], mask[-4:], Path(folder) / "small")
            ip.measure(small, "bin:szt")
        print(f"| loading code, once per process | | | {peaks[-1] / 2**20:.0f} MiB |", flush=True)
        began = time.perf_counter()
        used = time.process_time()
        with peak_of(peaks):
            capture(net, ids, mask, Path(folder) / "run")
        row(
            "capture, certificate included",
            time.perf_counter() - began,
            time.process_time() - used,
            peaks[-1],
        )
        began = time.perf_counter()
        used = time.process_time()
        with peak_of(peaks):
            plane = ip.measure(Path(folder) / "run", "bin:szt")
        row(
            "bins, I(X;Z) and I(Z;Y)",
            time.perf_counter() - began,
            time.process_time() - used,
            peaks[-1],
        )
        print(
            f"\n{plane}; one layer is {TOKENS * UNITS * 4 / 2**20:.0f} MiB; peak of the process "
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
        )


if __name__ == "__main__":
    main()
