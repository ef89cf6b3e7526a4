"""A run as people give it: an open archive, or the path of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from infoplane.errors import InputError

if TYPE_CHECKING:
    from infoplane.archive import Archive


Run: TypeAlias = "Archive | str | Path"
"""An open archive, or the path of one."""


def open_run(run: Run) -> Archive:
    """Return the archive; a path is opened.

    Raises:
        InputError: neither an archive nor a path.
        NotAnArchive, VersionError, DamagedArchive: nothing that can be read lies at the path.
    """
    from infoplane.archive import Archive, open_archive

    if isinstance(run, (str, Path)):
        return open_archive(run)
    if not isinstance(run, Archive):
        raise InputError(
            f"expected an archive, or the path of a run, got {type(run).__name__}: record one, or "
            "make it from arrays by ip.from_arrays"
        )
    return run
