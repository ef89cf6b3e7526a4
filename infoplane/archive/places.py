"""Folders of results: in the run, or in the user's cache where the run is read-only."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def user_cache() -> Path | None:
    """Return ``INFOPLANE_CACHE``, else ``infoplane`` in the user's cache folder.

    None where the variable is set and empty.
    """
    chosen = os.environ.get("INFOPLANE_CACHE")
    if chosen is not None:
        return Path(chosen) if chosen else None
    with contextlib.suppress(RuntimeError):  # the user has no home
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "infoplane"
    return None


def may_write(path: Path) -> bool:
    """Return whether a file can be written or made."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return os.access(path, os.W_OK | os.X_OK if path.is_dir() else os.W_OK)


def borrowed_folder(run: Path, run_uuid: str) -> Path | None:
    """Return the folder for results of a run that is read-only; None without a cache."""
    cache = user_cache()
    return None if cache is None else cache / "runs" / f"{run.name}-{run_uuid[:8]}"
