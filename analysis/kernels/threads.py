"""How many threads a kernel uses, and on which device it runs.

One setting for our threads and those of BLAS: they never multiply.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Generic, TypeVar

from infoplane.cores import cores, taken

T = TypeVar("T")
R = TypeVar("R")
_here = threading.local()


def threads() -> int:
    """Return threads for one kernel called from this thread: what `using` says, else `cores`."""
    chosen: int | None = getattr(_here, "threads", None)
    return cores() if chosen is None else chosen


@contextmanager
def using(number: int) -> Iterator[None]:
    """Let kernels called from this thread use so many threads; 1 inside a worker of a pool."""
    before = getattr(_here, "threads", None)
    _here.threads = number
    try:
        yield
    finally:
        _here.threads = before


@contextmanager
def on_device(name: str) -> Iterator[None]:
    """Let kernels called from this thread use this torch device; the usual one for no name."""
    before = device_here()
    _here.device = name
    try:
        yield
    finally:
        _here.device = before


def device_here() -> str:
    """Return what `on_device` says in this thread."""
    return getattr(_here, "device", "")


class _SingleBlas:
    """BLAS on one thread from the first of several concurrent users to the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limit: Any = None  # Any: threadpoolctl has no types
        self._controller: Any = None  # Any: as above

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                from threadpoolctl import ThreadpoolController

                self._controller = self._controller or ThreadpoolController()
                self._limit = self._controller.limit(limits=1, user_api="blas")

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._limit.restore_original_limits()


_blas = _SingleBlas()


@contextmanager
def single_blas() -> Iterator[None]:
    """Run BLAS on one thread in this whole process while any caller is inside.

    Our threads each multiply a tile of their own: BLAS threads on top would fight for the same
    cores. One BLAS thread also gives the same bits whatever the number of workers.
    """
    _blas.enter()
    try:
        yield
    finally:
        _blas.leave()


def with_one_torch_thread(work: Callable[[], R]) -> R:
    """Call ``work`` in a new thread in which torch has one thread; return what it returns.

    Elsewhere torch keeps its number; `single_blas` does not reach its BLAS.
    """
    with ThreadPoolExecutor(1, initializer=_narrow_torch) as pool:
        return pool.submit(work).result()


def _narrow_torch() -> None:
    import torch

    with _narrowing:
        before = torch.get_num_threads()
        torch.set_num_threads(1)  # of this thread, and of all that have not called torch yet
        rest = threading.Thread(target=torch.set_num_threads, args=(before,))
        rest.start()
        rest.join()


_narrowing = threading.Lock()


def in_order(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield ``map(work, items)`` from `threads` threads, results in the order of the items.

    What is added up from them does not depend on the number.

    This thread is one of them and works while it waits: woken beside a busy thread, a single other
    one is put on another core, where two are often put on the same. At most two results per thread
    wait for their turn. The threads stay: starting them anew takes longer than hashing a small
    layer.
    """
    number = threads()
    device = device_here()
    if number == 1:
        yield from map(work, items)
        return

    def alone(item: T) -> R:
        with using(1), on_device(device):
            return work(item)

    def submitted(count: int) -> list[_Task[T, R]]:
        following = list(islice(rest, count))
        return [_Task(item, pool.submit(alone, item)) for item in following]

    rest = iter(items)
    pool = pool_of(number - 1, os.getpid())
    waiting = deque(submitted(2 * number))
    try:
        while waiting:
            while not waiting[0].result.done():
                untouched = next((task for task in waiting if task.result.cancel()), None)
                if untouched is None:
                    break
                untouched.result = _done(alone, untouched.item)
            result = waiting.popleft().result.result()
            waiting.extend(submitted(1))
            yield result
    finally:  # after an error, or when the caller stops early: nothing of ours runs on
        for task in waiting:
            task.result.cancel()
        wait([task.result for task in waiting])


@dataclass
class _Task(Generic[T, R]):
    """An item of `in_order`, and what becomes of it."""

    item: T
    result: Future[R]


def _done(work: Callable[[T], R], item: T) -> Future[R]:
    """Return what ``work`` makes of an item, now; its error is raised by whoever asks for it."""
    done: Future[R] = Future()
    try:
        done.set_result(work(item))
    except Exception as error:
        done.set_exception(error)
    return done


def for_each(work: Callable[[T], object], items: Iterable[T]) -> None:
    """Call ``work`` with every item, on `threads` threads.

    Each, this one too, takes the next that nobody took. After an error no other is begun.
    """
    number = threads()
    device = device_here()
    if number == 1:
        for item in items:
            work(item)
        return
    rest = deque(items)

    def run() -> None:
        try:
            with using(1), on_device(device):
                for item in taken(rest):
                    work(item)
        except BaseException:
            rest.clear()
            raise

    pool = pool_of(number - 1, os.getpid())
    others = [pool.submit(run) for _ in range(number - 1)]
    try:
        run()
    finally:
        begun = [other for other in others if not other.cancel()]  # the others woke too late
        wait(begun)
    for other in begun:
        other.result()


@cache
def pool_of(number: int, process: int) -> ThreadPoolExecutor:
    """Return the threads of this process; a forked child has a pool of its own."""
    return ThreadPoolExecutor(number, thread_name_prefix="infoplane")
