"""Marks that distinguish a user's own result lines from lines of others."""

from __future__ import annotations

import hmac
import secrets
from functools import lru_cache
from pathlib import Path

from infoplane.owner_files import read_owned, state_folder, write_owned

KEY_BYTES = 32
MARK_LETTERS = 32


def own_key() -> bytes:
    """Return the secret of this user."""
    return _key(state_folder() / "result-lines.key")


def mark_of(text: bytes, key: bytes) -> str:
    """Return the mark of any bytes that only the owner of the key can make."""
    return hmac.digest(key, text, "sha256").hex()[:MARK_LETTERS]


@lru_cache(maxsize=4)
def _key(path: Path) -> bytes:
    """The user's secret, made at its first use; only for this process where it cannot be stored."""
    fresh = secrets.token_bytes(KEY_BYTES)
    try:
        write_owned(path, fresh, replace=False)
        stored = read_owned(path)
    except OSError:
        return fresh
    return stored if len(stored) == KEY_BYTES else fresh
