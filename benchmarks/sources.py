"""What reading from elsewhere costs: `python -m benchmarks.sources` prints ratios, medians of runs
in turn within one process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import infoplane as ip
from benchmarks.capture import network, paired, write_raw

CHECKPOINTS = 10
ROWS = 4096


def checkpoints(folder: Path) -> None:
    """Ten checkpoints of one network, against ten bare forwards that keep what a run keeps, and
    reading the files.
    """
    net = network()
    x = torch.randn(ROWS, 784)
    y = np.arange(ROWS) % 10
    (folder / "ckpts").mkdir()
    for step in range(CHECKPOINTS):
        torch.save(net.state_dict(), folder / "ckpts" / f"step{step}.pt")

    def bare() -> None:
        for file in sorted((folder / "ckpts").iterdir()):
            net.load_state_dict(torch.load(file, weights_only=True))
            values = []
            with torch.no_grad():
                for rows in x.split(1024):
                    for layer in net:
                        rows = layer(rows)  # noqa: PLW2901  # what one layer gives is what the next takes
                        values.append(rows.numpy().copy())
            write_raw(folder, values)

    def capture(layers: object = "all") -> None:
        ip.capture(
            net,
            (x, y),
            folder / "run",
            checkpoints=folder / "ckpts",
            overwrite=True,
            layers=layers,
            batch_size=1024,
            chain=False,
        )

    def forwards() -> None:
        for file in sorted((folder / "ckpts").iterdir()):
            net.load_state_dict(torch.load(file, weights_only=True))
            with torch.no_grad():
                for rows in x.split(1024):
                    net(rows)

    what = f"{CHECKPOINTS} checkpoints"
    paired(f"{what}: forwards, files, 5 layers in a file | ip.capture of all 5", bare, capture, 3)
    paired(f"{what}: forwards, files | ip.capture of the last", forwards, lambda: capture(["4"]), 3)


def imports(folder: Path) -> None:
    """Import of 256 MiB in files, against a synced copy of them."""
    rng = np.random.default_rng(0)
    (folder / "dump").mkdir()
    for step in range(4):
        (folder / "dump" / f"step{step}").mkdir()
        for layer in ("fc1", "fc2"):
            values = rng.normal(size=(16384, 512)).astype(np.float32)
            np.save(folder / "dump" / f"step{step}" / f"{layer}.npy", values)

    def copy() -> None:
        shutil.rmtree(folder / "copy", ignore_errors=True)
        shutil.copytree(folder / "dump", folder / "copy")
        for file in (folder / "copy").rglob("*.npy"):
            with open(file, "rb") as opened:
                os.fsync(opened.fileno())

    def read() -> None:
        ip.import_run(
            folder / "dump",
            to=folder / "imported",
            pattern="step{step}/{layer}.npy",
            y=np.arange(16384) % 10,
            overwrite=True,
        )

    paired("256 MiB: synced copy | ip.import_run", copy, read, 5)


def memory(count: int) -> float:
    """Peak MiB of a process that captures so many checkpoints."""
    code = f"""
import resource, tempfile, numpy as np, torch, infoplane as ip
from benchmarks.capture import network
net, folder = network(), tempfile.TemporaryDirectory(dir=".")
to = folder.name
for step in range({count}): torch.save(net.state_dict(), to + f"/step{{step}}.pt")
ip.capture(net, (torch.randn(1024, 784), np.arange(1024) % 10), to + "/run", checkpoints=to)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
folder.cleanup()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """All of it; files lie in the working directory."""
    print("| what | first | second | second / first |\n|---|---|---|---|")
    for measured in (checkpoints, imports):
        with tempfile.TemporaryDirectory(dir=".") as folder:
            measured(Path(folder))
    few = memory(2)
    many = memory(40)
    print(f"| peak memory: 2 checkpoints, 40 | {few:.0f} MiB | {many:.0f} MiB | {many / few:.3f} |")


if __name__ == "__main__":
    main()
