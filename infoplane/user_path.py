"""Paths as people give them."""

from __future__ import annotations

import os
from pathlib import Path

from infoplane.errors import InputError


def path_of(given: object) -> Path:
    """Return a path given as a text or a path.

    Raises:
        InputError: it is neither.

    Example:
        >>> path_of("runs/first").name
        'first'
    """
    if not isinstance(given, (str, os.PathLike)):
        raise InputError(f"expected the path of a file or folder, got {given!r}")
    return Path(given)
