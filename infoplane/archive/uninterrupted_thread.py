"""A thread that no Ctrl-C interrupts, for calls of HDF5 that must not stop half-way.

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
    """The result of a piece of work, once it is done."""

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

    Work from any thread but the main one is done in that thread, where no interrupt arrives either.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="infoplane-quiet", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for work in iter(self._work.get, None):
            work()

    def begin(self, work: Callable[[], T]) -> Answer[T]:
        """Do the work in the background."""
        answer: Answer[T] = Answer()
        self._work.put(lambda: answer.fill(work))
        return answer

    def call(self, work: Callable[[], T]) -> T:
        """Do the work and wait for it; an interrupt ends only the waiting."""
        if threading.current_thread() is not threading.main_thread():
            return work()
        return self.begin(work).get()

    def close(self) -> None:
        """End the thread once its work is done; harmless when repeated."""
        self._work.put(None)
        self._thread.join()
