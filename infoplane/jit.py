"""How our loops are compiled by numba.

Imported by the modules of compiled loops alone, because numba takes a while to load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

from infoplane import compiling

F = TypeVar("F", bound=Callable[..., object])
_njit: Any = numba.njit  # Any: numba has few types

compiling.heard()


def compiled(**options: object) -> Callable[[F], F]:
    """Compile a loop that other threads need not wait for, by `numba.njit` with these options.

    The machine code is cached on disk.
    """
    return _njit(nogil=True, cache=True, **options)  # type: ignore[no-any-return]  # as above


def inlined(**options: object) -> Callable[[F], F]:
    """Compile a part that is written into every loop that calls it, and never called alone."""
    return _njit(nogil=True, inline="always", **options)  # type: ignore[no-any-return]  # as above
