"""Open files as if an enemy had written them: regular files only, with a budget of reads."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from infoplane.archive import layout
from infoplane.archive.publish import RawFile, ask_for_room
from infoplane.errors import ArchiveError, DamagedArchive, MissingExtra, NotAnArchive
from infoplane.open_flags import BINARY, NO_LINK, NO_WAIT

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class Window(RawFile):
    """A read-only file for h5py and for direct reads.

    HDF5 gets a budget of reads, so a cycle in a damaged file ends.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(open_regular(path))
        self.path = path
        self.reads_left = 50_000 + self.size // 1024
        self._bytes_left = (64 << 20) + 4 * self.size

    def readinto(self, buffer: Any) -> int:  # Any: h5py passes a writable buffer
        self.reads_left -= 1
        self._bytes_left -= len(buffer)
        if self.reads_left < 0 or self._bytes_left < 0:
            raise OSError("read budget exceeded: the structure of the file is cyclic or absurd")
        return super().readinto(buffer)

    def close(self) -> None:
        """Close the file descriptor."""
        os.close(self.fd)


def open_regular(path: Path) -> int:
    """Return a read-only file descriptor of a regular file.

    Links, pipes and devices are refused, not followed or waited for.

    Raises:
        NotAnArchive: no such file, or not a regular file.
    """
    try:
        fd = os.open(path, os.O_RDONLY | NO_LINK | NO_WAIT | BINARY)
    except OSError as error:
        reason = (
            "is a symbolic link; links inside a run are not followed"
            if os.path.islink(path)
            else str(error)
        )
        raise NotAnArchive(f"{path}: cannot be opened: {reason}") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotAnArchive(f"{path}: expected a regular file")
    return fd


def read_text(path: Path) -> bytes:
    """Return the bytes of a small regular file.

    Raises:
        NotAnArchive: no such regular file.
        DamagedArchive: larger than any honest header.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > layout.MAX_JSON:
            raise DamagedArchive(
                f"{path}: {size} bytes of JSON, more than the {layout.MAX_JSON} that a header may "
                "have"
            )
        return file.read(layout.MAX_JSON)


@contextlib.contextmanager
def reading_h5(path: Path) -> Iterator[tuple[h5py.File, Window]]:
    """Open an HDF5 file for guarded reading.

    Raises:
        NotAnArchive: no regular file, or no HDF5 signature.
        DamagedArchive: HDF5 cannot make sense of it.
    """
    window = Window(path)
    try:
        file = h5py.File(_opened(window))
        try:
            yield file, window
        finally:
            with naming(str(path)):
                file.close()
    finally:
        window.close()


def _opened(window: Window) -> Any:  # Any: h5py's id of a file
    if os.pread(window.fd, 8, 0) != _SIGNATURE:
        raise NotAnArchive(
            f"{window.path}: not an HDF5 file (its first bytes are not the HDF5 signature)"
        )
    ask_for_room()
    with naming(str(window.path)):
        access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
        access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
        access.set_fileobj_driver(h5py.h5fd.fileobj_driver, window)
        return h5py.h5f.open(repr(window).encode(), h5py.h5f.ACC_RDONLY, access)


def refuse_link(path: Path) -> None:
    """Refuse a symbolic link (to a folder) inside a run.

    What it points to is no part of the run.

    Raises:
        DamagedArchive: it is one.
    """
    if path.is_symlink():
        raise DamagedArchive(f"{path}: is a symbolic link; links inside a run are not followed")


@contextlib.contextmanager
def naming(where: str) -> Iterator[None]:
    """Turn what HDF5 throws at damaged structures into `DamagedArchive`.

    It names file and key.
    """
    try:
        yield
    except (ArchiveError, MissingExtra):
        raise
    except (
        OSError,
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        SystemError,
        OverflowError,
        AttributeError,
        NotImplementedError,
    ) as error:
        raise DamagedArchive(
            f"{where}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error
