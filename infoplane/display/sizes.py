"""Bytes as a person reads them."""

from __future__ import annotations


def size_text(n: float) -> str:
    """Return a number of bytes with its unit.

    Example:
        >>> size_text(2**21)
        '2.0 MiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} TiB"
