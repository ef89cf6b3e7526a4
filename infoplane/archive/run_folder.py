"""The folder of a run: what is ours, what a killed writer left, what is removed."""

from __future__ import annotations

import contextlib
import os
import string
import time
from collections.abc import Sequence
from pathlib import Path

from infoplane.archive import layout
from infoplane.archive.guarded_file import refuse_link
from infoplane.archive.layout import ShardName
from infoplane.archive.reader import open_archive
from infoplane.archive.store import shard_names
from infoplane.errors import ArchiveError, ArchiveExists


def make_run_folder(run: Path, *, overwrite: bool, resume: bool) -> None:
    """Make the folder of a run, or check that one that is there may be written to.

    Args:
        run: the folder.
        overwrite: a run that is there is replaced.
        resume: it goes on.

    Raises:
        ArchiveError: the folder cannot be made.
        ArchiveExists: it holds a run that is neither to be replaced nor to go on, or other files.
        DamagedArchive: a link in it would lead our writes and removals elsewhere.
    """
    try:
        (run / layout.SHARD_DIR).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveError(f"{run}: cannot create the run's folder: {error}") from error
    _refuse_foreign(run, overwrite=overwrite, resume=resume)
    for folder in (layout.SHARD_DIR, layout.PLANE_DIR):
        refuse_link(run / folder)


def _refuse_foreign(run: Path, *, overwrite: bool, resume: bool) -> None:
    if (run / layout.RUN_FILE).exists():
        if not (overwrite or resume):
            raise ArchiveExists(
                f"{run} holds a run; pass overwrite=True to replace it or resume=True to go on "
                "with it"
            )
        return
    # what a kill before run.json leaves
    known = {layout.SHARD_DIR, layout.PROBE_FILE, layout.PLANE_DIR, layout.CHAIN_FILE}
    names = {path.name for path in run.iterdir()} - known
    foreign = [name for name in names if not name.startswith((layout.TMP_PREFIX, "writer-r"))]
    # overwriting may have been killed between the header and the shards
    if foreign or (shard_names(run) and not overwrite):
        raise ArchiveExists(
            f"{run} is not empty and not a run (it holds {sorted(foreign)[:5]}); give another "
            "folder"
        )


def set_aside(run: Path, shards: Sequence[ShardName]) -> None:
    """Move shards to a new folder ``superseded-<n>``, which readers ignore; nothing is deleted.

    Raises:
        ArchiveError: the disk refused; those that were not moved are where they were.
    """
    if not shards:
        return
    folder = run / layout.SHARD_DIR
    number = len(list(folder.glob("superseded-*")))
    # one may have been removed by hand; never into a folder that is there
    while os.path.lexists(folder / f"superseded-{number}"):
        number += 1
    aside = folder / f"superseded-{number}"
    try:
        aside.mkdir()
        for shard in shards:
            os.replace(folder / str(shard), aside / str(shard))
    except OSError as error:
        raise ArchiveError(
            f"could not move steps {[shard.step for shard in shards][:6]} to {aside}: {error}; the "
            "next step tries again, nothing is lost"
        ) from error


def remove_run(run: Path) -> None:
    """Remove the files of a run, run.json first, so that a half-removed run is no run.

    Files of others stay.
    """
    if (run / layout.RUN_FILE).exists():
        open_archive(run, check=False)  # refuses what is not ours
        os.unlink(run / layout.RUN_FILE)
    for name in shard_names(run):
        os.unlink(run / layout.SHARD_DIR / str(name))
    files = [run / layout.PROBE_FILE, run / layout.CHAIN_FILE]
    files += (run / layout.PLANE_DIR).glob("*.jsonl")
    for folder in (run / layout.SHARD_DIR).glob("superseded-*"):
        if not folder.is_symlink():
            files += folder.glob("*.h5")
    for file in files:
        file.unlink(missing_ok=True)


def sweep(run: Path, rank: int, *, exclusive: bool) -> None:
    """Remove temporaries that a killed writer of this rank left.

    Where the run has no lock, only those older than an hour.

    Args:
        run: the folder.
        rank: of this writer.
        exclusive: whether it holds the lock.
    """
    tags = [f"r{rank:04d}-"]
    if rank == 0:
        tags += string.digits  # of files that belong to no rank
    starts = tuple(layout.TMP_PREFIX + tag for tag in tags)
    for folder in (run, run / layout.SHARD_DIR):
        for path in folder.glob(f"{layout.TMP_PREFIX}*"):
            with contextlib.suppress(OSError):
                old = exclusive or time.time() - path.lstat().st_mtime > 3600
                if old and path.name.startswith(starts):
                    path.unlink()


def wait_for(path: Path, seconds: float = 60.0) -> None:
    """Wait until another rank has made a file.

    Raises:
        ArchiveError: it did not appear in time.
    """
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > deadline:
            raise ArchiveError(
                f"{path} did not appear within {seconds:.0f} s: rank 0 must create the run first"
            )
        time.sleep(0.05)
