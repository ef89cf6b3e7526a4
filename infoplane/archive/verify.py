"""Recompute every checksum of a run."""

from __future__ import annotations

import os

import numpy as np

from infoplane.archive import layout
from infoplane.archive.reader import Archive, open_archive
from infoplane.archive.store import current
from infoplane.errors import ArchiveError, InputError
from infoplane.types.arrays import AnyPath


def verify(path: AnyPath) -> list[str]:
    """Return the problems of a run or packed file, each naming file and key; none when sound.

    Reads every array, recomputes every checksum, recomputes the row digests of unreduced layers,
    and lists steps that were never completed.
    """
    try:
        archive = open_archive(path, check=False)
        archive._direct = False  # what other tools will read
    except (ArchiveError, InputError) as error:
        return [str(error)]
    problems = _probe_problems(archive)
    for step in archive.steps:
        problems += _step_problems(archive, step)
    for shard in current(archive._store.names):
        if shard.step not in archive.steps:
            problems.append(
                f"{archive.path}: step {shard.step} is not complete: it has a shard of rank "
                f"{shard.rank}, but not of all {shard.world} ranks; readers ignore it"
            )
    return problems + _leftovers(archive)


def _probe_problems(archive: Archive) -> list[str]:
    problems = []
    for key in ("x", "y", "row_ids", "split", "chain", "row_info", "positions"):
        try:
            getattr(archive, key)
        except (ArchiveError, InputError) as error:
            problems.append(str(error))
    try:
        for name in archive.labels:
            _ = archive.with_label(name).y
    except (ArchiveError, InputError) as error:
        problems.append(str(error))
    return list(dict.fromkeys(problems))


def _step_problems(archive: Archive, step: int) -> list[str]:
    from infoplane.rows import row_digests

    problems: list[str] = []
    try:
        layers = [layer for layer in archive.layers if archive.has(step, layer)]
    except (ArchiveError, InputError) as error:
        return [str(error)]
    for layer in layers:
        try:
            rows, digests = archive.z(step, layer), archive.row_digests(step, layer)
            whole = archive.layer_info(layer).reduction == "none"
            if whole and not np.array_equal(row_digests(rows), digests):
                problems.append(
                    f"{archive.path}: step {step}, layer {layer!r}: row digests do not belong to "
                    "the rows"
                )
        except (ArchiveError, InputError) as error:
            problems.append(str(error))
    return problems


def _leftovers(archive: Archive) -> list[str]:
    """Files in the folder of shards that are none; temporaries of a killed writer are harmless."""
    folder = archive.path / layout.SHARD_DIR
    if archive._store.packed or not folder.is_dir():
        return []
    found = []
    for name in sorted(os.listdir(folder)):
        known = name.startswith((layout.TMP_PREFIX, "superseded-"))
        if not known and layout.ShardName.parse(name) is None:
            found.append(f"{folder / name}: not a shard; readers ignore it")
    return found
