"""CRC-32 of bytes, at the speed of the hardware where ISA-L has a wheel.

Zlib gives the same number, several times slower.
"""

from __future__ import annotations

try:  # a matter of speed only: no number depends on it
    from isal.isal_zlib import crc32
except ImportError:
    from zlib import crc32

__all__ = ["crc32"]
