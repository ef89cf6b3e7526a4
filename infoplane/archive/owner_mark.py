"""Marks by which a user's own result lines are told from lines that somebody else wrote."""

from __future__ import annotations

import hmac
import os
import secrets
import stat
import sys
from functools import lru_cache
from pathlib import Path

KEY_BYTES = 32
MARK_LETTERS = 32


def state_folder() -> Path:
    """``INFOPLANE_STATE``, else ``infoplane`` where this system keeps what programs must remember."""
    if chosen := os.environ.get("INFOPLANE_STATE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "infoplane"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "infoplane"


def mark_of(text: bytes) -> str:
    """Return the mark that only this user can make, of any bytes."""
    key = _key(state_folder() / "result-lines.key")
    return hmac.digest(key, text, "sha256").hex()[:MARK_LETTERS]


@lru_cache(maxsize=4)
def _key(path: Path) -> bytes:
    """The user's secret, made at its first use; where nothing can be kept, one for this process alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        part = path.with_name(f".{secrets.token_hex(8)}")
        fd = os.open(part, flags, 0o600)
        try:
            os.write(fd, secrets.token_bytes(KEY_BYTES))
        finally:
            os.close(fd)
        try:
            os.link(part, path)  # the first of several processes makes it
        except FileExistsError:
            pass
        finally:
            part.unlink()
        return _read(path)
    except OSError:
        return secrets.token_bytes(KEY_BYTES)


def _read(path: Path) -> bytes:
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(fd)
        key = os.read(fd, KEY_BYTES)
    finally:
        os.close(fd)
    private = sys.platform == "win32" or not stat.S_IMODE(status.st_mode) & 0o077
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    if len(key) < KEY_BYTES or not private or not mine:
        raise PermissionError(
            f"{path}: expected a file of {KEY_BYTES} bytes that only you can read"
        )
    return key
