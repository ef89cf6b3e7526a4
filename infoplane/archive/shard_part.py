"""The rows of one layer in one shard: all of one process, some of a run of several ranks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from infoplane.archive import layout
from infoplane.archive.guard import checked_array
from infoplane.archive.guarded_read import read_array, read_placed, read_rows
from infoplane.archive.layout import ShardName
from infoplane.archive.probe_file import array_entry
from infoplane.archive.store import Store
from infoplane.errors import DamagedArchive
from infoplane.types import LayerInfo
from infoplane.types.arrays import Array, Json, Shape


@dataclass(frozen=True, eq=False)
class ShardPart:
    """What a shard's header says of a layer, and how to read it.

    Attributes:
        store: where the shard lies.
        name: of the shard.
        rows: how many it holds.
        info: the layer.
        entry: its line in the shard's table.
        direct: whether arrays may be read from where the table says their bytes are; HDF5 is not
            opened then.
    """

    store: Store
    name: ShardName
    rows: int
    info: LayerInfo
    entry: Json
    direct: bool = True

    def read(self, crc_key: str) -> Array:
        """Return one array, checked: ``crc32`` the activation, ``rows_crc32`` its row digests.

        Raises:
            DamagedArchive: structure or checksum is wrong.
        """
        crc = self.entry.get(crc_key)
        if self.direct and not self.store.packed:
            file = self.store.file(self.name)
            shape, dtype = self._form(crc_key, str(file))
            found = read_placed(file, self.entry.get(layout.PLACES[crc_key]), shape, dtype, crc)
            if found is not None:
                return found
        # repacked, written in format 1.0, or damaged: then this says what is wrong
        with self.store.shard(self.name) as (group, window, where):
            shape, dtype = self._form(crc_key, where)
            path = layout.ARRAYS[crc_key](self.info)
            return read_array(group, path, window, shape, dtype, crc, where)

    def blocks(self, rows: int) -> Iterator[Array]:
        """Yield the activation in blocks of at most ``rows`` rows.

        Raises:
            DamagedArchive: after the last block, when the checksum over all of them does not match.
        """
        path = layout.layer_path(self.info)
        with self.store.shard(self.name) as (group, window, where):
            shape, dtype = self._form("crc32", where)
            dataset = checked_array(group, path, window, shape, dtype, where)
            at, crc = f"{where}: key '{path}'", 0
            for start in range(0, self.rows, rows):
                stop = min(start + rows, self.rows)
                block, crc = read_rows(dataset, window, start, stop, at, crc)
                yield block
            if crc != self.entry.get("crc32"):
                raise DamagedArchive(
                    f"{at}: checksum mismatch; the data was damaged after it was written"
                )

    @property
    def n_nonfinite(self) -> int:
        """How many stored values are NaN or infinite."""
        return int(self.entry["n_nonfinite"])

    @property
    def content_key(self) -> str:
        """Checksums, shape and dtype as text."""
        shape = "x".join(map(str, [self.rows, *self.entry["shape"]]))
        digests = self.entry["rows_crc32"] or 0
        return f"{self.entry['crc32']:08x}.{digests:08x}:{shape}{self.entry['dtype']}"

    def _form(self, crc_key: str, where: str) -> tuple[Shape, str]:
        """Shape and dtype of the activation, or of its row digests."""
        if crc_key == "rows_crc32":
            return (self.rows, 2), "<u8"
        shape, dtype, _ = array_entry(self.entry)
        return (self.rows, *shape), dtype
