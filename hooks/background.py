"""Writing beside training: one thread, bounded memory, errors carried back, nothing reported as captured before it is on disk."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import CaptureError

Job = Callable[[], None]
ROOM_BYTES = 256 * 2**20
"""What may wait for the writer, in bytes, before the training thread waits for the disk."""


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


class Abandoned(CaptureError):
    """The pass whose rows were being written ended in an error, which is reported where it happened."""


Parcel = tuple[str, NDArray[np.generic], NDArray[np.uint64] | None, str]
"""Layer, rows in stored form, digests of the raw rows or None, dtype in which the layer computed."""


class Parcels:
    """The rows of one capture on their way from the training thread to the writer's, bounded in bytes."""

    def __init__(self, room: int = ROOM_BYTES) -> None:
        self._room, self._held = room, 0
        self._items: deque[Parcel] = deque()
        self._changed = threading.Condition()
        self._ended = self._abandoned = self._nobody = False
        self.records: dict[str, object] = {}

    def put(self, parcel: Parcel) -> None:
        """Hand over rows; waits while those before fill the room. Dropped when the writer has given up: its error is on its way back."""
        size = parcel[1].nbytes
        with self._changed:
            self._changed.wait_for(
                lambda: self._nobody or not self._items or self._held + size <= self._room
            )
            if not self._nobody:
                self._items.append(parcel)
                self._held += size
                self._changed.notify_all()

    def end(self, records: dict[str, object]) -> bool:
        """All rows are there; ``records`` are attached to the step. False when the writer has given up before: they are the sender's again."""
        with self._changed:
            if self._nobody:
                return False
            self.records, self._ended = records, True
            self._changed.notify_all()
            return True

    def abandon(self) -> None:
        """The pass failed: nothing of this capture is to become visible."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def leave(self) -> None:
        """The writer takes no more."""
        with self._changed:
            self._nobody = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Parcel]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._ended or self._abandoned)
                if self._abandoned:
                    raise Abandoned("the pass was abandoned")
                if not self._items:
                    return
                parcel = self._items.popleft()
                self._held -= parcel[1].nbytes
                self._changed.notify_all()
            yield parcel
