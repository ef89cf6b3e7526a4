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
    """

    def __init__(self, path: Path) -> None:
        self.path, self._folder = path, path / layout.SHARD_DIR
        self.packed = not path.is_dir()
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
        with reading_h5(self.path if self.packed else file) as (root, window):
            where = f"{self.path}: {key}" if self.packed else str(file)
            group = node(root, key, str(self.path)) if self.packed else root
            if not isinstance(group, h5py.Group):
                raise DamagedArchive(f"{where}: expected a group")
            yield group, window, where

    def file(self, name: ShardName) -> Path:
        """Return the file of a shard in a folder."""
        return self._folder / str(name)

    def shard(self, name: ShardName) -> AbstractContextManager[Part]:
        """Return the open group of a shard, its file, and its name for messages."""
        return self._open(self.file(name), f"ckpt/{name}")

    def header_of(self, name: ShardName) -> tuple[bytes, str]:
        """Return the sealed header of a shard, and its name for messages."""
        with self.shard(name) as (group, window, where):
            return read_meta(group, window, where), where

    def probe(self) -> AbstractContextManager[Part]:
        """Return the open group of the probe, its file, and its name for messages."""
        return self._open(self.path / layout.PROBE_FILE, "probe")
