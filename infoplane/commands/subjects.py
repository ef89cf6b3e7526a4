"""The run or the plane at a path; errors name what lies near it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from infoplane.display.terminal import say
from infoplane.errors import InputError, NotAnArchive
from infoplane.patterns import did_you_mean
from infoplane.types import printable

if TYPE_CHECKING:
    from infoplane.archive import Archive

_LOOKED_AT = 200
"""Entries of a folder that are looked at for a run below it."""


def open_run(path: Path, *, run: Path | None = None) -> Archive:
    """Open the run at a path; for a plane, its run.

    Args:
        path: a run folder, a packed run, or a plane in its run or next to it.
        run: for a plane elsewhere: its run.

    Raises:
        NotAnArchive: neither is there; names what lies near.
        InputError: a plane whose run is not next to it.
    """
    from infoplane.archive import open_archive
    from infoplane.plane import Plane

    if is_plane_at(path):
        behind = Plane.load(path, run=run).run_path
        if behind is None or not behind.exists():
            raise InputError(
                f"{path} is a plane, and this command needs the activations of its run, which is "
                "not next to the file; give --run RUN, or the run itself"
            )
        return open_archive(behind)
    if run is not None:
        raise InputError(f"{path} is a run already; leave --run out")
    return open_archive(path)


def is_plane_at(path: Path) -> bool:
    """Return whether a plane lies at a path; False for a run or a packed run.

    Raises:
        NotAnArchive: neither is there; names what lies near.
    """
    from infoplane.archive.planes import is_plane

    if not os.path.lexists(path):
        raise NotAnArchive(f"{path}: no such file or folder{_sibling(path)}")
    if path.is_dir():
        if not (path / "run.json").is_file():
            _point_to_what_is_near(path)
        return False
    if path.name == "run.json":
        raise NotAnArchive(f"{path} is a part of a run; give its folder: {path.parent}")
    return is_plane(path)


def tell_read_only(archive: Archive) -> None:
    """Print where results are stored when the run may not be written to."""
    from infoplane.archive.layout import PLANE_DIR
    from infoplane.archive.places import borrowed_folder, may_write

    run = archive.path
    if not run.is_dir() or may_write(run / PLANE_DIR):
        return
    folder = borrowed_folder(run, archive.run_uuid)
    where = "are not stored (INFOPLANE_CACHE is empty)" if folder is None else f"go to {folder}"
    say(printable(f"{run} may not be written to: results {where}", 600), file=sys.stderr)


def _point_to_what_is_near(folder: Path) -> None:
    """Name the run around a folder, or the runs and planes below it, if there are any.

    Raises:
        NotAnArchive: there are.
    """
    if (folder.resolve().parent / "run.json").is_file():
        raise NotAnArchive(f"{folder} is a part of a run; give its folder: {folder.parent}")
    near = [str(path) for path in islice(_below(folder), 4)]
    if near:
        shown = ", ".join(near[:3]) + (" and more" if len(near) > 3 else "")
        raise NotAnArchive(
            f"{folder} is neither a run nor a plane; below it lie {shown}; give one of them, for "
            f"example {near[0]}"
        )


def _below(folder: Path) -> Iterator[Path]:
    for pattern in ("*/run.json", "*/*/run.json"):
        for header in islice(folder.glob(pattern), _LOOKED_AT):
            yield header.parent
    yield from islice(folder.glob("*.h5"), _LOOKED_AT)


def _sibling(path: Path) -> str:
    """Return a hint at a similar name in the same folder; empty where there is none."""
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        return ""
    return did_you_mean(path.name, names)
