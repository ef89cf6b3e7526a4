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
from infoplane.archive.quiet_thread import QuietThread
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


def count_nonfinite(a: Array) -> int:
    """Count NaN and infinities."""
    return int(a.size - np.count_nonzero(np.isfinite(a))) if a.dtype.kind == "f" else 0


def has_spare_core() -> bool:
    """Whether work may go on beside this thread.

    It is the main one, so that the training waits, and neither setting nor system says one core.
    """
    try:
        return threading.current_thread() is threading.main_thread() and min(cores(), at_hand()) > 1
    # a setting that is no number is told of where something is measured; here it costs no capture
    except InputError:
        return False


def look_at_pieces(a: Array, found: Digests | None, size: int, pieces: deque[int]) -> int:
    """Count the values of some pieces that are not finite.

    Args:
        a: shape ``(b, *features)``.
        found: shape ``(b, 2)``: takes the digests of their rows; None where they are known.
        size: rows of a piece.
        pieces: first rows of those that no thread has taken yet.
    """
    nonfinite = 0
    for start in taken(pieces):
        part, finite = a[start : start + size], False
        if found is not None:
            found[start : start + size], finite = digested(part)
        nonfinite += 0 if finite else count_nonfinite(part)
    return nonfinite


class LayerArray:
    """One array of a shard, and the digests of its rows.

    HDF5 says where they belong; they are written there without it, as they are read.

    Args:
        sink: of ``file``.
        file: the shard.
        info: the layer.
        rows: how many will arrive.
        dtype: of all of them.
        torch_dtype: in which the layer computed.
        thread: calls HDF5, and looks at many rows while they are written.
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

    def append(self, a: Array, digests: Digests | None) -> None:
        """Write the next rows.

        Args:
            a: shape ``(b, *features)``; the caller's own again when this returns.
            digests: shape ``(b, 2)``, of the raw rows; None where they are those of ``a``.

        Raises:
            InputError: more rows than there are, or another dtype than before.
        """
        stop = self.at + len(a)
        if stop > self.rows or a.dtype.str != self.dtype:
            raise InputError(
                f"layer {self.info.name!r}: rows {self.at}:{stop} of {a.dtype} do not go into "
                f"{self.rows} rows of {np.dtype(self.dtype)}"
            )
        raw, wide = layout.raw_bytes(a), a[:1].nbytes
        found = np.empty((len(a), 2), np.uint64) if digests is None else digests
        size = max(1, CACHED_BYTES // DIGESTED // max(1, wide)) * DIGESTED
        # of both threads: each takes the next that nobody took
        pieces = deque(range(0, len(a), size))
        look = partial(look_at_pieces, a, found if digests is None else None, size, pieces)
        summed = partial(crc32, raw, self.crc)
        helped = a.nbytes >= LARGE_BYTES and has_spare_core()
        aside = self.thread.begin(lambda: (summed(), look())) if helped else None
        try:
            self._put(raw, self.place, self.at * wide)
            self.nonfinite += look()
        finally:  # also after an error: the piece is the caller's own
            self.crc, more = (summed(), 0) if aside is None else aside.get()
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
            raise InputError(f"layer {info.name!r}: {self.at} of {self.rows} rows were written")
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
