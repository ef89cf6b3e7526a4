"""A message when kernels are compiled, which happens at their first use in an installation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_tell: list[Callable[[], object]] = []


def tell_of_compiling(tell: Callable[[], object]) -> None:
    """Call ``tell`` when this process first compiles a kernel; `heard` arranges that."""
    _tell[:] = [tell]


def heard() -> None:
    """Listen to numba for the first compilation, if `tell_of_compiling` was called."""
    if not _tell:
        return
    from numba.core import event

    class Once(event.Listener):  # type: ignore[misc]  # numba has no types
        def on_start(self, event: Any) -> None:
            while _tell:
                _tell.pop()()

        def on_end(self, event: Any) -> None:
            pass

    event.register("numba:compile", Once())  # type: ignore[no-untyped-call]  # as above
