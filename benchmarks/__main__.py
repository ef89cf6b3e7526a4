"""`python -m benchmarks [--smoke]`: peers and infoplane interleaved in one process, medians,
checked against each other.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import version

import numba
import numpy as np

from benchmarks import peers
from infoplane.analysis.estimators.binned import Binned
from infoplane.analysis.estimators.entropies import counts_of, entropy_bits
from infoplane.analysis.estimators.gram import silverman_width
from infoplane.analysis.estimators.renyi import MatrixRenyi
from infoplane.analysis.kernels.neighbours import Distances, count_within, kth_distance
from infoplane.analysis.kernels.pairwise import gaussian_sums
from infoplane.analysis.kernels.pairwise_compiled import kernels
from infoplane.analysis.kernels.threads import in_order, single_blas
from infoplane.analysis.kernels.tiles import TILE
from infoplane.analysis.studies.bin_width import entropies_of_widths
from infoplane.types import continuous, discrete

PAUSE = 0.2
"""Seconds before every timed call: threads of a BLAS spin for a while after their last product, on
cores that the next call needs.
"""

WARM = 0.8
"""Seconds of a short call that are not counted, of peers and of ours: pages and caches come back,
an idle machine takes up to 0.1 s to give a second core, and one where gigabytes were just freed, as
the dense peers do, up to 0.7 s."""


@numba.njit(nogil=True)
def all_kernels(d: np.ndarray, low: np.ndarray, up: np.ndarray) -> None:
    """Both exponentials of every distance of a tile."""
    for r in range(len(d)):
        kernels(d[r], np.float32(-1), low, up)


def kde(z: np.ndarray, *s2: float) -> tuple[float, ...]:
    """Upper and lower bound in bits for every s2, by one pairwise pass."""
    total = gaussian_sums(z, np.array(s2))[0]
    return tuple(
        float(bound) for low, up in -np.log2(total / len(z)).mean(axis=0) for bound in (up, low)
    )


def ksg(x: np.ndarray, z: np.ndarray, k: int) -> float:
    """KSG estimator 1 in bits by the neighbours kernel."""
    both = [Distances(x), Distances(z)]
    eps = kth_distance(both, k)
    means = sum(peers.digamma(count_within(d, eps) + 1).mean() for d in both)
    return float((peers.digamma(k) + peers.digamma(len(x)) - means) / np.log(2))


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds of one call, after a pause.

    Of a short one the mean of as many as fill 60 ms, after as many, not counted, as fill `WARM`.
    """
    time.sleep(PAUSE)
    start = time.perf_counter()
    once = 0.0
    while not once or time.perf_counter() - start < WARM:
        began = time.perf_counter()
        result = work()
        once = time.perf_counter() - began
        if once > 1:
            return once, result
    start = time.perf_counter()
    calls = 0
    while not calls or time.perf_counter() - start < 0.06:
        result = work()
        calls = calls + 1
    return (time.perf_counter() - start) / calls, result


def compare(
    title: str,
    peer: Callable[[], object],
    ours: Callable[[], object],
    repeats: int,
    tolerance: float,
) -> bool:
    """Print one line: medians of both, taken in turns, their ratio, the largest difference of the
    results; True when they agree.
    """
    taken: tuple[list[float], list[float]] = ([], [])
    ours()  # compile or load before timing
    results: list[object] = [None, None]
    for _ in range(repeats):
        for number, work in enumerate((peer, ours)):
            once, results[number] = timed(work)
            taken[number].append(once)
    a, b = (statistics.median(s) for s in taken)
    error = float(np.abs(np.subtract(results[0], results[1])).max())
    agrees = error <= tolerance
    print(
        f"| {title} | {a * 1e3:.4g} | {b * 1e3:.4g} | {a / b:.1f} | "
        f"{error:.1e}{'' if agrees else ' DISAGREES'} |",
        flush=True,
    )
    return agrees


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Median seconds of a call, after one that is not counted."""
    work()
    return statistics.median(timed(work)[0] for _ in range(repeats))


def floor_line(n: int, dim: int) -> str:
    """Our KDE against its floor in this run: half of the tiles' products and half of the
    exponentials, on the same threads, nothing else.
    """
    z = np.tanh(np.random.default_rng(0).normal(size=(n, dim))).astype(np.float32)
    tiles = [(i, j) for i in range(0, n, TILE) for j in range(i, n, TILE)]

    def products(tile: tuple[int, int]) -> None:
        i, j = tile
        if not hasattr(own, "out"):
            own.out = np.empty((TILE, TILE), np.float32)
        np.matmul(z[i : i + TILE], z[j : j + TILE].T, out=own.out[: n - i, : n - j])

    own = threading.local()

    def exponentials(tile: tuple[int, int]) -> None:
        all_kernels(distances, np.empty(TILE, np.float32), np.empty(TILE, np.float32))

    distances = np.tile(np.linspace(0, 30, TILE, dtype=np.float32), (TILE, 1))
    with single_blas():
        gemm, exp = (
            seconds(lambda work=work: list(in_order(work, tiles)), 3)
            for work in (products, exponentials)
        )
    ours = seconds(lambda: kde(z, dim / 100), 3)
    return (
        f"| KDE, N={n}, d={dim}, against half a sgemm ({gemm * 1e3:.3g} ms) and half the "
        f"exponentials ({exp * 1e3:.3g} ms) | {(gemm + exp) * 1e3:.4g} | {ours * 1e3:.4g} | "
        f"{ours / (gemm + exp):.2f} floors | |"
    )


def main(smoke: bool) -> int:
    """Run everything; 1 when a result disagrees with its peer."""
    global WARM  # noqa: PLW0603  # the smallest way to say it to every line
    WARM = 0.0 if smoke else WARM
    rng = np.random.default_rng(0)
    n, repeats = (600, 1) if smoke else (10_000, 3)
    blas = {key: value for key, value in os.environ.items() if key.startswith("OPENBLAS")}
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}, Python {platform.python_version()}, numpy {version('numpy')}, "
        f"numba {version('numba')}, scikit-learn {version('scikit-learn')}, "
        f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}, OPENBLAS overrides "
        f"{blas or 'none'}\n"
    )
    print(
        "| work | peer ms | infoplane ms | ratio | largest difference, bits |\n"
        "|---|---|---|---|---|"
    )
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
    for dim in () if smoke else (10, 64, 512, 2048):
        print(floor_line(n, dim), flush=True)
    for dim in (64,) if smoke else (10, 64, 512):
        z = np.tanh(rng.normal(size=(n, dim))).astype(np.float32)
        widths = [dim / 100 * k for k in (1, 2, 4, 8)]
        good.append(
            compare(
                f"KDE of four widths from one pass, N={n}, d={dim}, against ours one after the "
                "other",
                lambda: [bound for s2 in widths for bound in kde(z, s2)],
                lambda: kde(z, *widths),
                repeats,
                0.0,
            )
        )
    for dim in (10, 64):
        z = np.tanh(rng.normal(size=(n, dim)) * 3).astype(np.float32)
        variable = continuous(z)
        rule = Binned("saxe", width=0.5)
        good.append(
            compare(
                f"binned entropy, N={n}, d={dim}, against a void view",
                lambda: peers.binned_void(z, 0.5),
                lambda: entropy_bits(counts_of(rule.codes(variable))),
                repeats + 2,
                1e-9,
            )
        )
        widths = np.geomspace(0.01, 2, 3 if smoke else 30)
        good.append(
            compare(
                f"sweep of {len(widths)} bin widths, N={n}, d={dim}, against void views",
                lambda: [peers.binned_void(z, w) for w in widths.astype(np.float32)],
                lambda: entropies_of_widths(z, widths.astype(np.float32)),
                repeats,
                1e-9,
            )
        )
    for dim in () if smoke else (512, 2048):
        z = continuous(np.tanh(rng.normal(size=(n, dim)) * 3).astype(np.float32))
        rule = Binned("saxe", width=0.5)
        ours = seconds(lambda: rule.keys(z), 5)
        read = seconds(z.values.sum, 5)
        print(
            f"| bin keys, N={n}, d={dim}, against one sum of Z | {read * 1e3:.4g} | "
            f"{ours * 1e3:.4g} | {ours / read:.2f} reads | |",
            flush=True,
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
    x = rng.normal(size=(m, 64))
    z = rng.normal(size=(m, 64))
    good.append(
        compare(
            f"KSG, N={m}, 64+64 dims, against sklearn.neighbors",
            lambda: peers.ksg_neighbours(x, z, 5),
            lambda: ksg(x, z, 5),
            1,
            1e-6,
        )
    )
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
    a = continuous(np.tanh(rng.normal(size=(m, 32))))
    y = discrete(rng.integers(0, 2, m))
    ids = discrete(np.arange(m))
    for alpha in (1.01, 2.0):
        estimator = MatrixRenyi(alpha=alpha)
        good.append(
            compare(
                f"matrix Renyi alpha={alpha:g} of X and Y, N={m}, d=32, against eigh of all "
                "matrices, N x N x d kernel",
                lambda: peers.renyi_dense(
                    np.asarray(a.values), y.values[:, 0], alpha, silverman_width(a.values)
                ),
                lambda: [e.bits for _, e in estimator.estimate_plane_point(ids, a, y)],
                1,
                1e-5,
            )
        )
    return 0 if all(good) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--smoke", action="store_true", help="small sizes, once each: checks results, not times"
    )
    sys.exit(main(parser.parse_args().smoke))
