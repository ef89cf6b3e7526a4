"""A thread on which no Ctrl-C arrives, for calls of HDF5 that must not be cut in half.

Python raises `KeyboardInterrupt` in the main thread, between any two of its lines. HDF5 writes
through functions of ours; an error inside one of them leaves a file that HDF5 can neither close nor
forget, and that may end the process at its exit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Answer(Generic[T]):
    """What a piece of work gives, once it is done."""

    def __init__(self) -> None:
        self._box: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def fill(self, work: Callable[[], T]) -> None:
        """Do the work; what it returns or raises is the answer."""
        try:
            self._box.put((work(), None))
        except BaseException as error:
            self._box.put((None, error))

    def get(self) -> T:
        """Wait for the answer, once.

        Raises:
            BaseException: what the work raised.
        """
        value, error = self._box.get()
        if error is None:
            return value  # type: ignore[return-value]  # what the work returned
        try:
            raise error
        finally:
            del error  # or the traceback would keep itself alive


class QuietThread:
    """Does pieces of work in order.

    Work for it that comes from any thread but the main one is done there: no interrupt arrives
    there either.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="infoplane-quiet", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def begin(self, work: Callable[[], T]) -> Answer[T]:
        """Let it be done meanwhile."""
        answer: Answer[T] = Answer()
        self._work.put(lambda: answer.fill(work))
        return answer

    def call(self, work: Callable[[], T]) -> T:
        """Let it be done, and wait.

        An interrupt ends the waiting and not the work; later work comes after it.
        """
        if threading.current_thread() is not threading.main_thread():
            return work()
        return self.begin(work).get()

    def close(self) -> None:
        """End the thread after what it has to do; harmless when repeated."""
        self._work.put(None)
        self._thread.join()
