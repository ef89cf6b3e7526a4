"""`python -m benchmarks.scale [N ...]`: seconds and peak memory of one KDE pass at d=1024, each N in a process of its own; fitted exponents."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import numpy as np

DIM = 1024
SIZES = (5_000, 10_000, 20_000, 40_000, 60_000)


def one(n: int, dim: int) -> None:
    """Seconds and peak resident MiB of this process, printed."""
    from infoplane.analysis.kernels.pairwise import gaussian_sums

    rng = np.random.default_rng(0)
    z = np.empty((n, dim), np.float32)
    for start in range(0, n, 4096):
        z[start : start + 4096] = np.tanh(rng.standard_normal((min(4096, n - start), dim), dtype=np.float32))
    gaussian_sums(z[:600], np.array([10.0]))
    began = time.perf_counter()
    gaussian_sums(z, np.array([10.0]))
    print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main(sizes: list[int]) -> None:
    """The curve and its exponent."""
    found = []
    print("| N | d | seconds | peak MiB |\n|---|---|---|---|")
    for n in sizes:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.scale", "one", str(n), str(DIM)], capture_output=True, text=True, check=True
        )
        seconds, peak = map(float, done.stdout.split())
        found.append((n, seconds, peak))
        print(f"| {n} | {DIM} | {seconds:.3g} | {peak:.0f} |", flush=True)
    if len(found) > 1:
        n, seconds, peak = np.array(found).T
        print(
            f"\nseconds grow as N^{np.polyfit(np.log(n), np.log(seconds), 1)[0]:.2f}, memory as {np.polyfit(n, peak, 1)[0] * 1024:.1f} KiB per row"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        one(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main([int(n) for n in sys.argv[1:]] or list(SIZES))
