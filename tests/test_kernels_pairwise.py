"""The pairwise pass against a float64 reference by differences."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from infoplane.analysis.kernels import blocks
from infoplane.analysis.kernels.pairwise import (
    anchored_sums,
    block_sums,
    gaussian_sums,
    grouped_sums,
)
from infoplane.analysis.kernels.threads import (
    device_here,
    for_each,
    in_order,
    on_device,
    pool_of,
    single_blas,
    threads,
    using,
)
from infoplane.errors import InputError

ROOT = Path(__file__).parents[1]
RNG = np.random.default_rng(7)
N = 700  # more than one tile
CASES = {
    "tanh": np.tanh(RNG.normal(size=(N, 40))),
    "tanh, few units": np.tanh(RNG.normal(size=(N, 6))),
    "ReLU with norms up to 1e4": np.maximum(RNG.normal(size=(N, 50)), 0)
    * np.geomspace(1e-2, 1e4 / 5, N)[:, None],
    "near-duplicate ReLU rows": (np.maximum(RNG.normal(size=(N // 7, 64)), 0) * 100).repeat(
        7, axis=0
    )
    + RNG.normal(size=(N, 64)) * 5e-3,
    "offset of 1e6": RNG.normal(size=(N, 30)) + 1e6,
    "offset of 1e6, few units": RNG.normal(size=(N, 3)) + 1e6,
    "constant layer": np.ones((N, 20)),
}


def _bits(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return -np.log2(sums / counts[:, None, None]).mean(axis=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_bounds_equal_the_float64_reference_to_1e_5_bits(case: str, dtype: type) -> None:
    z = CASES[case].astype(dtype)
    variances = np.array([1e-3, 0.1, 10.0])
    classes = RNG.integers(0, 5, N)
    total, own = gaussian_sums(z, variances, classes)
    d = cdist(z.astype(np.float64), z.astype(np.float64), "sqeuclidean")
    same = classes[:, None] == classes
    for v, s2 in enumerate(variances):
        for bound, m in enumerate((8, 2)):
            kernel = np.exp(-d / (m * s2))
            everyone = np.full(N, N)
            np.testing.assert_allclose(
                _bits(total, everyone)[v, bound],
                _bits(kernel.sum(1)[:, None, None], everyone)[0, 0],
                atol=1e-5,
            )
            counts = same.sum(axis=1)
            np.testing.assert_allclose(
                _bits(own, counts)[v, bound],
                _bits((kernel * same).sum(1)[:, None, None], counts)[0, 0],
                atol=1e-5,
            )


def test_the_order_of_the_rows_does_not_matter_beyond_rounding() -> None:
    z = CASES["tanh"].astype(np.float32)
    classes = RNG.integers(0, 3, N)
    shuffled = RNG.permutation(N)
    for a, b in zip(
        gaussian_sums(z, np.array([0.5]), classes),
        gaussian_sums(z[shuffled], np.array([0.5]), classes[shuffled]),
        strict=True,
    ):
        np.testing.assert_allclose(a[shuffled], b, rtol=3e-6)


class Streamed:
    """Rows that are never whole in memory."""

    def __init__(self, z: np.ndarray) -> None:
        self.z, self.shape, self.dtype = z, z.shape, z.dtype

    def blocks(self, rows: int):
        for start in range(0, len(self.z), min(rows, 331)):
            yield self.z[start : start + min(rows, 331)].copy()


@pytest.mark.parametrize("case", ["tanh", "tanh, few units", "ReLU with norms up to 1e4"])
def test_rows_read_in_blocks_give_the_sums_of_rows_in_memory(case: str, monkeypatch) -> None:
    z = np.concatenate([CASES[case].astype(np.float32)] * 4)
    groupings = [RNG.integers(0, 5, len(z)), RNG.integers(0, 2, len(z))]
    expected = grouped_sums(z, np.array([0.1, 1.0]), groupings)
    monkeypatch.setattr(blocks.Spilled, "__init__", _small(blocks.Spilled.__init__))
    for a, b in zip(
        grouped_sums(Streamed(z), np.array([0.1, 1.0]), groupings), expected, strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=3e-6)


def _small(init):
    def made(self, *args) -> None:
        init(self, *args)
        self.size = 1024

    return made


def test_anchored_rows_have_the_sums_of_the_whole_pass() -> None:
    z = CASES["near-duplicate ReLU rows"].astype(np.float32)
    groupings = [RNG.integers(0, 5, N)]
    anchors = RNG.permutation(N)[:90]
    full = grouped_sums(z, np.array([0.001, 1.0]), groupings)
    for a, b in zip(
        anchored_sums(Streamed(z), anchors, np.array([0.001, 1.0]), groupings), full, strict=True
    ):
        np.testing.assert_allclose(a, b[anchors], rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_torch_tiles_give_the_sums_of_the_compiled_pass(case: str, monkeypatch) -> None:
    from infoplane.analysis.kernels import pairwise_torch

    monkeypatch.setattr(pairwise_torch, "TILE", 300)
    z, variances, groupings = (
        CASES[case].astype(np.float32),
        np.array([1e-3, 1.0]),
        [RNG.integers(0, 5, N)],
    )
    expected = grouped_sums(z, variances, groupings)
    for a, b in zip(
        pairwise_torch.grouped_sums(blocks.Held(z), variances, groupings, "cpu"),
        expected,
        strict=True,
    ):
        np.testing.assert_allclose(np.log2(a), np.log2(b), atol=1.5e-5)


def test_a_device_that_is_asked_for_is_used(monkeypatch) -> None:
    z = CASES["tanh"].astype(np.float32)
    monkeypatch.setenv("INFOPLANE_DEVICE", "meta")
    with pytest.raises(NotImplementedError, match="meta"):
        grouped_sums(z, np.array([1.0]), [])
    assert len(grouped_sums(z, np.array([1.0]), [], device="cpu")) == 1


@pytest.mark.skipif("os.path.exists('/dev/nvidia0')", reason="there is a card to be seen")
def test_torch_is_not_loaded_to_see_that_there_is_no_device() -> None:
    code = (
        "from infoplane.analysis.kernels.pairwise import chosen_device\nimport sys\nassert "
        "chosen_device(None) == 'cpu' and 'torch' not in sys.modules"
    )
    env = {k: v for k, v in os.environ.items() if k != "INFOPLANE_DEVICE"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_benchmarks_agree_with_their_peers() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--smoke"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DISAGREES" not in done.stdout


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_szt_cells_equal_a_search_among_the_edges(dtype: type) -> None:
    from infoplane.analysis.estimators.binrules import szt_cells, szt_edges

    edges = szt_edges()
    around = np.concatenate(
        [
            edges,
            np.nextafter(edges, np.float32(-9)),
            np.nextafter(edges, np.float32(9)),
            [-1e30, 1e30, 0.0, -0.0],
        ]
    )
    z = np.concatenate([around, RNG.uniform(-1.5, 1.5, 20_000)]).astype(dtype)
    z = np.concatenate([z, np.nextafter(z, dtype(9)), np.nextafter(z, dtype(-9))])
    np.testing.assert_array_equal(
        szt_cells(z[:, None])[:, 0], np.searchsorted(edges, z, side="right") - 1
    )


@pytest.mark.parametrize("dim", [7, 40])
def test_groupings_of_one_pass_equal_passes_of_their_own_on_any_number_of_threads(dim: int) -> None:
    z = np.tanh(RNG.normal(size=(1300, dim))).astype(np.float32)
    groupings = [RNG.integers(0, 3, 1300), RNG.integers(0, 2, 1300), RNG.integers(0, 400, 1300)]
    variances = np.array([0.05, 0.5])
    with using(1):
        one = grouped_sums(z, variances, groupings)
    with using(3):
        three = grouped_sums(z, variances, groupings)
    assert all(np.array_equal(a, b) for a, b in zip(one, three, strict=True))
    for own, classes in zip(one[1:], groupings, strict=True):
        total, expected = gaussian_sums(z, variances, classes)
        np.testing.assert_allclose(own, expected, rtol=3e-6)
        np.testing.assert_allclose(one[0], total, rtol=3e-6)


def test_a_pool_of_ours_and_a_pool_of_blas_never_multiply(monkeypatch) -> None:
    from threadpoolctl import threadpool_info

    def blas() -> set[int]:
        return {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}

    before = blas()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("INFOPLANE_THREADS", "3")
    assert threads() == 3
    seen = []
    with using(2), single_blas():
        with single_blas():
            seen += list(in_order(lambda k: (k, threads(), blas()), range(20)))
        assert blas() == {1}
    assert seen == [(k, 1, {1}) for k in range(20)]
    assert blas() == before and threads() == 3
    monkeypatch.setenv("INFOPLANE_THREADS", "many")
    with pytest.raises(
        InputError, match="INFOPLANE_THREADS: expected a positive number, got 'many'"
    ):
        threads()


def test_one_user_alone_narrows_blas_and_gives_back_what_there_was() -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    def blas() -> set[int]:
        return {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        for _ in range(2):
            with single_blas():
                assert blas() == {1}
            assert blas() == {2}


def _sums_in_a_child(queue, z) -> None:
    queue.put(grouped_sums(z, np.array([0.5]), [])[0])


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system"
)
def test_a_forked_child_has_threads_of_its_own(monkeypatch) -> None:
    monkeypatch.setenv("INFOPLANE_THREADS", "2")
    z = RNG.normal(size=(1300, 12)).astype(np.float32)
    here = grouped_sums(z, np.array([0.5]), [])[0]  # the parent's threads are running now
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_sums_in_a_child, args=(queue, z))
    child.start()
    np.testing.assert_array_equal(queue.get(timeout=60), here)
    child.join(60)
    assert child.exitcode == 0


def test_work_left_behind_by_an_error_has_ended_before_the_error_arrives(monkeypatch) -> None:
    monkeypatch.setenv("INFOPLANE_THREADS", "2")
    running = threading.Event()
    ended: list[int] = []

    def work(k: int) -> int:
        if k == 0:
            running.wait(10)
            raise ValueError("the first fails")
        running.set()
        threading.Event().wait(0.05)
        ended.append(k)
        return k

    with pytest.raises(ValueError, match="the first fails"):
        list(in_order(work, range(20)))
    at_once = list(ended)
    assert at_once and at_once == ended and len(ended) < 20
    assert list(in_order(lambda k: k + 1, range(5))) == [1, 2, 3, 4, 5]


def test_the_thread_that_waits_works_too_on_the_same_device_and_results_keep_their_order(
    monkeypatch,
) -> None:
    monkeypatch.setenv("INFOPLANE_THREADS", "2")
    me, entered = threading.get_ident(), threading.Barrier(2)

    def work(k: int) -> tuple[int, int, str, int]:
        if k < 2:
            entered.wait(
                10
            )  # the first two run at the same time: one here, one on the only other thread
        return k, threading.get_ident(), device_here(), threads()

    with on_device("meta"):
        found = list(in_order(work, range(40)))
        assert device_here() == "meta" and threads() == 2
    assert [k for k, *_ in found] == list(range(40))
    assert len({thread for _, thread, *_ in found}) == 2 and me in {
        thread for _, thread, *_ in found[:2]
    }
    assert {tuple(rest) for _, _, *rest in found} == {("meta", 1)}


def test_an_error_found_here_is_raised_when_its_turn_comes(monkeypatch) -> None:
    monkeypatch.setenv("INFOPLANE_THREADS", "2")
    started = threading.Event()

    def work(k: int) -> int:
        if k == 0:
            assert started.wait(10)
        if k == 1:
            started.set()
            raise ValueError("the second fails")
        return k

    got = []
    with pytest.raises(ValueError, match="the second fails"):
        for k in in_order(work, range(20)):
            got.append(k)
    assert got == [0]


def test_each_item_is_done_once_by_whichever_thread_is_free_on_the_same_device(monkeypatch) -> None:
    monkeypatch.setenv("INFOPLANE_THREADS", "2")
    done, entered = [], threading.Barrier(2)

    def work(k: int) -> None:
        if k < 2:
            entered.wait(10)  # the first two at the same time
        done.append((k, threading.get_ident(), device_here(), threads()))

    with on_device("meta"):
        for_each(work, iter(range(40)))
        assert device_here() == "meta" and threads() == 2
    assert sorted(k for k, *_ in done) == list(range(40)) and {
        tuple(rest) for _, _, *rest in done
    } == {("meta", 1)}
    assert len({thread for _, thread, *_ in done}) == 2
    with using(1):
        for_each(lambda k: done.append((k, threading.get_ident(), "", threads())), range(3))
    assert done[-3:] == [(k, threading.get_ident(), "", 1) for k in range(3)]


@pytest.mark.parametrize("fails", ["this", "other"])
def test_an_error_of_either_thread_is_raised_when_both_have_ended_and_no_other_item_is_begun(
    monkeypatch, fails: str
) -> None:
    monkeypatch.setenv("INFOPLANE_THREADS", "2")
    me, entered, begun, ended = threading.get_ident(), threading.Barrier(2), [], []

    def work(k: int) -> None:
        begun.append(k)
        if k < 2:
            entered.wait(10)
        if (threading.get_ident() == me) == (fails == "this"):
            raise ValueError("it fails")
        threading.Event().wait(0.1)
        ended.append(k)

    with pytest.raises(ValueError, match="it fails"):
        for_each(work, range(20))
    assert sorted(begun) == [0, 1] and len(ended) == 1


def test_a_thread_that_wakes_too_late_is_not_waited_for(monkeypatch) -> None:
    monkeypatch.setenv("INFOPLANE_THREADS", "2")
    busy, release = threading.Event(), threading.Event()
    pool_of(1, os.getpid()).submit(lambda: (busy.set(), release.wait(10)))
    busy.wait(10)
    done = []
    for_each(done.append, range(5))
    assert done == list(range(5)) and not release.is_set()
    release.set()


@pytest.mark.parametrize(
    ("n", "dim", "scale"),
    [(1, 3, 1.0), (40, 3, 1.0), (1100, 7, 0.3), (1300, 24, 1.0), (700, 24, 300.0)],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_over_blocks_are_those_of_every_block_alone(
    n: int, dim: int, scale: float, dtype: type
) -> None:
    rng = np.random.default_rng([n, dim])
    z = (scale * rng.normal(size=(n, dim))).astype(dtype)
    blocks = rng.choice(
        [0, 1, 3, 4, 8], n, p=[0.6, 0.1, 0.1, 0.15, 0.05]
    )  # some are empty, the last too
    variances = np.array([0.5, 4.0]) * dim
    sums, order = block_sums(z, variances, blocks, 10)
    assert sums.shape == (2, 2, 10, n) and (np.diff(blocks[order]) >= 0).all()
    d = ((z[order, None].astype(float) - z[None].astype(float)) ** 2).sum(-1)
    for v, s2 in enumerate(variances):
        for k, m in enumerate((4, 1)):
            each = np.exp(-d / (2 * m * s2))
            for b in range(10):
                np.testing.assert_allclose(
                    sums[v, k, b], each[:, blocks == b].sum(1), rtol=2e-6, atol=1e-8 * n
                )
    with using(1):
        np.testing.assert_array_equal(block_sums(z, variances, blocks, 10)[0], sums)


def test_the_smallest_variance_decides_how_exact_sums_over_blocks_are() -> None:
    z, variances, halves = (
        CASES["near-duplicate ReLU rows"].astype(np.float32),
        np.array([1e-3, 1e8]),
        np.arange(N) % 2,
    )
    for order in (slice(None), slice(None, None, -1)):
        sums, rows = block_sums(z, variances[order], halves, 2)
        for v, s2 in enumerate(variances[order]):
            alone = grouped_sums(z, np.array([s2]), [halves])[0][rows, 0]
            np.testing.assert_allclose(sums[v].sum(axis=1).T, alone, rtol=1e-5)
