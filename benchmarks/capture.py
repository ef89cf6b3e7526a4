"""What recording costs: `python -m benchmarks.capture` prints ratios, medians of interleaved runs within one process."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

import infoplane as ip


def seconds(f: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    f()
    return time.perf_counter() - began


def paired(a: Callable[[], object], b: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """Median seconds of a and of b, and the median of b/a, run in turn."""
    a(), b()
    times = [(seconds(a), seconds(b)) for _ in range(repeats)]
    return statistics.median(t for t, _ in times), statistics.median(t for _, t in times), statistics.median(v / u for u, v in times)


def network() -> nn.Sequential:
    """An MLP of 784-1024-512-10."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 512), nn.ReLU(), nn.Linear(512, 10))


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print("| what | without | with | ratio |\n|---|---|---|---|")
    net, x, y = network(), torch.randn(256, 784), torch.randint(0, 10, (256,))
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01)
    with tempfile.TemporaryDirectory() as folder:
        with ip.Recorder(net, probe=(x, y), to=f"{folder}/idle", schedule=ip.at(10**9), verbose=False) as rec:

            def train(step: Callable[[int], object]) -> None:
                for k in range(20):
                    loss = nn.functional.cross_entropy(net(x), y)
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    step(1 + k)

            a, b, ratio = paired(lambda: train(lambda k: None), lambda: train(rec.step), 21)
        print(f"| 20 training steps, no capture due | {a * 1e3:.2f} ms | {b * 1e3:.2f} ms | {ratio:.4f} |")
        probe, labels = torch.randn(4096, 784), torch.randint(0, 10, (4096,))
        with ip.Recorder(net, probe=(probe, labels), to=f"{folder}/run", schedule=ip.every(1), verbose=False) as rec:
            raw = np.zeros(rec.bytes_per_capture, np.uint8)
            size = rec.plan.batch_size if rec.plan else 4096
            steps = iter(range(1, 10**6))

            def bare() -> None:
                net.eval()
                with torch.no_grad():
                    for start in range(0, len(probe), size):
                        net(probe[start : start + size])
                net.train()
                with Path(folder, "raw").open("wb") as file:
                    file.write(raw)
                    file.flush()
                    os.fsync(file.fileno())

            a, b, ratio = paired(bare, lambda: rec.capture(next(steps)), 15)
            print(
                f"| capture of {rec.bytes_per_capture / 2**20:.0f} MiB, beside the bare forward and the raw bytes synced | {a * 1e3:.1f} ms | {b * 1e3:.1f} ms | {ratio:.2f} |"
            )
        archive = ip.open_archive(f"{folder}/run")
        name, step = archive.layers[0], archive.steps[-1]
        z = archive.z(step, name)
        np.save(f"{folder}/z.npy", z)
        a, b, ratio = paired(lambda: np.load(f"{folder}/z.npy"), lambda: archive.z(step, name), 31)
        print(f"| reading {z.nbytes / 2**20:.0f} MiB, checked, beside numpy's file | {a * 1e3:.2f} ms | {b * 1e3:.2f} ms | {ratio:.2f} |")


if __name__ == "__main__":
    main()
