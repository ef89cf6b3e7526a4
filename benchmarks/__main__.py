"""`python -m benchmarks [--smoke]`: peers and infoplane interleaved in one process, medians, checked against each other."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

from benchmarks import peers
from infoplane.analysis.estimators.binned import Binned
from infoplane.analysis.estimators.entropies import counts_of, entropy_bits
from infoplane.analysis.kernels.neighbours import count_within, kth_distance
from infoplane.analysis.kernels.pairwise import gaussian_sums
from infoplane.types import continuous


def kde(z: np.ndarray, s2: float) -> tuple[float, float]:
    """Upper and lower bound in bits by the pairwise pass."""
    total = gaussian_sums(z, np.array([s2]))[0][:, 0]
    low, up = -np.log2(total / len(z)).mean(axis=0)
    return float(up), float(low)


def ksg(x: np.ndarray, z: np.ndarray, k: int) -> float:
    """KSG estimator 1 in bits by the neighbours kernel."""
    eps = kth_distance([x, z], k)
    means = sum(peers.digamma(count_within(p, eps) + 1).mean() for p in (x, z))
    return float((peers.digamma(k) + peers.digamma(len(x)) - means) / np.log(2))


def compare(title: str, peer: Callable[[], object], ours: Callable[[], object], repeats: int, tolerance: float) -> bool:
    """Print one line: medians of both, taken in turns, their ratio, the largest difference of the results; True when they agree."""
    seconds: tuple[list[float], list[float]] = ([], [])
    ours()  # compile or load before timing
    results: list[object] = [None, None]
    for _ in range(repeats):
        for number, work in enumerate((peer, ours)):
            start = time.perf_counter()
            results[number] = work()
            seconds[number].append(time.perf_counter() - start)
    a, b = (statistics.median(s) for s in seconds)
    error = float(np.abs(np.subtract(results[0], results[1])).max())
    agrees = error <= tolerance
    print(f"| {title} | {a * 1e3:.4g} | {b * 1e3:.4g} | {a / b:.1f} | {error:.1e}{'' if agrees else ' DISAGREES'} |", flush=True)
    return agrees


def main(smoke: bool) -> int:
    """Run everything; 1 when a result disagrees with its peer."""
    rng = np.random.default_rng(0)
    n, repeats = (600, 1) if smoke else (10_000, 3)
    blas = {key: value for key, value in os.environ.items() if key.startswith("OPENBLAS")}
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, "
        f"numpy {version('numpy')}, numba {version('numba')}, scikit-learn {version('scikit-learn')}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}, OPENBLAS overrides {blas or 'none'}\n"
    )
    print("| work | peer ms | infoplane ms | ratio | largest difference, bits |\n|---|---|---|---|---|")
    good = []
    for dim in (10, 64) if smoke else (10, 64, 512, 2048):
        z = np.tanh(rng.normal(size=(n, dim)))
        s2 = dim / 100
        z32 = z.astype(np.float32)
        good.append(
            compare(
                f"KDE both bounds, N={n}, d={dim}, s2={s2:g}, against dense float64",
                lambda: peers.kde_dense(z32.astype(float), s2),
                lambda: kde(z32, s2),
                repeats,
                1e-5,
            )
        )
    for dim in (10, 64):
        z = np.tanh(rng.normal(size=(n, dim)) * 3).astype(np.float32)
        variable, rule = continuous(z), Binned("saxe", width=0.5)
        good.append(
            compare(
                f"binned entropy, N={n}, d={dim}, against a void view",
                lambda: peers.binned_void(z, 0.5),
                lambda: entropy_bits(counts_of(rule.codes(variable))),
                repeats + 2,
                1e-9,
            )
        )
    m = 600 if smoke else 4096
    layers = [np.tanh(rng.normal(size=(m, d)) * 2).astype(np.float32) for d in (10, 7, 5, 4, 3, 2)]
    good.append(
        compare(
            f"KDE both bounds of X, six layers as in SZT's network, N={m}, s2=0.001",
            lambda: [peers.kde_dense(z.astype(float), 1e-3) for z in layers],
            lambda: [kde(z, 1e-3) for z in layers],
            repeats,
            1e-5,
        )
    )
    x, z = rng.normal(size=(m, 64)), rng.normal(size=(m, 64))
    good.append(
        compare(
            f"KSG, N={m}, 64+64 dims, against scikit-learn distances",
            lambda: peers.ksg_sklearn(x, z, 5),
            lambda: ksg(x, z, 5),
            repeats,
            1e-6,
        )
    )
    line = x[:, :1], x[:, :1] + z[:, :1]
    good.append(
        compare(
            f"KSG, N={m}, 1+1 dims, against scikit-learn kd-trees",
            lambda: peers.ksg_sklearn_line(*line, 5),
            lambda: ksg(*line, 5),
            repeats + 2,
            1e-3,
        )
    )
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main("--smoke" in sys.argv))
