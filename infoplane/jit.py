"""How our loops are compiled by numba. Imported by the modules of compiled loops alone, because numba takes a while to load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.core import caching
from numba.core.runtime import nrt

from infoplane import compiling

F = TypeVar("F", bound=Callable[..., object])
_njit: Any = numba.njit  # Any: numba has few types

compiling.heard()


class _Cache(caching.FunctionCache):  # type: ignore[misc]  # numba has few types
    """Machine code on disk, read without loading all that numba can compile: 0.28 s of a start. What is not there is compiled as ever."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        nrt.rtsys.initialize(
            target_context
        )  # of numba's `refresh`, which this leaves out, all that machine code needs when it runs
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)  # type: ignore[no-untyped-call]  # as above


def compiled(**options: object) -> Callable[[F], F]:
    """`numba.njit`, with these options, of a loop that other threads need not wait for; its machine code is cached on disk."""

    def decorate(loop: F) -> F:
        dispatcher: Any = _njit(nogil=True, cache=True, **options)(loop)
        dispatcher._cache = _Cache(loop)  # type: ignore[no-untyped-call]  # as above
        return dispatcher  # type: ignore[no-any-return]  # called as the loop is

    return decorate


def inlined(**options: object) -> Callable[[F], F]:
    """As `compiled`, of a part that is written into every loop that calls it, and never called by itself."""
    return _njit(nogil=True, inline="always", **options)  # type: ignore[no-any-return]  # as above
