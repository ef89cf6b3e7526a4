"""Work on several threads: order, errors, and threads of BLAS."""

from __future__ import annotations

import multiprocessing
import os
import threading

import numpy as np
import pytest

from infoplane.analysis.kernels.pairwise import grouped_sums
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
    z = np.random.default_rng(0).normal(size=(1300, 12)).astype(np.float32)
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
