"""How much of the machine may be used: by kernels, by what a writer does beside its writing, by measuring beside a training, by a command."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from infoplane.errors import InputError

SHARE = 0.02
"""Of one core, that measuring beside a training may use unless another share is given: less than 5 % of a training that keeps all cores busy."""


T = TypeVar("T")


def taken(rest: deque[T]) -> Iterator[T]:
    """The items that are left, each once, whichever of several threads asks next."""
    while True:
        try:
            item = rest.popleft()
        except IndexError:
            return
        yield item


def at_hand() -> int:
    """Cores that the system gives to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores() -> int:
    """``INFOPLANE_THREADS``, ``OMP_NUM_THREADS``, all cores at hand: the first that says a number.

    Raises:
        InputError: ``INFOPLANE_THREADS`` is no positive number.
    """
    for name in ("INFOPLANE_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").partition(",")[0].strip()
        if text.isdigit() and int(text) > 0:
            return int(text)
        if text and name == "INFOPLANE_THREADS":
            raise InputError(f"INFOPLANE_THREADS: expected a positive number, got {text!r}")
    return at_hand()


def hold_memory() -> None:
    """Let this process keep what it frees, up to 256 MiB, and use it again: the system gives pages to one thread at a time, and clears them first.

    Where arrays of a few hundred KiB come and go on two threads that took a third of the time. For processes that are ours alone, on GNU's libc.
    """
    import ctypes

    with contextlib.suppress(OSError, AttributeError, TypeError):  # another system
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-1, 1 << 28)  # M_TRIM_THRESHOLD
        mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD, the largest that it takes


def _finished(found: T, rest: Callable[[], object]) -> T:
    rest()
    return found


def begun(work: Callable[[], tuple[T, Callable[[], object]]]) -> Callable[[], T]:
    """Begin ``work`` in a copy of this process and go on: what is returned waits for its result, which must be picklable, or raises what it raised.

    The result comes with what is left to do once it has been handed over: nobody waits for that but the end of this process, for some seconds.
    For commands, which have just started: a process that has threads, or torch's, cannot be copied safely. There, where there is no second core or no
    Linux, and where the copy was killed, the work is done by whoever waits for it.
    """
    if (
        sys.platform != "linux"
        or cores() < 2
        or threading.active_count() > 1
        or "torch" in sys.modules
    ):
        return lambda: _finished(*work())
    from multiprocessing import get_context

    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)

    def run() -> None:
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # a Ctrl-C reaches whoever waits, too, who then ends this in good order
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        try:
            found, rest = work()
        except Exception as error:
            theirs.send((None, error))
        else:
            theirs.send((found, None))
            rest()

    copy = context.Process(target=run, daemon=True)  # ends when this process does
    copy.start()
    theirs.close()

    def result() -> T:
        try:
            found, error = ours.recv()
        except EOFError:
            return _finished(*work())
        atexit.register(copy.join, 5.0)  # or it would be ended with this process
        if error is not None:
            raise error
        return found  # type: ignore[no-any-return]  # as run sent it

    return result
