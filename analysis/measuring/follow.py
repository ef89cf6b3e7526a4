"""Measure a run while it grows, within a budget.

It lags rather than slows the training, and catches up when that is over.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.measuring.measure import (
    measure,
    measure_cells,
    require_measurable,
    resampled,
    result_log,
    say_choice,
)
from infoplane.analysis.measuring.plane_point import cells_of
from infoplane.contract import Estimator
from infoplane.cores import SHARE
from infoplane.errors import InfoplaneError, InputError

if TYPE_CHECKING:
    from infoplane.archive import Archive, ResultLog
    from infoplane.plane import Plane

LOOK_SECONDS, LEAST_SECONDS = 0.5, 0.05
"""Longest and shortest rest: waking up costs a tenth of a millisecond, of which shorter and shorter
rests would make the whole budget.
"""


@dataclass
class Budget:
    """A share of the time.

    How long to rest so that processor seconds stay below ``share`` times the seconds since the
    start.

    Attributes:
        share: 0.05 lets this process use a twentieth of one core.
        busy: processor seconds used so far.
        clock: seconds that pass. Both count from this process's start or from zero.

    Example:
        >>> Budget(0.1, busy=lambda: 3.0, clock=lambda: 10.0, start=0.0).rest_seconds()
        20.0
    """

    share: float
    busy: Callable[[], float] = time.process_time
    clock: Callable[[], float] = time.monotonic
    start: float | None = None
    _start: float = field(init=False)

    def __post_init__(self) -> None:
        if not 0 < self.share <= 64:
            raise InputError(
                f"max_overhead is a share of the time above 0, for example 0.05, got {self.share}"
            )
        self._start = self.clock() if self.start is None else self.start

    def rest_seconds(self) -> float:
        """Return seconds to wait before working on; 0 while the budget holds."""
        return max(0.0, self.busy() / self.share - (self.clock() - self._start))


def follow(
    run: str | Path,
    estimators: Sequence[str] | None,
    *,
    over: threading.Event,
    gone: threading.Event,
    max_overhead: float = SHARE,
    seed: int = 0,
    budget: Budget | None = None,
    ended: Callable[[], bool] | None = None,
) -> Plane | None:
    """Measure the checkpoints of ``run`` as they appear.

    Result lines go to ``RUN/planes``, where `measure` finds them.

    Args:
        run: a run folder; one that is not there yet is waited for.
        estimators: spec strings; None takes those that can answer at the first checkpoint, see
            `choose_estimators`. Rules with edges frozen over the run or a layer (``bin:range``,
            ``bin:saxe-paper``) wait for its end.
        over: set when the training is over: the budget falls away, what is left is measured, and
            this returns.
        gone: set when nobody wants results any more: this returns after the cell at hand.
        max_overhead: share of one core that may be used until then.
        budget: instead of ``max_overhead``.
        ended: says that the training is over; what ``over`` says when left out.

    Returns:
        The whole plane, None when ``gone`` was set first.
    """
    from infoplane.archive import open_archive

    if estimators is not None and not estimators:
        raise InputError("expected at least one estimator, for example 'bin:szt'")
    ended = over.is_set if ended is None else ended
    at_once = _without_edges(estimators)
    log: ResultLog | None = None
    budget = budget or Budget(max_overhead)

    def pace(done: int, total: int) -> None:
        while not over.is_set() and not gone.is_set() and (rest := budget.rest_seconds()) > 0:
            over.wait(min(max(rest, LEAST_SECONDS), LOOK_SECONDS))

    seen: set[int] = set()
    archive: Archive | None = None
    mark: int | None = None
    while not gone.is_set():
        last_look = (
            ended()
        )  # read first: what was published before the training said so is seen below
        now = _mark(Path(run))
        if now != mark or last_look:
            try:
                archive = open_archive(run) if archive is None else archive.refresh()
                log = log or result_log(archive)
                if estimators is None and archive.steps:
                    estimators = say_choice(archive, growing=True).specs
                    at_once = _without_edges(estimators)
                for step in [s for s in archive.steps if s not in seen]:
                    if at_once and not gone.is_set():
                        require_measurable(archive, at_once)
                        cells = list(cells_of(archive, None, [step]))
                        asked = [resampled(archive, estimator) for estimator in at_once]
                        measure_cells(
                            archive,
                            cells,
                            dict.fromkeys(archive.layers, asked),
                            log,
                            seed=seed,
                            progress=pace,
                        )
                        seen.add(step)
                if last_look:
                    return None if gone.is_set() else measure(archive, estimators, seed=seed)
                mark = now
            # still being made, or rolled back under our eyes: look again, unless this is how it
            # ended
            except InfoplaneError:
                if last_look:
                    raise
        pace(0, 0)
        over.wait(LOOK_SECONDS)
    return None


def _without_edges(specs: Sequence[str] | None) -> list[Estimator]:
    """Return the estimators that need no edges from the whole run."""
    return [e for e in map(parse, specs or ()) if e.traits.edges == "none"]


def _mark(run: Path) -> int | None:
    """Changes whenever a checkpoint is published."""
    try:
        return os.stat(run / "ckpt").st_mtime_ns
    except OSError:
        return None
