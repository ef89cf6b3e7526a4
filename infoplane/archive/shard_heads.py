"""The sealed headers of the shards of a run, each read and checked once."""

from __future__ import annotations

from collections.abc import Mapping

from infoplane.archive import layout
from infoplane.archive.layout import ShardName
from infoplane.archive.schemas import checked_header
from infoplane.archive.store import Store
from infoplane.errors import DamagedArchive
from infoplane.types.arrays import Json


class ShardHeads:
    """Headers by the name of the shard; read once, since a shard never changes.

    Args:
        store: where the run lies.
        n_rows: rows of its probe.
        ordinals: of its layers, by name.
    """

    def __init__(self, store: Store, n_rows: int, ordinals: Mapping[str, int]) -> None:
        self._store, self._n_rows, self._ordinals = store, n_rows, ordinals
        self._known: dict[ShardName, Json] = {}

    def take_over(self, earlier: ShardHeads) -> None:
        """Take the headers of an earlier look at the same run, of shards that are still there."""
        names = set(self._store.names)
        self._known = {name: head for name, head in list(earlier._known.items()) if name in names}

    def of(self, name: ShardName) -> Json:
        """Return the header of a shard.

        Raises:
            DamagedArchive: malformed, or of another run, step or probe.
        """
        head = self._known.get(name)
        if head is None:
            head = self._known[name] = self._read(name)
        return head

    def _read(self, name: ShardName) -> Json:
        text, where = self._store.header_of(name)
        head = checked_header(text, layout.SHARD, where)
        expected = {
            "run_uuid": str(self._store.header["run_uuid"]),
            "seq": name.seq,
            "step": name.step,
            "rank": name.rank,
            "world_size": name.world,
            "n_rows": self._n_rows,
            "probe_sha256": self._store.header.get("probe_sha256"),
        }
        for key, value in expected.items():
            if head.get(key) != value:
                raise DamagedArchive(
                    f"{where}: key '{key}': expected {value!r}, got {str(head.get(key))[:80]!r}; "
                    "the shard belongs to another run, step or probe"
                )
        start, stop = head["row_start"], head["row_stop"]
        if not start < stop <= self._n_rows:
            raise DamagedArchive(
                f"{where}: key 'row_start': rows {start}:{stop} of {self._n_rows}; the header is "
                "malformed"
            )
        head["entries"] = {row["name"]: row for row in head["layers"]}
        for layer, row in head["entries"].items():
            if self._ordinals.get(layer) != row["ordinal"]:
                raise DamagedArchive(
                    f"{where}: key 'layers': layer {layer!r} is not the one of this ordinal in the "
                    "layer table of the run; the header is malformed"
                )
        metrics = head["metrics"].items()
        head["metrics"] = {name: float(value) for name, value in metrics}
        return head
