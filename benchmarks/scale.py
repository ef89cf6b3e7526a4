"""`python -m benchmarks.scale [N ...]`: seconds and peak memory of one KDE pass, each N and d in a
process of its own, fitted exponents; bins of 10^6 rows.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import numpy as np

DIM = 1024
ROWS = 20_000
SIZES = (5_000, 10_000, 20_000, 40_000, 60_000)
DIMS = (16, 64, 256, 1024)


def rows(n: int, dim: int) -> np.ndarray:
    """A saturated layer, made in blocks so that making it needs no memory of its own."""
    rng = np.random.default_rng(0)
    z = np.empty((n, dim), np.float32)
    for start in range(0, n, 4096):
        z[start : start + 4096] = np.tanh(
            rng.standard_normal((min(4096, n - start), dim), dtype=np.float32)
        )
    return z


def one(work: str, n: int, dim: int) -> None:
    """Seconds and peak resident MiB of this process, printed."""
    z = rows(n, dim)
    if work == "kde":
        from infoplane.analysis.kernels.pairwise import gaussian_sums

        gaussian_sums(z[:600], np.array([10.0]))
        began = time.perf_counter()
        gaussian_sums(z, np.array([dim / 100]))
    else:
        from infoplane.analysis.estimators.binned import Binned
        from infoplane.types import continuous, discrete

        rng = np.random.default_rng(0)
        x = discrete(np.arange(n))
        y = discrete(rng.integers(0, 10, n))
        rule = Binned("saxe", width=0.5)
        rule.estimate_plane_point(*(v.take(np.arange(600)) for v in (x, continuous(z), y)))
        began = time.perf_counter()
        rule.estimate_plane_point(x, continuous(z), y)
    print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measured(work: str, n: int, dim: int) -> tuple[float, float]:
    """`one` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scale", "one", work, str(n), str(dim)]
    seconds, peak = map(
        float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    )
    print(
        f"| {work} | {n} | {dim} | {n * dim * 4 / 2**20:.0f} | {seconds:.3g} | {peak:.0f} |",
        flush=True,
    )
    return seconds, peak


def exponent(of: object, seconds: object) -> float:
    """Of the power law through these points."""
    return float(np.polyfit(np.log(of), np.log(seconds), 1)[0])


def main(sizes: list[int]) -> None:
    """The curves and their exponents."""
    print(
        "| work | N | d | the layer, MiB | seconds | peak MiB of the process |\n"
        "|---|---|---|---|---|---|"
    )
    seconds, peak = np.array([measured("kde", n, DIM) for n in sizes]).T
    by_dim = [measured("kde", ROWS, d)[0] for d in DIMS]
    for dim in (10, 64):
        measured("bin", 1_000_000, dim)
    if len(sizes) > 1:
        print(
            f"\nKDE seconds grow as N^{exponent(sizes, seconds):.2f} (d={DIM}) and "
            f"d^{exponent(DIMS, by_dim):.2f} (N={ROWS}); memory as "
            f"{np.polyfit(sizes, peak, 1)[0] * 1024:.1f} KiB per row, of which the layer itself is "
            f"{DIM * 4 / 1024:.0f}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        one(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main([int(n) for n in sys.argv[1:]] or list(SIZES))
