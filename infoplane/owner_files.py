"""Small files that only their owner can read: secrets that programs of one user share."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from pathlib import Path

from infoplane.open_flags import NO_LINK, NO_WAIT

MOST_BYTES = 1000


def state_folder() -> Path:
    """Return ``INFOPLANE_STATE``, else our folder among the state folders of this system."""
    chosen = os.environ.get("INFOPLANE_STATE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "infoplane"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "infoplane"


def write_owned(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file that only its owner can read, whole or not at all.

    An existing one stays unless ``replace``.

    Args:
        path: the file.
        content: its bytes.
        replace: take the place of a file that is there.

    Raises:
        OSError: the system refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{secrets.token_hex(8)}")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            os.write(fd, content)
        finally:
            os.close(fd)
        if replace:
            os.replace(part, path)
        elif not os.path.lexists(path):
            os.link(part, path)  # fails where another process was faster
    except FileExistsError:
        pass
    finally:
        part.unlink(missing_ok=True)


def read_owned(path: Path) -> bytes:
    """Return the content of a file that only its owner can read.

    Nothing is waited for and no link is followed.

    Raises:
        PermissionError: others may read it, or it is somebody else's.
        OSError: the system refuses.
    """
    fd = os.open(path, os.O_RDONLY | NO_LINK | NO_WAIT)
    try:
        status = os.fstat(fd)
        private = sys.platform == "win32" or not stat.S_IMODE(status.st_mode) & 0o077
        mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
        if not (private and mine and stat.S_ISREG(status.st_mode)):
            raise PermissionError(f"{path}: expected a regular file that only you can read")
        return os.read(fd, MOST_BYTES)
    finally:
        os.close(fd)
