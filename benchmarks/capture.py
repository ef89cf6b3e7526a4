"""What recording costs: `python -m benchmarks.capture` prints ratios, medians of interleaved runs
within one process. Files lie in the working directory.
"""

from __future__ import annotations

import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

import infoplane as ip

Probe = tuple[torch.Tensor, torch.Tensor]


Clock = Callable[[], float]


def seconds(f: Callable[[], object], clock: Clock) -> float:
    """Time of one call."""
    began = clock()
    f()
    return clock() - began


def paired(
    what: str,
    a: Callable[[], object],
    b: Callable[[], object],
    repeats: int,
    clock: Clock = time.perf_counter,
) -> None:
    """Print the median seconds of a and of b, and the median of b/a, run in turn."""
    a(), b()
    times = np.array([(seconds(a, clock), seconds(b, clock)) for _ in range(repeats)])
    first, second = np.median(times, axis=0) * 1e3
    ratio = np.median(times[:, 1] / times[:, 0])
    print(f"| {what} | {first:.2f} ms | {second:.2f} ms | {ratio:.3f} |", flush=True)


def network() -> nn.Sequential:
    """An MLP of 784-1024-512-10."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 512), nn.ReLU(), nn.Linear(512, 10)
    )


def write_raw(folder: Path, parts: list[np.ndarray]) -> None:
    """The bytes in a new file, synced: a capture's file stays, so the file it is held against does
    too.
    """
    with (folder / f"raw-{time.monotonic_ns()}").open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def idle(folder: Path) -> None:
    """A training step at which no capture is due."""
    net = network()
    x = torch.randn(256, 784)
    y = torch.randint(0, 10, (256,))
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01)

    def train(step: Callable[[int], object]) -> None:
        for k in range(20):
            loss = nn.functional.cross_entropy(net(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step(1 + k)

    with ip.Recorder(
        net, probe=(x, y), to=folder / "idle", schedule=ip.at(10**9), verbose=False
    ) as rec:
        paired(
            "20 training steps, no capture due (processor time)",
            lambda: train(lambda k: None),
            lambda: train(rec.step),
            41,
            time.process_time,
        )


def capturing(folder: Path, probe: Probe, *, background: bool) -> None:
    """A capture beside the bare forward in eval mode and the raw bytes in a file."""
    net = network()
    steps = itertools.count(1)
    with ip.Recorder(
        net,
        probe=probe,
        to=folder / f"run{background}",
        schedule=ip.every(1),
        background=background,
        verbose=False,
    ) as rec:
        raw = np.zeros(rec.bytes_per_capture, np.uint8)
        size = rec.plan.batch_size if rec.plan else 4096

        def bare() -> None:
            net.eval()
            with torch.no_grad():
                for start in range(0, len(probe[0]), size):
                    net(probe[0][start : start + size])
            net.train()
            write_raw(folder, [raw])

        what = f"capture of {rec.bytes_per_capture / 2**20:.0f} MiB" + (
            ", written on a thread of its own" if background else ""
        )
        paired(
            f"{what}; without: bare forward and the raw bytes in a file",
            bare,
            lambda: rec.capture(next(steps)),
            15,
        )


def shards(folder: Path) -> None:
    """Writing and reading a shard of three arrays beside the same bytes in a plain file."""
    from infoplane.archive import RunWriter
    from infoplane.types import LayerInfo

    arrays = {
        f"l{k}": np.random.default_rng(k).standard_normal((4096, width), dtype=np.float32)
        for k, width in enumerate((1024, 512, 512))
    }
    infos = [LayerInfo(name, k, shape=a.shape[1:]) for k, (name, a) in enumerate(arrays.items())]
    steps = itertools.count()
    with RunWriter.create(
        folder / "shards", layers=infos, x=np.arange(4096)[:, None], y=None
    ) as writer:

        def write() -> None:
            with writer.step(next(steps)) as shard:
                for name, a in arrays.items():
                    shard.write(name, a)

        paired(
            "writing a shard of 32 MiB, with checksums and row digests",
            lambda: write_raw(folder, list(arrays.values())),
            write,
            15,
        )
    archive = ip.open_archive(folder / "shards")
    for name, a in arrays.items():
        np.save(folder / f"{name}.npy", a)
    paired(
        "reading its arrays, checksums checked; without: numpy's files",
        lambda: [np.load(folder / f"{name}.npy") for name in arrays],
        lambda: [archive.z(3, name) for name in arrays],
        31,
    )


def memory() -> None:
    """Peak memory of a capture beyond that of the same forward passes, in a process of its own."""
    probe = (torch.randn(65536, 64), torch.zeros(65536, dtype=torch.int64))
    net = nn.Sequential(
        nn.Linear(64, 512),
        nn.Tanh(),
        nn.Linear(512, 512),
        nn.Tanh(),
        nn.Linear(512, 512),
        nn.Tanh(),
    )
    batch = 1024

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    with tempfile.TemporaryDirectory() as folder:
        small = (probe[0][:batch], probe[1][:batch])
        with ip.Recorder(
            net, probe=small, to=f"{folder}/warm", layers="all", batch_size=batch, verbose=False
        ):
            pass
        rec = ip.Recorder(
            net,
            probe=probe,
            to=f"{folder}/run",
            layers="all",
            batch_size=batch,
            verbose=False,
            chain=False,
            schedule=ip.at(10**9),
        ).open()
        with torch.no_grad():
            for start in range(0, len(probe[0]), batch):
                net(probe[0][start : start + batch])
        before = peak()
        rec.capture(1)
        print(
            f"| peak memory of a capture of {rec.bytes_per_capture / 2**20:.0f} MiB, one batch of "
            f"one layer being {batch * 512 * 4 / 2**20:.0f} MiB | | {peak() - before:.1f} MiB more "
            "| |"
        )
        rec.close()


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    if sys.argv[1:] == ["memory"]:
        memory()
        return
    print("| what | without | with | ratio |\n|---|---|---|---|")
    probe = torch.randn(4096, 784), torch.randint(0, 10, (4096,))
    for part in (
        idle,
        lambda f: capturing(f, probe, background=False),
        lambda f: capturing(f, probe, background=True),
        shards,
    ):
        with tempfile.TemporaryDirectory(
            dir=".", prefix="capture-"
        ) as folder:  # where runs are kept: /tmp may be memory
            part(Path(folder))
    subprocess.run([sys.executable, "-m", "benchmarks.capture", "memory"], check=True)


if __name__ == "__main__":
    main()
