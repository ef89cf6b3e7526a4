"""Flags of `os.open` that only some systems have; 0 where a system has none."""

from __future__ import annotations

import os

NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)
"""A symbolic link is refused, not followed."""
NO_WAIT: int = getattr(os, "O_NONBLOCK", 0)
"""A pipe or a device is not waited for."""
BINARY: int = getattr(os, "O_BINARY", 0)
"""Line ends stay as they are."""
