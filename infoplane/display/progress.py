"""Progress with time left that suits where it is read.

A bar in a terminal, one line that updates in a notebook, a line now and then in a log.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal, TextIO

from infoplane.display.terminal import say
from infoplane.errors import InputError

Place = Literal["terminal", "notebook", "log"]
Advance = Callable[[], object]

LOG_SECONDS, NOTEBOOK_SECONDS = 15.0, 0.25
"""How often a log gets a line and a notebook an update, at most."""
SILENT_SECONDS = 2.0
"""Work that takes longer prints a line that it goes on."""


def place_of(stream: TextIO) -> Place:
    """Return where ``stream`` is read."""
    kernel = sys.modules.get("IPython")
    if kernel is not None:
        shell = kernel.get_ipython()
        if shell is not None and shell.__class__.__name__ == "ZMQInteractiveShell":
            return "notebook"
    return "terminal" if stream.isatty() else "log"


def duration(seconds: float) -> str:
    """Return seconds in words.

    Example:
        >>> duration(3.2), duration(75), duration(7320)
        ('3 s', '1 min 15 s', '2 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def progress_line(label: str, done: int, total: int, elapsed: float) -> str:
    """Say how far work is, and how long it will take at the pace so far.

    Args:
        label: of the work.
        done, total: pieces.
        elapsed: seconds.

    Example:
        >>> progress_line("measuring", 30, 120, 15.0)
        'measuring: 30 of 120 (25 %), about 45 s left'
    """
    time_text = ""
    if done:
        time_text = f", {duration(elapsed)}"
    if 0 < done < total:
        time_text = f", about {duration(elapsed / done * (total - done))} left"
    return f"{label}: {done} of {total} ({100 * done / total:.0f} %){time_text}"


@contextmanager
def progress(
    label: str,
    total: int,
    *,
    shown: bool = True,
    every: float | None = None,
) -> Iterator[Advance]:
    """Yield a function to call after each of ``total`` pieces of work.

    Everything is written to stderr, so that piped results stay clean.

    Args:
        label: what is going on.
        total: pieces; nothing is shown for none.
        shown: False shows nothing.
        every: how often a log gets a line, in seconds; `LOG_SECONDS` when left out.

    Raises:
        InputError: ``shown`` is no truth value.
    """
    if not isinstance(shown, bool):
        raise InputError(f"progress is True or False, got {shown!r}")
    if not shown or total < 1:
        yield lambda: None
        return
    stream = sys.stderr
    place = place_of(stream)
    if place == "terminal":
        with _bar(label, total, stream) as step_bar:
            yield step_bar
        return
    show = _notebook() if place == "notebook" else lambda text: say(text, file=stream, flush=True)
    pause = LOG_SECONDS if every is None else every
    lines = _Lines(label, total, show, NOTEBOOK_SECONDS if place == "notebook" else pause)
    with _later(SILENT_SECONDS, lines.begin):
        yield lines.advance
    if lines.shown and lines.last_shown != lines.done:  # short work needs no line
        lines.show_progress()


@dataclass
class _Lines:
    """Lines of progress.

    Attributes:
        label: of the work.
        total: pieces of it.
        show: what writes a line.
        pause: seconds between two lines.
        done: pieces that are done.
        shown: whether a line was written.
        last_shown: pieces that were done when the last line was written.
    """

    label: str
    total: int
    show: Callable[[str], object]
    pause: float
    done: int = 0
    shown: bool = False
    last_shown: int = -1

    def __post_init__(self) -> None:
        self.started = self.last = monotonic()

    def begin(self) -> None:
        """Say that the first piece takes long."""
        if not self.done and not self.shown:
            self.shown = True
            self.show(f"{self.label}: 0 of {self.total}")

    def advance(self) -> None:
        """Count a piece, and write a line where the last one is old enough."""
        self.done += 1
        pause = self.pause if self.shown else min(self.pause, SILENT_SECONDS)
        if monotonic() - self.last >= pause:
            self.last, self.shown = monotonic(), True
            self.show_progress()

    def show_progress(self) -> None:
        """Write how far the work is."""
        self.last_shown = self.done
        elapsed = monotonic() - self.started
        self.show(progress_line(self.label, self.done, self.total, elapsed))


@contextmanager
def working(label: str) -> Iterator[None]:
    """Say, after two seconds, that work goes on whose pieces cannot be counted.

    Written to stderr.
    """
    out = sys.stderr
    if place_of(out) != "terminal":
        with _later(SILENT_SECONDS, lambda: say(f"{label} ...", file=out, flush=True)):
            yield
        return
    from rich.console import Console

    with Console(file=out).status(f"{label} ..."):
        yield


@contextmanager
def _later(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """Call a function after some seconds, unless the block has ended by then."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _bar(label: str, total: int, stream: TextIO) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda: bar.advance(task)


def _notebook() -> Callable[[str], object]:
    """A line of the cell's output that is replaced by the next.

    No widget, so it survives saving and needs no extension.
    """
    from IPython.display import display

    handle: Any = None  # Any: IPython's display handle

    def show(text: str) -> None:
        nonlocal handle
        shown = {"text/plain": text}
        if handle is None:
            handle = display(shown, raw=True, display_id=True)  # type: ignore[no-untyped-call]  # IPython has no types here
        else:
            handle.update(shown, raw=True)

    return show
