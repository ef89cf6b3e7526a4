"""Where the parts of a run lie: a folder of files, or groups of one packed file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import h5py

from infoplane.archive import layout
from infoplane.archive.guard import node
from infoplane.archive.guarded_file import Window, read_text, reading_h5, refuse_link
from infoplane.archive.guarded_read import read_header, read_meta
from infoplane.archive.layout import ShardName
from infoplane.archive.schemas import checked_header
from infoplane.errors import DamagedArchive, NotAnArchive


def current(names: list[ShardName]) -> list[ShardName]:
    """Return the shards that count.

    A later capture of the same or an earlier step (training rolled back) outdates what lies after
    it.

    Example:
        >>> shards = [ShardName(i, s, 0, 1, "00000000") for i, s in enumerate([0, 5, 9, 5])]
        >>> [shard.step for shard in current(shards)]
        [0, 5]
    """
    kept = []
    for rank in {s.rank for s in names}:
        lowest: float = float("inf")
        for s in sorted((s for s in names if s.rank == rank), key=lambda s: s.seq, reverse=True):
            if s.step < lowest:
                kept.append(s)
                lowest = s.step
    return sorted(kept, key=lambda s: (s.step, s.rank))


class Store:
    """Where the parts of a run lie: a folder of files or groups of one packed file."""

    def __init__(self, path: Path) -> None:
        self.path, self._folder = path, path / layout.SHARD_DIR
        self._files: dict[ShardName, Path] = {}
        self.packed = not path.is_dir()
        if not os.path.lexists(path):
            raise NotAnArchive(f"{path}: no such file or folder")
        if self.packed:
            with reading_h5(path) as (file, window):
                body = checked_header(
                    read_meta(file, layout.META, window, str(path)), layout.PACKED, str(path)
                )
            run, shards = body.get("run"), body.get("shards")
            if not isinstance(run, str) or not isinstance(shards, list):
                raise DamagedArchive(f"{path}: key 'meta': expected 'run' and 'shards'")
            self.header = checked_header(run, layout.RUN, f"{path}: key 'run'")
            self._names = [ShardName.parse(str(s)) for s in shards]
            return
        if not (path / layout.RUN_FILE).exists():
            raise NotAnArchive(
                f"{path}: not a run: it has no {layout.RUN_FILE} (a recorder that was killed "
                "before its first step leaves such a folder)"
            )
        self.header = checked_header(
            read_text(path / layout.RUN_FILE), layout.RUN, str(path / layout.RUN_FILE)
        )
        refuse_link(self._folder)
        self._names = (
            [ShardName.parse(e) for e in sorted(os.listdir(self._folder))]
            if self._folder.is_dir()
            else []
        )

    @property
    def names(self) -> list[ShardName]:
        """Every shard that is there, outdated ones included."""
        return [s for s in self._names if s is not None]

    @contextlib.contextmanager
    def _open(self, file: Path, key: str) -> Iterator[tuple[h5py.Group, Window, str]]:
        with reading_h5(self.path if self.packed else file) as (root, window):
            where = f"{self.path}: {key}" if self.packed else str(file)
            group = node(root, key, str(self.path)) if self.packed else root
            if not isinstance(group, h5py.Group):
                raise DamagedArchive(f"{where}: expected a group")
            yield group, window, where

    def file(self, name: ShardName) -> Path:
        """Return the file of a shard in a folder.

        Remembered, since making a path takes longer than finding an array by it.
        """
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = self._folder / str(name)
        return file

    def shard(
        self, name: ShardName
    ) -> contextlib.AbstractContextManager[tuple[h5py.Group, Window, str]]:
        """Return the open group of a shard, its file, and how to call it in messages."""
        return self._open(self.file(name), f"ckpt/{name}")

    def header_of(self, name: ShardName) -> tuple[bytes, str]:
        """Return the sealed header of a shard, and how to call it in messages."""
        if not self.packed:
            return read_header(self.file(name), layout.META), str(self.file(name))
        with self.shard(name) as (group, window, where):
            return read_meta(group, layout.META, window, where), where

    def probe(self) -> contextlib.AbstractContextManager[tuple[h5py.Group, Window, str]]:
        """Return the open group of the probe, its file, and how to call it in messages."""
        return self._open(self.path / layout.PROBE_FILE, "probe")
