"""The array of one layer while its rows arrive in order."""

from __future__ import annotations

import threading
from collections import deque
from functools import partial

import h5py
import numpy as np

from infoplane.archive import layout
from infoplane.archive.checksum import crc32
from infoplane.archive.publish import Sink, put_attrs, reserve
from infoplane.archive.uninterrupted_thread import QuietThread
from infoplane.cores import at_hand, cores, taken
from infoplane.errors import InputError
from infoplane.rows import DIGESTED, digested
from infoplane.types import LayerInfo
from infoplane.types.arrays import Array, Digests, Json

LARGE_BYTES = 1 << 20
"""Bytes from which on rows are worth a second thread."""
CACHED_BYTES = 1 << 19
"""Bytes of a piece: large enough that taking one costs little, small enough to stay in cache where
it is looked at twice.
"""


def count_nonfinite(array: Array) -> int:
    """Count NaN and infinities."""
    if array.dtype.kind != "f":
        return 0
    return int(array.size - np.count_nonzero(np.isfinite(array)))


def has_spare_core() -> bool:
    """Return whether a second thread may help: training waits for this one, and a core is free."""
    try:
        return threading.current_thread() is threading.main_thread() and min(cores(), at_hand()) > 1
    # a wrong setting is reported where something is measured; here it must not cost a capture
    except InputError:
        return False


def look_at_pieces(rows: Array, digests: Digests | None, size: int, pieces: deque[int]) -> int:
    """Count the values of some pieces that are not finite, and digest their rows.

    Args:
        rows: shape ``(b, *features)``.
        digests: shape ``(b, 2)``, filled; None where they are known.
        size: rows of a piece.
        pieces: first rows of the pieces that no thread has taken yet.
    """
    nonfinite = 0
    for start in taken(pieces):
        part, finite = rows[start : start + size], False
        if digests is not None:
            digests[start : start + size], finite = digested(part)
        nonfinite += 0 if finite else count_nonfinite(part)
    return nonfinite


class LayerArray:
    """One array of a shard, and the digests of its rows.

    HDF5 reserves their places; they are written there without it.

    Args:
        sink: of ``file``.
        file: the shard.
        info: the layer.
        rows: how many will arrive.
        dtype: of all of them.
        torch_dtype: in which the layer computed.
        thread: calls HDF5, and checks many rows while they are written.
    """

    def __init__(
        self,
        sink: Sink,
        file: h5py.File,
        info: LayerInfo,
        rows: int,
        dtype: str,
        torch_dtype: str,
        thread: QuietThread,
    ) -> None:
        self.sink, self.file, self.thread = sink, file, thread
        self.info, self.rows, self.dtype, self.torch_dtype = info, rows, dtype, torch_dtype
        thread.call(self._reserve)
        self.at = self.crc = self.rows_crc = self.nonfinite = 0

    def _reserve(self) -> None:
        info, shape = self.info, (self.rows, *self.info.shape)
        self.dataset = reserve(self.file, layout.layer_path(info), shape, self.dtype)
        self.place = self.dataset.id.get_offset()  # None of an empty array
        digests = reserve(self.file, layout.rows_path(info), (self.rows, 2), "<u8")
        self.digests_place = digests.id.get_offset()

    def append(self, rows: Array, digests: Digests | None) -> None:
        """Write the next rows.

        Args:
            rows: shape ``(b, *features)``; not used after this returns.
            digests: shape ``(b, 2)``, of the raw rows; None where they are those of ``rows``.

        Raises:
            InputError: more rows than there are, or another dtype than before.
        """
        stop = self.at + len(rows)
        if stop > self.rows or rows.dtype.str != self.dtype:
            raise InputError(
                f"layer {self.info.name!r}: rows {self.at}:{stop} of {rows.dtype} do not go into "
                f"{self.rows} rows of {np.dtype(self.dtype)}"
            )
        raw, row_bytes = layout.raw_bytes(rows), rows[:1].nbytes
        found = np.empty((len(rows), 2), np.uint64) if digests is None else digests
        size = max(1, CACHED_BYTES // DIGESTED // max(1, row_bytes)) * DIGESTED
        pieces = deque(range(0, len(rows), size))  # two threads take from these
        unknown = found if digests is None else None
        look = partial(look_at_pieces, rows, unknown, size, pieces)
        checksum = partial(crc32, raw, self.crc)
        helper = None
        if rows.nbytes >= LARGE_BYTES and has_spare_core():
            helper = self.thread.begin(lambda: (checksum(), look()))
        try:
            self._put(raw, self.place, self.at * row_bytes)
            self.nonfinite += look()
        finally:  # also after an error: the helper must not use the rows any more
            self.crc, more = (checksum(), 0) if helper is None else helper.get()
        self.nonfinite += more
        raw = layout.raw_bytes(found)
        self._put(raw, self.digests_place, self.at * 16)
        self.rows_crc = crc32(raw, self.rows_crc)
        self.at = stop

    def _put(self, raw: memoryview, place: int | None, start: int) -> None:
        if place is not None:
            self.sink.put(raw, place + start)

    def finish(self) -> Json:
        """Label the array; return its line of the shard's table."""
        info = self.info
        if self.at != self.rows:
            raise InputError(
                f"layer {info.name!r}: expected {self.rows} rows in this step, got {self.at}"
            )
        row: Json = {
            "name": info.name,
            "ordinal": info.ordinal,
            "shape": list(info.shape),
            "dtype": self.dtype,
            "crc32": self.crc,
            "rows_crc32": self.rows_crc,
            "torch_dtype": self.torch_dtype,
            "n_nonfinite": self.nonfinite,
        }
        places = {"offset": self.place, "rows_offset": self.digests_place}
        row |= {key: place for key, place in places.items() if place is not None}
        put_label(self.dataset, info, row)
        return row


def put_label(dataset: h5py.Dataset, info: LayerInfo, row: Json) -> None:
    """Write on an array what it is, for other tools.

    Args:
        dataset: the array.
        info: the layer.
        row: its line of the shard's table.
    """
    attrs = {"crc32": np.uint32(row["crc32"]), "torch_dtype": row["torch_dtype"]}
    put_attrs(dataset, attrs | {"reduction": info.reduction, "name": info.name})
