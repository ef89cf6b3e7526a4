"""A run as people give it: an open archive, or the path of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infoplane.archive import Archive


def open_run(run: Archive | str | Path) -> Archive:
    """Return the archive; a path is opened.

    Raises:
        NotAnArchive, VersionError, DamagedArchive: nothing that can be read lies at the path.
    """
    if not isinstance(run, (str, Path)):
        return run
    from infoplane.archive import open_archive

    return open_archive(run)
