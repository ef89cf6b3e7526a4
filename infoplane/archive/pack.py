"""One portable file from a run folder, and one run from the folders of several ranks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from infoplane.archive import layout
from infoplane.archive.label_array import LabelArray
from infoplane.archive.layer_array import put_label
from infoplane.archive.layout import ShardName
from infoplane.archive.probe import Probe
from infoplane.archive.probe_file import fill_probe, write_probe
from infoplane.archive.publish import make_folder, publish_text, publishing_h5, put_attrs, put_meta
from infoplane.archive.reader import Archive, open_archive
from infoplane.archive.shard_writer import finish_shard
from infoplane.archive.store import current
from infoplane.errors import ArchiveExists, InputError, MissingExtra
from infoplane.types.arrays import AnyPath, Array
from infoplane.user_path import path_of

Compression = Literal["gzip", "zstd"]


def _filters(compression: Compression | None) -> dict[str, Any]:  # Any: h5py options
    if compression is None:
        return {}
    if compression == "gzip":
        return {"compression": "gzip", "compression_opts": 4, "shuffle": True}
    if compression == "zstd":
        try:
            import hdf5plugin
        except ImportError as error:
            raise MissingExtra("hdf5plugin", "zstd") from error
        return {**hdf5plugin.Zstd(clevel=3), "shuffle": True}
    raise InputError(f"compression must be None, 'gzip' or 'zstd', got {compression!r}")


def _put(
    group: h5py.Group, path: str, array: Array, options: dict[str, Any]
) -> None:  # Any: stored dtype, h5py options
    """Write an array; a large one that is compressed has chunks of whole rows, about 4 MiB."""
    if not options or array.nbytes < 1 << 12:
        group.create_dataset(path, data=array)
        return
    rows = int(np.clip((4 << 20) // max(1, array.nbytes // len(array)), 1, len(array)))
    group.create_dataset(path, data=array, chunks=(rows, *array.shape[1:]), **options)


def _copy_shard(
    archive: Archive, name: ShardName, group: h5py.Group, options: dict[str, Any]
) -> None:  # Any: h5py options
    head = archive.shard_head(name)
    for row in head["layers"]:
        info = archive.layer_info(row["name"])
        part = archive._part(name, info.name)
        for key, path_in_file in layout.ARRAYS.items():
            _put(group, path_in_file(info), part.read(key), options)
        put_label(group[layout.layer_path(info)], info, row)
    rows = (head["row_start"], head["row_stop"])
    table = [_unplaced(row) for row in head["layers"]]
    finish_shard(group, name, archive.header, rows, table, head)


def _unplaced(row: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
    """A line of a shard's table without the places that hold in its own file only."""
    return {key: value for key, value in row.items() if key not in layout.PLACES.values()}


def probe_of(archive: Archive) -> Probe:
    """Return the probe of an archive, in memory, every array checked."""
    first = archive.with_label(archive.labels[0]) if archive.labels else archive
    further = []
    for name in archive.labels[1:]:
        other = archive.with_label(name)
        if other.y is not None and other.y_kind is not None:
            further.append(LabelArray(name, other.y, other.y_kind, other.class_names))
    return Probe(
        x=archive.x,
        y=first.y,
        y_kind=first.y_kind,
        row_ids=archive.row_ids,
        split=archive._split_codes,
        chain=archive.chain,
        sha256=str(archive.header["probe_sha256"]),
        labels=tuple(further),
        rows=first.row_info,
        positions=archive.positions,
        x_kind=archive.x_kind,
    )


def pack(
    run: AnyPath,
    out: AnyPath,
    *,
    compression: Compression | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the committed steps of a run into one portable HDF5 file, atomically.

    Every checksum is checked on the way.

    Args:
        run: a run folder (or a packed file, to compress it again).
        out: the file; must not exist unless ``overwrite``.
        compression: ``gzip`` (about 0.7 of the size, readable everywhere), ``zstd`` (needs the
            ``zstd`` extra at both ends) or None.

    Returns:
        The path written. ``open_archive`` reads it like the folder, with the same ``digest``.

    Raises:
        ArchiveExists: ``out`` exists.
        DamagedArchive: the run is damaged; nothing is written.
    """
    archive = open_archive(run)
    options = _filters(compression)
    target = path_of(out)
    make_folder(target.parent)
    names: list[ShardName] = []
    for step in archive.steps:
        names += archive._of(step)
    with publishing_h5(target, replace=overwrite) as file:
        fill_probe(file.create_group("probe"), probe_of(archive), archive.run_uuid)
        for name in names:
            _copy_shard(archive, name, file.create_group(f"ckpt/{name}"), options)
        body = {
            "format": layout.PACKED,
            "format_version": layout.FORMAT_VERSION,
            "run": layout.sealed(_header(archive)),
            "shards": list(map(str, names)),
        }
        put_meta(file, layout.sealed(body))
        put_attrs(
            file,
            {
                "format": layout.PACKED,
                "format_version": layout.FORMAT_VERSION,
                "run_uuid": archive.run_uuid,
                "complete": np.uint8(1),
            },
        )
    return target


def _header(archive: Archive) -> dict[str, Any]:  # Any: JSON
    return {key: value for key, value in archive.header.items() if key != "crc32"}


@dataclass(frozen=True)
class _Piece:
    """One shard of one of the runs being merged."""

    archive: Archive
    name: ShardName
    start: int
    stop: int


def merge(runs: Sequence[AnyPath], out: AnyPath) -> Path:
    """Join the shards of several ranks into a run of one rank.

    Args:
        runs: run folders of the same probe and layers: one folder with all ranks in it, or one per
            rank (each holding its rows).
        out: a new folder.

    Returns:
        The new run's path. Steps whose rows are not all there are left out.

    Raises:
        InputError: other probes or layers, or no step is complete.
        ArchiveExists: ``out`` exists.
    """
    archives = [open_archive(run, check=False) for run in runs]
    if not archives:
        raise InputError("expected at least one run to merge")
    first = archives[0]
    for other in archives[1:]:
        _require_same(first, other)
    target = path_of(out)
    if os.path.lexists(target):
        raise ArchiveExists(f"{target} exists; choose another folder")
    complete = _complete_steps(archives)
    if not complete:
        raise InputError(
            f"no step is complete: the shards of {[str(archive.path) for archive in archives]} "
            f"never cover all {first.n_rows} rows; give the folders of all ranks"
        )
    make_folder(target / layout.SHARD_DIR)
    write_probe(target / layout.PROBE_FILE, probe_of(first), first.run_uuid, durable=True)
    for seq, (step, pieces) in enumerate(sorted(complete.items())):
        _write_joined(target, first, seq, step, pieces)
    publish_text(target / layout.RUN_FILE, layout.sealed({**_header(first), "world_size": 1}))
    return target


def _require_same(first: Archive, other: Archive) -> None:
    """Refuse runs of different probes or layers."""
    for key in ("probe_sha256", "n_rows"):
        if other.header.get(key) != first.header.get(key):
            raise InputError(
                f"{other.path}: cannot merge with {first.path}: {key} differs; the runs were "
                "captured on different probes"
            )
    tables = []
    for archive in (first, other):
        tables.append([(info.name, info.shape, info.reduction) for info in archive.infos])
    if tables[0] != tables[1]:
        raise InputError(
            f"{other.path}: cannot merge with {first.path}: the layers differ; give runs of one "
            "training"
        )


def _complete_steps(archives: Sequence[Archive]) -> dict[int, list[_Piece]]:
    """The steps whose pieces cover all rows, each in row order."""
    found: dict[int, list[_Piece]] = {}
    for archive in archives:
        for name in current(archive._store.names):
            head = archive.shard_head(name)
            piece = _Piece(archive, name, head["row_start"], head["row_stop"])
            found.setdefault(name.step, []).append(piece)
    n_rows = archives[0].n_rows
    complete = {}
    for step, pieces in found.items():
        pieces.sort(key=lambda piece: (piece.start, piece.stop))
        if layout.follow_on(((piece.start, piece.stop) for piece in pieces), n_rows):
            complete[step] = pieces
    return complete


def _write_joined(
    target: Path, first: Archive, seq: int, step: int, pieces: Sequence[_Piece]
) -> None:
    name = ShardName(seq, step, 0, 1, pieces[0].name.uuid8)
    heads = [piece.archive.shard_head(piece.name) for piece in pieces]
    table = []
    with publishing_h5(target / layout.SHARD_DIR / str(name)) as file:
        for info in first.infos:
            rows = [head["entries"].get(info.name) for head in heads]
            if None in rows:
                continue
            joined = {}
            parts = [piece.archive._part(piece.name, info.name) for piece in pieces]
            for key, path_in_file in layout.ARRAYS.items():
                array = np.concatenate([part.read(key) for part in parts])
                file.create_dataset(path_in_file(info), data=array)
                joined[key] = layout.crc32(array)
            joined["n_nonfinite"] = sum(part.n_nonfinite for part in parts)
            table.append({**_unplaced(rows[0]), **joined})
        finish_shard(file, name, first.header, (0, first.n_rows), table, heads[0])
