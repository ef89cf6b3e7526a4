"""Read arrays and headers of guarded files, checked against size and checksum."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from infoplane.archive import layout
from infoplane.archive.checksum import crc32
from infoplane.archive.guard import checked_array, refuse_soft_link, require_own_storage
from infoplane.archive.guarded_file import Window, naming, open_regular
from infoplane.archive.layout import raw_bytes
from infoplane.errors import DamagedArchive, NotAnArchive
from infoplane.types.arrays import Array, Shape

_READ_BYTES = 1 << 19  # read so much, then check it while it is in cache


def _fill(view: memoryview, fd: int, offset: int) -> Iterator[memoryview]:
    """Fill ``view`` from the file, yielding what has arrived while it is in cache.

    Ends early where the file does.
    """
    done = 0
    while done < len(view):
        count = os.preadv(fd, [view[done : done + _READ_BYTES]], offset + done)
        if not count:
            return
        yield view[done : done + count]
        done += count


def read_placed(path: Path, offset: object, shape: Shape, dtype: str, crc: object) -> Array | None:
    """Return an array from where a shard's table says its bytes are, without HDF5.

    None unless they are there and have this CRC-32.

    Args:
        path: of the file.
        offset: of the first byte, as the table claims.
        shape, dtype: of the array.
        crc: CRC-32 of its bytes.
    """
    nbytes = math.prod(shape) * np.dtype(dtype).itemsize
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0 or not nbytes:
        return None
    fd = open_regular(path)
    try:
        if offset + nbytes > os.fstat(fd).st_size:  # checked before anything is allocated
            return None
        out: Array = np.empty(shape, dtype)
        found = 0
        for piece in _fill(raw_bytes(out), fd, offset):
            found = crc32(piece, found)
        return out if found == crc else None
    finally:
        os.close(fd)


def read_rows(
    d: Any, window: Window, start: int, stop: int, where: str, crc: int = 0
) -> tuple[Array, int]:  # Any: h5py dataset, stored dtype
    """Return rows ``start:stop`` of a checked dataset, and the CRC-32 of all rows so far.

    Contiguous data is read outside HDF5's global lock.

    Args:
        d: the dataset, shape ``(rows, ...)``.
        window: the guarded file.
        start, stop: which rows.
        where: file and key, for messages.
        crc: of the rows before.
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
    shape: Shape,
    dtype: str,
    crc: object,
    where: str,
) -> Array:
    """Return a whole array with one leading row axis, checked against its CRC-32.

    Args:
        group, path: where it lies.
        window: the guarded file.
        shape, dtype, crc: as the header states them.
        where: the file, for messages.

    Raises:
        DamagedArchive: wrong structure or checksum.
    """
    dataset = checked_array(group, path, window, shape, dtype, where)
    array, found = read_rows(dataset, window, 0, shape[0], f"{where}: key '{path}'")
    if found != crc:
        raise DamagedArchive(
            f"{where}: key '{path}': checksum mismatch; the data was damaged after it was written"
        )
    return array


def read_meta(group: h5py.Group, window: Window, where: str) -> bytes:
    """Return the JSON text of a header, a scalar fixed-length string dataset.

    Args:
        group: an open group.
        window: the guarded file.
        where: the file, for messages.

    Raises:
        NotAnArchive: no such key: an HDF5 file of another program.
        DamagedArchive: not a fixed-length string with storage of its own.
    """
    key, at = layout.META.encode(), f"{where}: key '{layout.META}'"
    with naming(at):
        if key not in group.id:
            raise NotAnArchive(f"{at} is missing: not a file of infoplane")
        refuse_soft_link(group.id, key, at)
        dataset = h5py.h5o.open(group.id, key)
        kind = dataset.get_type() if isinstance(dataset, h5py.h5d.DatasetID) else None
        fixed = isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str()
        scalar = fixed and dataset.get_space().get_simple_extent_type() == h5py.h5s.SCALAR
        if kind is None or not scalar:
            raise DamagedArchive(f"{at}: expected a scalar fixed-length string")
        size = kind.get_size()
        if size > layout.MAX_JSON:
            raise DamagedArchive(
                f"{at}: claims {size} bytes of JSON, more than the {layout.MAX_JSON} that a header "
                "may have"
            )
        require_own_storage(dataset, window, size, at)
        text = np.empty((), f"S{size}")
        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, text, kind)
        return bytes(text[()])
