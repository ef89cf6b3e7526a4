"""Writing beside training: one thread, bounded work, errors carried back, nothing reported as captured before it is on disk."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Job = Callable[[], None]


class Background:
    """Runs jobs in order on one thread; at most ``depth`` wait, then `submit` blocks (back-pressure)."""

    def __init__(self, depth: int = 1) -> None:
        self._jobs: queue.Queue[Job | None] = queue.Queue(maxsize=depth)
        self._errors: list[Exception] = []
        self._thread = threading.Thread(target=self._work, name="infoplane-writer", daemon=False)
        self._thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:
                self._errors.append(error)
            finally:
                self._jobs.task_done()

    def submit(self, job: Job) -> None:
        """Queues a job; blocks while the queue is full."""
        self._jobs.put(job)

    def failures(self) -> list[Exception]:
        """Errors of finished jobs, each handed out once."""
        found = self._errors[:]
        del self._errors[: len(found)]
        return found

    def drain(self) -> None:
        """Waits until every queued job is done."""
        self._jobs.join()

    def close(self) -> None:
        """Waits for the queued jobs and ends the thread."""
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()
