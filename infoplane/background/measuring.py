"""Measure a run during its training, in a process of its own that follows it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from infoplane.background.companion import CompanionProcess
from infoplane.cores import SHARE
from infoplane.errors import InfoplaneError, InputError
from infoplane.user_warning import warn_user

OVER = b"over\n"
AUTOGROUP = Path("/proc/self/autogroup")
LOADING_SECONDS = 0.6
"""Of processor, that numpy, HDF5 and numba take to load."""


def checked_specs(measure: Sequence[object] | str) -> tuple[str, ...]:
    """Return spec strings of what to measure, each of them understood before training starts.

    Raises:
        InputError, SpecError: none, or one that no estimator answers to.
    """
    from infoplane.analysis.estimators.spec import parse

    given = [measure] if isinstance(measure, str) else list(measure)
    if not given:
        raise InputError(
            "measure=[]: expected at least one estimator, for example 'bin:szt', or measure=None"
        )
    specs = tuple(map(str, given))
    for spec in specs:
        parse(spec)
    return specs


class MeasuringProcess(CompanionProcess):
    """Measures ``run`` while it grows, at the lowest priority and within a share of one core.

    Training neither waits for it nor shares memory with it; what it has found is in ``RUN/planes``
    at any time.

    Args:
        run: the run's folder.
        specs: what to measure, see `checked_specs`; none for what can answer at the first
            checkpoint.
        max_overhead: share of one core until `finish`.
    """

    def __init__(
        self, run: str | Path, specs: Sequence[str], *, max_overhead: float = SHARE
    ) -> None:
        self.run = Path(run)
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed at its end
        # a module of its own: the command line would load more
        module = ["-m", "infoplane.background.measuring"]
        super().__init__([*module, str(self.run), str(max_overhead), *specs], errors=self._errors)

    def finish(self) -> None:
        """Wait until everything captured is measured: training is over.

        A failure warns and never raises: the captures are safe. Nothing happens in a forked child:
        the process is its parent's.
        """
        if not self.is_ours:
            return
        try:
            self.tell(OVER)
            code = self._process.wait()
        except BaseException:  # interrupted while waiting
            self.stop()
            raise
        if code and not self._errors.closed:
            self._errors.seek(0)
            last = self._errors.read()[-2000:].decode("utf-8", "replace").strip()
            warn_user(
                f"measuring beside the training ended with exit code {code}; the captures are "
                f"safe, measure them with `infoplane measure {self.run}`. It said: "
                f"{last or 'nothing'}",
            )
        self._errors.close()

    def stop(self) -> None:
        """End it: nobody waits for results.

        What it measured stays, and measuring again goes on from there.
        """
        if self.is_ours:
            super().stop()
            self._errors.close()


def follow_until_told(run: Path, specs: Sequence[str], *, max_overhead: float) -> None:
    """Follow ``run`` until standard input says that training is over, or closes without a word.

    It loads what it measures with when its share of the time pays for that, and not before: a short
    training is measured when it is over.

    Args:
        run: its folder, which may not be there yet.
        specs: what to measure; none for what can answer.
        max_overhead: share of one core.
    """
    began = time.monotonic()
    step_back()
    over, gone = threading.Event(), threading.Event()

    def listen() -> None:
        if sys.stdin.buffer.readline() != OVER:
            gone.set()
        over.set()  # wakes whoever rests
        join_group(0)  # nobody trains any more, and somebody may wait for the rest

    threading.Thread(target=listen, daemon=True).start()
    over.wait(LOADING_SECONDS / max_overhead if max_overhead > 0 else 0)
    from infoplane.analysis.measuring.follow import Budget, follow

    follow(run, specs or None, over=over, gone=gone, budget=Budget(max_overhead, start=began))


def step_back() -> None:
    """Take the lowest priority for this process, and for the group of its session.

    Linux makes a group of a session of its own: within it a priority says nothing to other
    sessions.
    """
    with contextlib.suppress(AttributeError, OSError):
        os.nice(19)
    join_group(19)


def join_group(priority: int) -> None:
    for _ in range(5):
        try:
            AUTOGROUP.write_text(str(priority))
        except BlockingIOError:  # of all processes together Linux hears ten such wishes a second
            time.sleep(0.15)
        except OSError:
            return
        else:
            return


if __name__ == "__main__":
    try:
        follow_until_told(Path(sys.argv[1]), sys.argv[3:], max_overhead=float(sys.argv[2]))
    except InfoplaneError as error:
        sys.exit(f"infoplane: {type(error).__name__}: {error}")
