"""Writing beside training.

One thread, bounded memory, nothing reported as captured before it is on disk.

Both threads share only `queue.SimpleQueue` and `deque`, whose calls an interrupt (Ctrl-C) cannot
cut in half, and counters that one side alone changes. A lock that an interrupt leaves taken would
stop both threads for ever.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, Self

from infoplane.errors import CaptureError
from infoplane.types.arrays import Array, Digests

Job = Callable[[], None]
ROOM_BYTES = 256 * 2**20
"""What may wait for the writer, in bytes, before the training thread waits for the disk."""
LOOK_AGAIN_SECONDS = 1.0
"""After which a thread that waits looks again by itself, should an interrupt have taken its wake-up
call.
"""


class Background:
    """Runs jobs, none of which raises, in order on one thread.

    While one waits behind the one that runs, `submit` blocks (back-pressure).

    The thread never keeps the process alive: whoever makes a `Background` sees to it that it is
    closed at exit.
    """

    def __init__(self) -> None:
        # the jobs that wait or run: one list says it all, so that no interrupt can leave a count
        # wrong
        self._jobs: deque[Job] = deque()
        self._wakeups: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._pid = os.getpid()
        self._closing = False
        # its own word, since an interrupt inside Thread.join or is_alive makes Python take a thread
        # for ended
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="infoplane-writer", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            while self._jobs or not self._closing:
                self._wakeups.get()
                while self._jobs:
                    self._run(self._jobs[0])
        finally:
            self._ended = True
            self._done.put(None)

    def _run(self, job: Job) -> None:
        try:
            job()
        finally:
            self._jobs.popleft()
            self._done.put(None)

    @property
    def unfinished(self) -> int:
        """Jobs that wait or run."""
        return len(self._jobs)

    def submit(self, job: Job) -> None:
        """Queue a job; blocks while another waits.

        An interrupt leaves it queued or not, and never half.
        """
        self._wait_until(1)
        self._jobs.append(job)
        self._wakeups.put(None)

    def drain(self) -> None:
        """Wait until every queued job is done."""
        self._wait_until(0)

    def _wait_until(self, unfinished: int) -> None:
        while self.unfinished > unfinished and not self._ended:
            self._wakeups.put(None)  # an interrupt may have come between a job and its wake-up
            _receive(self._done)

    def close(self) -> None:
        """Wait for the queued jobs and end the thread.

        Nothing to do in a forked child, which has no such thread.
        """
        if self._pid != os.getpid():
            return
        self._closing = True
        while not self._ended:
            self._wakeups.put(None)
            _receive(self._done)
        self._thread.join()


def _receive(wakeups: queue.SimpleQueue[None]) -> None:
    try:
        wakeups.get(timeout=LOOK_AGAIN_SECONDS)
    except queue.Empty:
        return


class Abandoned(CaptureError):
    """The pass whose rows were being written ended in an error.

    The error is reported where it happened.
    """


class LayerRows(NamedTuple):
    """Rows of one layer on their way to the writer.

    Attributes:
        layer: its name.
        values: in stored form, rows first.
        digests: of the raw rows; None where these can be taken from the values.
        dtype: in which the layer computed.
    """

    layer: str
    values: Array
    digests: Digests | None
    dtype: str


class WriteQueue:
    """The rows of one capture on their way to the writer's thread, bounded in bytes.

    The sender enters it (twice, as an interrupt may cut an exit short): left without `end`, the
    capture is abandoned.
    """

    def __init__(self, room: int = ROOM_BYTES) -> None:
        self._room = room
        self._sent = self._taken = 0  # bytes; the sender counts the first, the writer the second
        self._items: queue.SimpleQueue[LayerRows | None] = queue.SimpleQueue()
        self._freed: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._attached: queue.SimpleQueue[dict[str, object]] = queue.SimpleQueue()
        self._ended = self._abandoned = self._nobody = False
        self.records: dict[str, object] = {}

    def put(self, layer_rows: LayerRows) -> None:
        """Hand over rows; waits while those before fill the room.

        Dropped when the writer has given up: its error is on its way back.
        """
        size = layer_rows.values.nbytes
        while not self._nobody and 0 < self._held > self._room - size:
            _receive(self._freed)
        if not self._nobody:
            self._sent += size
            self._items.put(layer_rows)

    @property
    def _held(self) -> int:
        return self._sent - self._taken

    def end(self, records: dict[str, object]) -> bool:
        """Finish: all rows are there; ``records`` are attached to the step.

        False when the writer has given up before: they are the sender's again.
        """
        self._attached.put(records)
        self._items.put(None)
        # last: cut short before, `__exit__` abandons, and the writer never waits
        self._ended = True
        return not (self._nobody and self._take_records() is not None)

    def _take_records(self) -> dict[str, object] | None:
        """Take the records; of two threads that try, one gets them."""
        try:
            return self._attached.get_nowait()
        except queue.Empty:
            return None

    def abandon(self) -> None:
        """The pass failed: nothing of this capture is to become visible."""
        self._abandoned = True
        self._items.put(None)

    def leave(self) -> None:
        """The writer takes no more."""
        self._nobody = True
        self._freed.put(None)
        self.records = self._take_records() or self.records

    def __iter__(self) -> Iterator[LayerRows]:
        while True:
            layer_rows = self._items.get()
            if self._abandoned:
                raise Abandoned("the pass was abandoned")
            if layer_rows is None:
                self.records = self._take_records() or self.records
                return
            self._taken += layer_rows.values.nbytes
            self._freed.put(None)
            yield layer_rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if not self._ended:
            self.abandon()
