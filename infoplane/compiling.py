"""Say that kernels are being compiled, where a person waits.

They are compiled at their first use, once for an installation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_tell: list[Callable[[], object]] = []


def tell_of_compiling(tell: Callable[[], object]) -> None:
    """Call ``tell`` when this process first compiles a kernel. Loads nothing.

    `heard`, called where kernels are loaded, sees to it.
    """
    _tell[:] = [tell]


def heard() -> None:
    """Let numba say from now on when it compiles, where anybody wants to know."""
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
