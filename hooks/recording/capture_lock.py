"""Threads that share a recorder capture one after another."""

from __future__ import annotations

import os
import threading


class CaptureLock:
    """The right to capture, of one thread at a time.

    A capture sets modes, hooks and random state of the network: two at once would write each
    other's rows. So would a self-check, and the last certificate when the recorder is closed.
    """

    def __init__(self) -> None:
        self._pid, self._lock = os.getpid(), threading.RLock()

    def of_process(self) -> threading.RLock:  # type: ignore[valid-type]  # a function to mypy
        """Return the lock of this process.

        A forked child does not wait for a thread that it has not.
        """
        if self._pid != os.getpid():
            self._pid, self._lock = os.getpid(), threading.RLock()
        return self._lock
