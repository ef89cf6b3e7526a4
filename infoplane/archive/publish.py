"""Publish files so that visible means complete: write, sync, rename, sync the directory."""

from __future__ import annotations

import contextlib
import mmap
import os
import uuid
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from infoplane.archive.layout import META, TMP_PREFIX, crc32
from infoplane.errors import ArchiveError, ArchiveExists
from infoplane.types.arrays import Array, Json, Shape

LIBVER = ("v108", "v108")
"""HDF5 1.8 structures: readable by every tool since 2008, and every block of metadata carries its
own checksum.
"""

_PIECE = 1 << 19
"""Bytes of one write. For a larger one Linux looks for contiguous memory, which may take ten times
as long as the write.
"""
_LARGE = 1 << 18
"""Bytes from which on the disk is told to begin with a write at once."""
_HDF5_BYTES = 4 << 20
"""More than the HDF5 library needs for its own bookkeeping of one file."""


def ask_for_room() -> None:
    """Raise where HDF5 would find no memory: it ends the whole process then (H5Fcreate, 2.0).

    Raises:
        MemoryError: less is left than it needs.
    """
    try:
        mmap.mmap(-1, _HDF5_BYTES).close()  # malloc would keep freed blocks of this size
    except OSError as error:
        raise MemoryError(f"no {_HDF5_BYTES >> 20} MiB left for HDF5: {error}") from error


class RawFile:
    """What h5py asks of a file that it reads.

    Args:
        fd: the file's descriptor.
    """

    def __init__(self, fd: int) -> None:
        self.fd, self.at = fd, 0

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return os.fstat(self.fd).st_size

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self.at, self.size if whence == 2 else 0)[whence]
        self.at = base + offset
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, size: int) -> bytes:
        got = os.pread(self.fd, size, self.at)
        self.at += len(got)
        return got

    def readinto(self, buffer: Any) -> int:  # Any: h5py passes a writable buffer
        got = os.preadv(self.fd, [buffer], self.at)
        self.at += got
        return got

    def flush(self) -> None:
        """Nothing to do: nothing is buffered; `publishing` syncs once at the end."""


class Sink(RawFile):
    """A file for h5py whose first write error is raised at the end.

    An exception inside an HDF5 write callback leaves a file object that can neither be closed nor
    forgotten. So the first error is stored, later writes do nothing, HDF5 closes in peace, and
    `publishing` raises the stored error.

    Args:
        durable: the file will be synced: the disk is to begin with large writes at once, and not
            when everything is written.
    """

    def __init__(self, fd: int, *, durable: bool = False) -> None:
        super().__init__(fd)
        self.durable = durable
        self.error: BaseException | None = None

    def write(self, buffer: Any) -> int:  # Any: bytes or a buffer
        view = memoryview(buffer).cast("B")
        self.put(view, self.at)
        self.at += len(view)
        return len(view)

    def put(self, view: memoryview, offset: int) -> None:
        """Write bytes at a place of the file."""
        if self.error is None:
            try:
                done = 0
                while done < len(view) and self.error is None:  # also set by another thread
                    done += os.pwrite(self.fd, view[done : done + _PIECE], offset + done)
                # Linux writes at once what it need not cache
                if self.durable and len(view) >= _LARGE and hasattr(os, "posix_fadvise"):
                    with contextlib.suppress(OSError):
                        os.posix_fadvise(self.fd, offset, len(view), os.POSIX_FADV_DONTNEED)
            # raised by `publishing`: an exception inside the callback would block HDF5
            except BaseException as error:
                self.error = error

    def truncate(self, size: int) -> int:
        if self.error is None:
            try:
                os.ftruncate(self.fd, size)
            except BaseException as error:  # as in put
                self.error = error
        return size


@contextlib.contextmanager
def publishing(
    target: Path, *, durable: bool = True, replace: bool = False, tag: str = ""
) -> Iterator[Sink]:
    """Yield a `Sink` for a temporary file that becomes ``target`` on a clean exit.

    Args:
        target: the final path.
        durable: sync file and directory, so that a published file survives a power cut; without it
            only a killed process.
        replace: allow an existing target.
        tag: part of the temporary's name; a writer sweeps the leftovers that bear its own tag.

    Raises:
        ArchiveExists: the target exists and ``replace`` is False.
        ArchiveError: the operating system refused a write; the message says that nothing was
            published.
    """
    if not replace and os.path.lexists(target):
        raise ArchiveExists(f"{target} exists; choose another path or pass overwrite=True")
    tmp = target.with_name(f"{TMP_PREFIX}{tag}{os.getpid()}-{uuid.uuid4().hex[:12]}")
    fd = -1
    sink: Sink | None = None
    try:
        fd = os.open(tmp, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        sink = Sink(fd, durable=durable)
        yield sink
        if sink.error is not None:
            raise sink.error
        if durable:
            os.fsync(fd)
        written, fd = fd, -1  # so that an interrupt right behind it does not have it closed twice
        os.close(written)
        os.replace(tmp, target)
    except BaseException as error:
        if sink is not None:  # late writes of HDF5 must not reach another file of this number
            sink.error = sink.error or error
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)
        with contextlib.suppress(OSError):
            os.unlink(tmp)
        if isinstance(error, OSError) and not isinstance(error, ArchiveError):
            raise ArchiveError(
                f"could not write {target}: {error}; nothing was published, files published before "
                "are intact"
            ) from error
        raise
    if durable:
        sync_dir(target.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        ArchiveError: the operating system refused.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveError(f"{folder}: cannot create the folder: {error}") from error


def sync_dir(folder: Path) -> None:
    """Make renames inside a folder durable, where the platform can (not on Windows)."""
    with contextlib.suppress(OSError):  # not every filesystem can; the rename itself has happened
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


@contextlib.contextmanager
def publishing_h5(
    target: Path, *, durable: bool = True, replace: bool = False
) -> Iterator[h5py.File]:
    """Yield an open HDF5 file that becomes ``target``, see `publishing`.

    Args:
        target: the file.
        durable: sync it.
        replace: take the place of a file that is there.
    """
    with publishing(target, durable=durable, replace=replace) as sink:
        with SinkFile(sink) as file:
            yield file


class SinkFile:
    """A new HDF5 file in a sink; what the sink could not write is what an error of HDF5 says.

    Args:
        sink: takes the bytes.
        call: runs every call of HDF5; a `QuietThread.call` keeps interrupts out of them.
    """

    def __init__(
        self,
        sink: Sink,
        call: Callable[[Callable[[], None]], None] = lambda work: work(),
    ) -> None:
        self._sink, self._call = sink, call
        self._file: h5py.File | None = None

    def __enter__(self) -> h5py.File:
        try:
            self._call(self._open)
        except BaseException as error:
            self._give_up(error)
            raise
        return self._file

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        cause = self._sink.error  # of HDF5's own complaint, where a write failed before
        if error is not None:
            self._give_up(error)
            if cause is not None and isinstance(error, (OSError, RuntimeError, SystemError)):
                raise cause from error
            return
        try:
            self._call(self._close)
        except (OSError, RuntimeError, SystemError) as failed:
            raise self._sink.error or failed from failed

    def _open(self) -> None:
        ask_for_room()
        self._file = h5py.File(self._sink, "w", libver=LIBVER)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _give_up(self, error: BaseException) -> None:
        """Stop writing, which would only fill the disk further, and close."""
        self._sink.error = self._sink.error or error
        self._call(self._close_quietly)

    def _close_quietly(self) -> None:
        with contextlib.suppress(Exception):
            self._close()


def reserve(file: h5py.File, path: str, shape: Shape, dtype: str) -> h5py.Dataset:
    """Make a dataset whose place in the file is known at once, for `Sink.put` to fill.

    Args:
        file: a new file.
        path: of the dataset.
        shape, dtype: of its content.
    """
    links, creation = _at_once()
    name, space = path.encode("utf-8"), h5py.h5s.create_simple(shape)
    return h5py.Dataset(h5py.h5d.create(file.id, name, _number(dtype), space, creation, lcpl=links))


@cache
def _at_once() -> tuple[Any, Any]:  # Any: h5py's property lists
    """How to create a dataset, and the groups above it, whose content HDF5 does not write."""
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    links.set_create_intermediate_group(True)
    links.set_char_encoding(h5py.h5t.CSET_UTF8)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    creation.set_obj_track_times(False)
    return links, creation


def publish_text(target: Path, text: str, *, durable: bool = True, replace: bool = False) -> None:
    """Publish a small UTF-8 file.

    Args:
        target: the file.
        text: its content.
        durable: sync it.
        replace: take the place of a file that is there.
    """
    with publishing(target, durable=durable, replace=replace) as sink:
        sink.write(text.encode("utf-8"))


def put_meta(group: h5py.Group, text: str) -> None:
    """Write the JSON text of a header as a scalar UTF-8 dataset of fixed length."""
    raw = text.encode("utf-8") or b"\0"
    kind = _text(len(raw))
    links, creation = _at_once()
    key = META.encode()
    dataset = h5py.h5d.create(group.id, key, kind, _scalar(), creation, lcpl=links)
    dataset.write(_scalar(), _scalar(), np.asarray(raw), mtype=kind)


def put_array(group: h5py.Group, key: str, array: Array) -> Json:
    """Write a storable array; return its entry in a header, for `array_entry` to read.

    Args:
        group: takes it.
        key: of the dataset.
        array: as `layout.storable` made it.
    """
    group.create_dataset(key, data=array)
    return {"shape": list(array.shape), "dtype": array.dtype.str, "crc32": crc32(array)}


def put_attrs(node: Any, attrs: dict[str, object]) -> None:  # Any: file, group or dataset
    """Write small attributes: strings at fixed length, numbers as they are.

    Our reader does not need them; other tools do.
    """
    for key, value in attrs.items():  # by HDF5 itself: `attrs.create` takes several times as long
        if isinstance(value, str):
            data = np.asarray(value[:4096].encode("utf-8") or b"\0")
            kind = _text(data.itemsize)
        else:
            data = np.asarray(value)
            kind = _number(data.dtype.str)
        h5py.h5a.create(node.id, key.encode("utf-8"), kind, _scalar()).write(data, mtype=kind)


@cache
def _scalar() -> Any:  # Any: h5py's ids, here and below
    return h5py.h5s.create(h5py.h5s.SCALAR)


@lru_cache(maxsize=64)
def _number(dtype: str) -> Any:
    return h5py.h5t.py_create(np.dtype(dtype), logical=True)


@lru_cache(maxsize=64)
def _text(size: int) -> Any:
    """Of so many bytes of UTF-8, which a numpy dtype does not say."""
    return h5py.h5t.py_create(h5py.string_dtype("utf-8", size), logical=True)
