"""Ctrl-C during a capture reaches the user's loop, also where code in C would lose it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Self

Handler = Callable[[int, FrameType | None], object]
INTERRUPTS = (KeyboardInterrupt, SystemExit)
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM")
"""Those by which people and schedulers stop a program; not every system has all of them."""


class InterruptWatch:
    """What signal handlers raise during a capture, noted so that it cannot get lost.

    A handler runs between any two lines of Python. Inside a weak reference's callback or a
    destructor Python prints what it raises and goes on; a library in C may turn it into an error of
    its own. Handlers run as before, at once; what one raised is raised again by `check` if it went
    missing. Enter it twice, as an interrupt may cut an exit short.
    """

    def __init__(self) -> None:
        self.raised: BaseException | None = None
        self._before = sys.exception()  # the user may capture while handling an earlier Ctrl-C
        self._handlers: dict[int, Handler] = {}
        self._hook = sys.unraisablehook

    def begin(self) -> None:
        """Stand in front of the handlers written in Python.

        Only the main thread may, and only there do they run.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        sys.unraisablehook = self._ignored
        for number in (getattr(signal, name) for name in SIGNALS if hasattr(signal, name)):
            handler = signal.getsignal(number)
            if callable(handler):
                self._handlers[number] = handler
                signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        try:
            self._handlers[number](number, frame)
        except BaseException as error:
            self.raised = error
            raise

    def _ignored(self, found: sys.UnraisableHookArgs) -> None:
        if isinstance(found.exc_value, INTERRUPTS):
            self.raised = found.exc_value
        else:
            self._hook(found)

    def end(self) -> None:
        """Put the handlers back; repeating it changes nothing.

        A handler that was replaced meanwhile stays replaced.
        """
        for number, handler in self._handlers.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, handler)
        if sys.unraisablehook == self._ignored:
            sys.unraisablehook = self._hook

    def check(self) -> None:
        """Raise what a handler raised and nobody passed on.

        Raises:
            BaseException: that.
        """
        if self.raised is not None:
            raise self.raised

    def behind(self, error: BaseException) -> BaseException | None:
        """Return the interrupt that ended as this error; None where there is none."""
        if self.raised is not None:
            return self.raised
        link: BaseException | None = error
        seen: set[int] = set()
        while link is not None and link is not self._before and id(link) not in seen:
            if isinstance(link, INTERRUPTS):
                return link
            seen.add(id(link))
            link = link.__cause__ or link.__context__
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()
