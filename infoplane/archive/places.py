"""Where results go: into the run, or to the user's cache where it is read only."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def user_cache() -> Path | None:
    """``INFOPLANE_CACHE``, else ``infoplane`` in the user's cache folder.

    None where the variable is set and empty.
    """
    if (chosen := os.environ.get("INFOPLANE_CACHE")) is not None:
        return Path(chosen) if chosen else None
    with contextlib.suppress(RuntimeError):  # nobody's home
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "infoplane"
    return None


def may_write(path: Path) -> bool:
    """Whether a file can be written, or made where it would lie."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return os.access(path, os.W_OK | os.X_OK if path.is_dir() else os.W_OK)


def borrowed_folder(run: Path, run_uuid: str) -> Path | None:
    """Return the folder for results of a run that may not be written to.

    None where there is no cache either.
    """
    cache = user_cache()
    return None if cache is None else cache / "runs" / f"{run.name}-{run_uuid[:8]}"
