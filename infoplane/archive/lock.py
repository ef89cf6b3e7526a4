"""One live writer per run and rank: an advisory lock that dies with its process."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import weakref
from pathlib import Path
from typing import NoReturn

from infoplane.errors import ArchiveError, ArchiveLocked
from infoplane.open_flags import NO_LINK
from infoplane.user_warning import warn_user

try:
    import fcntl
except ImportError:  # Windows has no flock: two writers are not detected there
    fcntl = None  # type: ignore[assignment]

_PATIENCE_SECONDS = 0.2
_held: weakref.WeakSet[WriterLock] = weakref.WeakSet()


class WriterLock:
    """Hold ``RUN/writer-r<rank>.lock`` until `release` or the end of the process.

    Attributes:
        exclusive: False where the filesystem cannot lock (some NFS): then a warning was given and
            two writers are not detected.

    Raises:
        ArchiveLocked: another live writer holds it; the message says who.
        ArchiveError: the lock cannot be opened: a read-only folder, or a link that would lead
            elsewhere.
    """

    _fd = -1  # of a lock that an interrupt left unfinished

    def __init__(self, run: Path, rank: int) -> None:
        self.path = run / f"writer-r{rank:04d}.lock"
        self.pid = os.getpid()
        self.exclusive = False
        flags = os.O_RDWR | os.O_CREAT | NO_LINK
        try:
            self._fd = os.open(self.path, flags, 0o644)
        except OSError as error:
            raise ArchiveError(
                f"{self.path}: the run's lock cannot be opened: {error}; the folder must be "
                "writable, and the lock no link"
            ) from error
        try:
            self.take()
            _held.add(self)
        except BaseException:
            self._close()
            raise

    def take(self) -> None:
        if fcntl is None:
            return
        try:
            self._lock()
        except BlockingIOError as error:
            raise ArchiveLocked(f"{self.path.parent}: {self._holder()}") from error
        except OSError as error:
            warn_user(
                f"{self.path}: this filesystem cannot lock ({error}); make sure that only one "
                "recorder writes to this run",
            )
            return
        self.exclusive = True
        note = self._note() + "\n"
        with contextlib.suppress(
            OSError
        ):  # a full disk must not stop the lock: the note only helps the message
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, note.encode(), 0)

    def _holder(self) -> str:
        """Who writes to the run, and what to do."""
        note = os.pread(self._fd, 500, 0).decode("utf-8", "replace").strip()
        if note == self._note():
            return (
                f"another recorder of this very process ({self.pid}) writes to this run; close() "
                "that one first (a notebook keeps it open when its cell is run again), or give "
                "this one another folder"
            )
        return (
            f"another live recorder writes to this run ({note or 'unknown'}); "
            "end it, or give this one another folder"
        )

    def _note(self) -> str:
        return json.dumps({"pid": self.pid, "host": socket.gethostname()})

    def _lock(self) -> None:
        """Take the lock.

        Tries for a fifth of a second: `is_being_written` holds it for a moment.
        """
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def release(self) -> None:
        """Give the lock up; harmless when repeated."""
        if self._fd >= 0 and fcntl is not None and self.pid == os.getpid():
            with contextlib.suppress(OSError):
                fcntl.flock(self._fd, fcntl.LOCK_UN)
        self._close()

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied: the copy would close the file of this one, or another's."""
        raise TypeError(f"{self.path}: a lock of a run cannot be copied or pickled")

    def __del__(self) -> None:
        """Free the run when the recorder is garbage."""
        self._close()

    def _close(self) -> None:
        # Forgotten first: an interrupt right behind `os.close` does not have it closed twice.
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def is_being_written(run: Path) -> bool:
    """Return whether a live writer of this or another process holds a lock of the run.

    False where the system cannot lock.
    """
    if fcntl is None:
        return False
    for path in run.glob("writer-r*.lock"):
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_RDONLY | NO_LINK)
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(fd)
    return False


def _forget_in_child() -> None:
    """A forked child (a DataLoader worker) must not keep its parent's lock alive."""
    for lock in list(_held):
        lock._close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
