"""Open HDF5 files as if an enemy had written them.

Hard links only, own storage only, nothing larger than the file can hold.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from infoplane.archive.checksum import crc32
from infoplane.archive.layout import ARRAY_DTYPES, MAX_JSON, raw_bytes
from infoplane.archive.publish import ask_for_room
from infoplane.errors import ArchiveError, DamagedArchive, MissingExtra, NotAnArchive
from infoplane.open_flags import BINARY, NO_LINK, NO_WAIT

MAX_RATIO = {h5py.h5z.FILTER_DEFLATE: 1100, 32015: 40_000}
"""Largest honest expansion of each allowed compressor (deflate cannot exceed 1032); a larger claim
is a bomb.
"""
MAX_CHUNK = 256 << 20
_READ_BYTES = 1 << 19  # read so much, then check it while it is in cache
_PLAIN_FILTERS = {h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class Window:
    """A read-only file for h5py and for direct reads.

    HDF5 gets a budget of reads, so a cycle in a damaged file ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = open_regular(path)
        self.size = os.fstat(self.fd).st_size
        self.at = 0
        self.reads_left = 50_000 + self.size // 1024
        self._bytes_left = (64 << 20) + 4 * self.size

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = (0, self.at, self.size)[whence] + offset
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, size: int = -1) -> bytes:
        got = os.pread(self.fd, self.size if size < 0 else size, self.at)
        self.at += len(got)
        return got

    def readinto(self, buffer: Any) -> int:  # Any: h5py passes a writable buffer
        self.reads_left -= 1
        self._bytes_left -= len(buffer)
        if self.reads_left < 0 or self._bytes_left < 0:
            raise OSError("read budget exceeded: the structure of the file is cyclic or absurd")
        got = os.preadv(self.fd, [buffer], self.at)
        self.at += got
        return got

    def write(self, buffer: Any) -> int:  # Any: never called for a file opened for reading
        raise OSError("opened for reading")

    def truncate(self, size: int | None = None) -> int:
        raise OSError("opened for reading")

    def flush(self) -> None:
        """Nothing to flush."""

    def close(self) -> None:
        """Close the file descriptor."""
        os.close(self.fd)


def open_regular(path: Path) -> int:
    """A read-only file descriptor of a regular file.

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


def refuse_link(path: Path) -> None:
    """Refuse a symbolic link (to a folder) inside a run.

    What it points to is no part of the run.

    Raises:
        DamagedArchive: it is one.
    """
    if path.is_symlink():
        raise DamagedArchive(f"{path}: is a symbolic link; links inside a run are not followed")


def read_text(path: Path) -> bytes:
    """The bytes of a small regular file.

    Raises:
        NotAnArchive: no such regular file.
        DamagedArchive: larger than any honest header.
    """
    fd = open_regular(path)
    try:
        size = os.fstat(fd).st_size
        if size > MAX_JSON:
            raise DamagedArchive(
                f"{path}: {size} bytes of JSON, more than the {MAX_JSON} that a header may have"
            )
        with os.fdopen(os.dup(fd), "rb") as file:
            return file.read(MAX_JSON)
    finally:
        os.close(fd)


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


def read_header(path: Path, name: str) -> bytes:
    """Return the JSON text of one file, see `read_meta`."""
    with reading_h5(path) as (file, window):
        return read_meta(file, name, window, str(path))


def _opened(window: Window) -> Any:  # Any: h5py's id of a file
    if window.read(8) != _SIGNATURE:
        raise NotAnArchive(
            f"{window.path}: not an HDF5 file (its first bytes are not the HDF5 signature)"
        )
    window.at = 0
    ask_for_room()
    with naming(str(window.path)):
        access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
        access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
        access.set_fileobj_driver(h5py.h5fd.fileobj_driver, window)
        return h5py.h5f.open(repr(window).encode(), h5py.h5f.ACC_RDONLY, access)


def node(group: h5py.Group, path: str, where: str) -> Any:  # Any: group or dataset
    """The group or dataset at ``path``, walked one hard link at a time.

    Soft and external links are refused.

    Raises:
        DamagedArchive: missing, or a link that is not hard.
    """
    here: Any = group  # Any: group or dataset
    with naming(f"{where}: key '{path}'"):
        for part in path.split("/"):
            key = part.encode()
            if not isinstance(here, h5py.Group) or key not in here.id:
                raise DamagedArchive(f"{where}: key '{path}' is missing")
            _refuse_soft(here.id, key, f"{where}: key '{path}'")
            here = here[part]
    return here


def _refuse_soft(group: Any, key: bytes, at: str) -> None:  # Any: h5py's id of a group or file
    if group.links.get_info(key).type != h5py.h5l.TYPE_HARD:
        raise DamagedArchive(f"{at} passes through a link; links are not followed")


def has(group: h5py.Group, name: str, where: str) -> bool:
    """Whether a group has an entry of this name, without opening it.

    `node` refuses one that is a link.
    """
    with naming(f"{where}: key '{name}'"):
        return name.encode() in group.id


def _own_storage(
    d: Any, window: Window, nbytes: int, where: str
) -> None:  # Any: h5py's id of a dataset
    """Refuse virtual and external storage, unknown filters.

    And claims that the stored bytes cannot honour.
    """
    plist = d.get_create_plist()
    kind = plist.get_layout()
    if kind == h5py.h5d.VIRTUAL or plist.get_external_count():
        raise DamagedArchive(
            f"{where}: stored in another file (virtual or external); such data is not followed"
        )
    stored = d.get_storage_size()
    ratio = 1
    if kind == h5py.h5d.CHUNKED:
        ratio = _expansion(d, plist, where)
    if stored > window.size:
        raise DamagedArchive(
            f"{where}: claims {stored} stored bytes in a file of {window.size}; truncated or forged"
        )
    if nbytes > stored * ratio or (kind != h5py.h5d.CHUNKED and nbytes != stored):
        raise DamagedArchive(
            f"{where}: claims {nbytes} bytes but stores {stored}; truncated or forged"
        )
    if (
        kind == h5py.h5d.CONTIGUOUS
        and nbytes
        and (d.get_offset() is None or d.get_offset() + nbytes > window.size)
    ):
        raise DamagedArchive(
            f"{where}: its data lies beyond the end of the file; truncated or forged"
        )


def _expansion(d: Any, plist: Any, where: str) -> int:  # Any: h5py objects
    filters = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
    packers = [f for f in filters if f not in _PLAIN_FILTERS]
    if len(packers) > 1 or len(filters) > 3 or any(f not in MAX_RATIO for f in packers):
        raise DamagedArchive(
            f"{where}: uses HDF5 filters {filters}; allowed are shuffle, fletcher32 and one of "
            "deflate, zstd"
        )
    if 32015 in packers and not h5py.h5z.filter_avail(32015):
        raise MissingExtra("hdf5plugin", "zstd")
    if math.prod(map(int, plist.get_chunk())) * d.get_type().get_size() > MAX_CHUNK:
        raise DamagedArchive(
            f"{where}: claims chunks of shape {plist.get_chunk()}; a chunk may have {MAX_CHUNK} "
            "bytes"
        )
    return MAX_RATIO[packers[0]] if packers else 1


def checked_array(
    group: h5py.Group, path: str, window: Window, shape: tuple[int, ...], dtype: str, where: str
) -> Any:  # Any: h5py dataset
    """Return the dataset at ``path``, checked.

    It is an array of this shape and dtype with storage of its own.

    Raises:
        DamagedArchive: anything else.
    """
    d = node(group, path, where)
    at = f"{where}: key '{path}'"
    with naming(at):
        if not isinstance(d, h5py.Dataset) or d.dtype.str not in ARRAY_DTYPES:
            raise DamagedArchive(f"{at}: expected an array of real numbers")
        if d.shape != shape or d.dtype.str != dtype:
            raise DamagedArchive(
                f"{at}: expected shape {shape} {dtype}, got {d.shape} {d.dtype.str}"
            )
        _own_storage(d.id, window, math.prod(shape) * d.dtype.itemsize, at)
    return d


def _fill(view: memoryview, fd: int, offset: int) -> Iterator[memoryview]:
    """Fill ``view`` from the file, yielding what has arrived while it is in cache.

    Ends early where the file does.
    """
    done = 0
    while done < len(view) and (
        got := os.preadv(fd, [view[done : done + _READ_BYTES]], offset + done)
    ):
        yield view[done : done + got]
        done += got


def read_placed(
    path: Path, offset: object, shape: tuple[int, ...], dtype: str, crc: object
) -> NDArray[Any] | None:  # Any: stored dtype
    """An array from where a shard's table says its bytes are, without opening HDF5.

    None unless they are there and have this CRC-32.
    """
    nbytes = math.prod(shape) * np.dtype(dtype).itemsize
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0 or not nbytes:
        return None
    fd = open_regular(path)
    try:
        if offset + nbytes > os.fstat(fd).st_size:  # checked before anything is allocated
            return None
        out: NDArray[Any] = np.empty(shape, dtype)  # Any: stored dtype
        found = 0
        for piece in _fill(raw_bytes(out), fd, offset):
            found = crc32(piece, found)
        return out if found == crc else None
    finally:
        os.close(fd)


def read_rows(
    d: Any, window: Window, start: int, stop: int, where: str, crc: int = 0
) -> tuple[NDArray[Any], int]:  # Any: h5py dataset, stored dtype
    """Rows ``start:stop`` of a checked dataset, and the CRC-32 of all rows so far.

    Contiguous data is read outside HDF5's global lock.
    """
    with naming(where):
        out = np.empty((stop - start, *d.shape[1:]), d.dtype)
        if not out.size:
            return out, crc
        view = raw_bytes(out)
        if d.id.get_create_plist().get_layout() != h5py.h5d.CONTIGUOUS:
            d.read_direct(out, np.s_[start:stop])
            return out, crc32(view, crc)
        offset, done = d.id.get_offset() + start * (out.nbytes // (stop - start)), 0
        for piece in _fill(view, window.fd, offset):
            crc, done = crc32(piece, crc), done + len(piece)
        if done < out.nbytes:
            raise DamagedArchive(f"{where}: the file ended early; it was truncated")
        return out, crc


def read_array(
    group: h5py.Group,
    path: str,
    window: Window,
    shape: tuple[int, ...],
    dtype: str,
    crc: object,
    where: str,
) -> NDArray[Any]:  # Any: stored dtype
    """A whole array with one leading row axis, checked against its CRC-32.

    Raises:
        DamagedArchive: wrong structure or checksum.
    """
    d = checked_array(group, path, window, shape, dtype, where)
    a, found = read_rows(d, window, 0, shape[0], f"{where}: key '{path}'")
    if found != crc:
        raise DamagedArchive(
            f"{where}: key '{path}': checksum mismatch; the data was damaged after it was written"
        )
    return a


def read_meta(group: h5py.Group, name: str, window: Window, where: str) -> bytes:
    """The JSON text in a scalar fixed-length string dataset.

    Raises:
        NotAnArchive: no such key: an HDF5 file of another program.
        DamagedArchive: not a fixed-length string with storage of its own.
    """
    key, at = name.encode(), f"{where}: key '{name}'"
    with naming(at):
        if key not in group.id:
            raise NotAnArchive(f"{at} is missing: not a file of infoplane")
        _refuse_soft(group.id, key, at)
        d = h5py.h5o.open(group.id, key)
        kind = d.get_type() if isinstance(d, h5py.h5d.DatasetID) else None
        scalar = kind is not None and d.get_space().get_simple_extent_type() == h5py.h5s.SCALAR
        if not isinstance(kind, h5py.h5t.TypeStringID) or kind.is_variable_str() or not scalar:
            raise DamagedArchive(f"{at}: expected a scalar fixed-length string")
        size = kind.get_size()
        if size > MAX_JSON:
            raise DamagedArchive(
                f"{at}: claims {size} bytes of JSON, more than the {MAX_JSON} that a header may "
                "have"
            )
        _own_storage(d, window, size, at)
        text = np.empty((), f"S{size}")
        d.read(h5py.h5s.ALL, h5py.h5s.ALL, text, kind)
        return bytes(text[()])
