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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import combinations_with_replacement

import numba
import numpy as np
from numpy.random import Generator

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
    bounds: list[float] = []
    for low, up in -np.log2(total / len(z)).mean(axis=0):
        bounds += [float(up), float(low)]
    return tuple(bounds)


def ksg(x: np.ndarray, z: np.ndarray, k: int) -> float:
    """KSG estimator 1 in bits by the neighbours kernel."""
    both = [Distances(x), Distances(z)]
    eps = kth_distance(both, k)
    means = sum(peers.digamma(count_within(part, eps) + 1).mean() for part in both)
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


@dataclass(frozen=True)
class Comparison:
    """The same work by a peer and by us.

    Attributes:
        title: of the work.
        peer: returns its numbers in bits.
        ours: returns ours.
        tolerance: of the difference, in bits.
        repeats: how often both are run, in turns; the command's own number when left out.
    """

    title: str
    peer: Callable[[], object]
    ours: Callable[[], object]
    tolerance: float
    repeats: int | None = None

    def run(self, repeats: int) -> bool:
        """Print medians, their ratio and the largest difference; return whether both agree."""
        self.ours()  # compile or load before timing
        taken: list[tuple[float, float]] = []
        for _ in range(self.repeats or repeats):
            of_peer, theirs = timed(self.peer)
            of_ours, ours = timed(self.ours)
            taken.append((of_peer, of_ours))
        peer, own = np.median(taken, axis=0)
        error = float(np.abs(np.subtract(theirs, ours)).max())
        agrees = error <= self.tolerance
        print(
            f"| {self.title} | {peer * 1e3:.4g} | {own * 1e3:.4g} | {peer / own:.1f} | "
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
    tiles = list(combinations_with_replacement(range(0, n, TILE), 2))
    distances = np.tile(np.linspace(0, 30, TILE, dtype=np.float32), (TILE, 1))

    def products(tile: tuple[int, int]) -> None:
        row, column = tile
        room = room_of_thread(threading.get_ident())
        out = room[: n - row, : n - column]
        np.matmul(z[row : row + TILE], z[column : column + TILE].T, out=out)

    @cache
    def room_of_thread(thread: int) -> np.ndarray:
        return np.empty((TILE, TILE), np.float32)

    def exponentials(tile: tuple[int, int]) -> None:
        all_kernels(distances, np.empty(TILE, np.float32), np.empty(TILE, np.float32))

    with single_blas():
        gemm = seconds(lambda: list(in_order(products, tiles)), 3)
        exp = seconds(lambda: list(in_order(exponentials, tiles)), 3)
    ours = seconds(lambda: kde(z, dim / 100), 3)
    return (
        f"| KDE, N={n}, d={dim}, against half a sgemm ({gemm * 1e3:.3g} ms) and half the "
        f"exponentials ({exp * 1e3:.3g} ms) | {(gemm + exp) * 1e3:.4g} | {ours * 1e3:.4g} | "
        f"{ours / (gemm + exp):.2f} floors | |"
    )


def read_line(n: int, dim: int, rng: Generator) -> str:
    """Our keys of bins against one sum over the layer."""
    z = continuous(np.tanh(rng.normal(size=(n, dim)) * 3).astype(np.float32))
    rule = Binned("saxe", width=0.5)
    ours = seconds(lambda: rule.keys(z), 5)
    read = seconds(z.values.sum, 5)
    return (
        f"| bin keys, N={n}, d={dim}, against one sum of Z | {read * 1e3:.4g} | "
        f"{ours * 1e3:.4g} | {ours / read:.2f} reads | |"
    )


def kernel_comparison(n: int, dim: int, rng: Generator) -> Comparison:
    """Both bounds against the dense formula."""
    z = np.tanh(rng.normal(size=(n, dim))).astype(np.float32)
    s2 = dim / 100
    return Comparison(
        f"KDE both bounds, N={n}, d={dim}, s2={s2:g}, against dense float64",
        lambda: peers.kde_dense(z.astype(float), s2),
        lambda: kde(z, s2),
        1e-5,
    )


def widths_comparison(n: int, dim: int, rng: Generator) -> Comparison:
    """Four widths in one pass against one pass for each."""
    z = np.tanh(rng.normal(size=(n, dim))).astype(np.float32)
    widths = [dim / 100 * factor for factor in (1, 2, 4, 8)]
    return Comparison(
        f"KDE of four widths from one pass, N={n}, d={dim}, against ours one after the other",
        lambda: np.concatenate([kde(z, s2) for s2 in widths]),
        lambda: kde(z, *widths),
        0.0,
    )


def bin_comparisons(
    n: int, dim: int, widths: int, repeats: int, rng: Generator
) -> Iterator[Comparison]:
    """Entropy of one bin width, and of many, against void views."""
    z = np.tanh(rng.normal(size=(n, dim)) * 3).astype(np.float32)
    variable = continuous(z)
    rule = Binned("saxe", width=0.5)
    yield Comparison(
        f"binned entropy, N={n}, d={dim}, against a void view",
        lambda: peers.binned_void(z, 0.5),
        lambda: entropy_bits(counts_of(rule.codes(variable))),
        1e-9,
        repeats + 2,
    )
    sweep = np.geomspace(0.01, 2, widths).astype(np.float32)
    yield Comparison(
        f"sweep of {widths} bin widths, N={n}, d={dim}, against void views",
        lambda: [peers.binned_void(z, width) for width in sweep],
        lambda: entropies_of_widths(z, sweep),
        1e-9,
    )


def layers_comparison(n: int, rng: Generator) -> Comparison:
    """Six narrow layers, as a small network has them."""
    layers = []
    for dim in (10, 7, 5, 4, 3, 2):
        layers.append(np.tanh(rng.normal(size=(n, dim)) * 2).astype(np.float32))
    return Comparison(
        f"KDE both bounds of X, six layers as in SZT's network, N={n}, s2=0.001",
        lambda: [peers.kde_dense(z.astype(float), 1e-3) for z in layers],
        lambda: [kde(z, 1e-3) for z in layers],
        1e-5,
    )


def neighbour_comparisons(n: int, repeats: int, rng: Generator) -> Iterator[Comparison]:
    """KSG against scikit-learn's trees and distances."""
    x = rng.normal(size=(n, 64))
    z = rng.normal(size=(n, 64))
    line = (x[:, :1], x[:, :1] + z[:, :1])
    yield Comparison(
        f"KSG, N={n}, 64+64 dims, against sklearn.neighbors",
        lambda: peers.ksg_neighbours(x, z, 5),
        lambda: ksg(x, z, 5),
        1e-6,
        1,
    )
    yield Comparison(
        f"KSG, N={n}, 64+64 dims, against scikit-learn distances",
        lambda: peers.ksg_sklearn(x, z, 5),
        lambda: ksg(x, z, 5),
        1e-6,
    )
    yield Comparison(
        f"KSG, N={n}, 1+1 dims, against scikit-learn kd-trees",
        lambda: peers.ksg_sklearn_line(*line, 5),
        lambda: ksg(*line, 5),
        1e-3,
        repeats + 2,
    )


def renyi_comparisons(n: int, rng: Generator) -> Iterator[Comparison]:
    """Matrix entropies against spectra of every matrix."""
    layer = continuous(np.tanh(rng.normal(size=(n, 32))))
    labels = discrete(rng.integers(0, 2, n))
    ids = discrete(np.arange(n))
    width = silverman_width(layer.values)
    for alpha in (1.01, 2.0):
        estimator = MatrixRenyi(alpha=alpha)

        def ours(estimator: MatrixRenyi = estimator) -> list[float]:
            points = estimator.estimate_plane_point(ids, layer, labels)
            return [estimate.bits for _, estimate in points]

        def theirs(alpha: float = alpha) -> list[float]:
            return peers.renyi_dense(layer.values, labels.values[:, 0], alpha, width)

        yield Comparison(
            f"matrix Renyi alpha={alpha:g} of X and Y, N={n}, d=32, against eigh of all matrices, "
            "N x N x d kernel",
            theirs,
            ours,
            1e-5,
            1,
        )


def work(smoke: bool, n: int, repeats: int) -> Iterator[Comparison | str]:
    """Yield what is compared, and lines that are measured on the way, in the order of the table."""
    rng = np.random.default_rng(0)
    for dim in (10, 64) if smoke else (10, 64, 512, 2048):
        yield kernel_comparison(n, dim, rng)
    for dim in () if smoke else (10, 64, 512, 2048):
        yield floor_line(n, dim)
    for dim in (64,) if smoke else (10, 64, 512):
        yield widths_comparison(n, dim, rng)
    for dim in (10, 64):
        yield from bin_comparisons(n, dim, 3 if smoke else 30, repeats, rng)
    for dim in () if smoke else (512, 2048):
        yield read_line(n, dim, rng)
    rows = 600 if smoke else 4096
    yield layers_comparison(rows, rng)
    yield from neighbour_comparisons(rows, repeats, rng)
    yield from renyi_comparisons(rows, rng)


def main(smoke: bool) -> int:
    """Run everything; 1 when a result disagrees with its peer."""
    global WARM  # noqa: PLW0603  # the smallest way to say it to every line
    WARM = 0.0 if smoke else WARM
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
    good = True
    for part in work(smoke, n, repeats):
        if isinstance(part, str):
            print(part, flush=True)
        else:
            good &= part.run(repeats)
    return 0 if good else 1


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
