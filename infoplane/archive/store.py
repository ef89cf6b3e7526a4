"""The parts of a run on disk: a folder of files, or groups of one packed file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import h5py

from infoplane.archive import layout
from infoplane.archive.guard import node
from infoplane.archive.guarded_file import Window, read_text, reading_h5, refuse_link
from infoplane.archive.guarded_read import read_meta
from infoplane.archive.layout import ShardName
from infoplane.archive.schemas import checked_header
from infoplane.errors import DamagedArchive, NotAnArchive
from infoplane.types.arrays import Json

Part = tuple[h5py.Group, Window, str]
"""An open group, its file, and its name for messages."""


def current(names: list[ShardName]) -> list[ShardName]:
    """Return the shards that are not outdated.

    A later capture of the same or an earlier step (training was rolled back) outdates the steps
    from there on.

    Example:
        >>> shards = [ShardName(seq, step, 0, 1, "0" * 8) for seq, step in enumerate([0, 5, 9, 5])]
        >>> [shard.step for shard in current(shards)]
        [0, 5]
    """
    found = []
    lowest: dict[int, int] = {}  # by rank, the lowest step of later shards
    for shard in sorted(names, key=lambda shard: shard.seq, reverse=True):
        if shard.rank not in lowest or shard.step < lowest[shard.rank]:
            found.append(shard)
            lowest[shard.rank] = shard.step
    return sorted(found, key=lambda shard: (shard.step, shard.rank))


def shard_names(run: Path) -> list[ShardName]:
    """Return the published shards of a run folder, by name; other files are ignored."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return _shards_among(os.listdir(run / layout.SHARD_DIR))
    return []


def _shards_among(texts: list[str]) -> list[ShardName]:
    names = map(ShardName.parse, texts)
    return sorted(name for name in names if name is not None)


class Store:
    """The parts of a run on disk: a folder of files, or groups of one packed file.

    Attributes:
        names: every shard that is there, outdated ones included.
        heads: headers of shards that were read and checked; a shard never changes.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._folder = path, path / layout.SHARD_DIR
        self.packed = not path.is_dir()
        self.heads: dict[ShardName, Json] = {}
        if not os.path.lexists(path):
            raise NotAnArchive(f"{path}: no such file or folder")
        if self.packed:
            with reading_h5(path) as (file, window):
                text = read_meta(file, window, str(path))
                body = checked_header(text, layout.PACKED, str(path))
            self.header = checked_header(body["run"], layout.RUN, f"{path}: key 'run'")
            self.names = _shards_among(body["shards"])
            return
        header = path / layout.RUN_FILE
        if not header.exists():
            raise NotAnArchive(
                f"{path}: not a run: it has no {layout.RUN_FILE} (a recorder that was killed "
                "before its first step leaves such a folder)"
            )
        self.header = checked_header(read_text(header), layout.RUN, str(header))
        refuse_link(self._folder)
        self.names = shard_names(path)

    @contextlib.contextmanager
    def _open(self, file: Path, key: str) -> Iterator[Part]:
        path = self.path if self.packed else file
        with reading_h5(path) as (root, window):
            group, where = root, str(path)
            if self.packed:
                group, where = node(root, key, where), f"{where}: {key}"
            if not isinstance(group, h5py.Group):
                raise DamagedArchive(f"{where}: expected a group")
            yield group, window, where

    def file(self, name: ShardName) -> Path:
        """Return the file of a shard in a folder."""
        return self._folder / str(name)

    def shard(self, name: ShardName) -> AbstractContextManager[Part]:
        """Return the open group of a shard, its file, and its name for messages."""
        return self._open(self.file(name), f"ckpt/{name}")

    def head(self, name: ShardName) -> Json:
        """Return the sealed header of a shard, checked against its name and its run; read once.

        Raises:
            DamagedArchive: malformed, or of another run, step or probe.
        """
        if name not in self.heads:
            with self.shard(name) as (group, window, where):
                head = checked_header(read_meta(group, window, where), layout.SHARD, where)
            self._check_head(head, name, where)
            head["entries"] = {row["name"]: row for row in head["layers"]}
            head["metrics"] = {key: float(value) for key, value in head["metrics"].items()}
            self.heads[name] = head
        return self.heads[name]

    def _check_head(self, head: Json, name: ShardName, where: str) -> None:
        """Check that a shard is of this run, and where its name says.

        Args:
            head: its header.
            name: of the shard.
            where: the file, for messages.
        """
        expected = {key: self.header[key] for key in ("run_uuid", "n_rows", "probe_sha256")}
        expected |= {
            "seq": name.seq,
            "step": name.step,
            "rank": name.rank,
            "world_size": name.world,
        }
        for key, value in expected.items():
            if head[key] != value:
                raise DamagedArchive(
                    f"{where}: key '{key}': expected {value!r}, got {str(head[key])[:80]!r}; "
                    "the shard belongs to another run, step or probe"
                )
        start, stop, n_rows = head["row_start"], head["row_stop"], head["n_rows"]
        if not start < stop <= n_rows:
            raise DamagedArchive(
                f"{where}: key 'row_start': rows {start}:{stop} of {n_rows}; the header is "
                "malformed"
            )
        ordinals = {row["name"]: row["ordinal"] for row in self.header["layers"]}
        for row in head["layers"]:
            if ordinals.get(row["name"]) != row["ordinal"]:
                raise DamagedArchive(
                    f"{where}: key 'layers': layer {row['name']!r} is not the one of this ordinal "
                    "in the layer table of the run; the header is malformed"
                )

    def probe(self) -> AbstractContextManager[Part]:
        """Return the open group of the probe, its file, and its name for messages."""
        return self._open(self.path / layout.PROBE_FILE, "probe")
