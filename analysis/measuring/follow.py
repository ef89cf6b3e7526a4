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

from infoplane.analysis.measuring.arguments import estimators_of
from infoplane.analysis.measuring.measure import (
    Advance,
    measure,
    measure_cells,
    require_measurable,
    resampled,
    result_log,
    say_choice,
)
from infoplane.analysis.measuring.plane_point import cells_of
from infoplane.analysis.resampling.permutation_null import draws_for_symbols
from infoplane.archive import Archive, ResultLog
from infoplane.contract import Estimator
from infoplane.errors import InfoplaneError, InputError
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
    budget: Budget,
    seed: int = 0,
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
        budget: of the processor time that may be used until then.
        seed: of every random number.
        ended: says that the training is over; what ``over`` says when left out.

    Returns:
        The whole plane, None when ``gone`` was set first.
    """
    parsed = None if estimators is None else estimators_of(estimators)
    ended = over.is_set if ended is None else ended

    def pace(done: int, total: int) -> None:
        while not over.is_set() and not gone.is_set():
            rest = budget.rest_seconds()
            if rest <= 0:
                return
            over.wait(min(max(rest, LEAST_SECONDS), LOOK_SECONDS))

    growing = _GrowingRun(Path(run), parsed, seed)
    while not gone.is_set():
        # asked first: what was published before the training said so is seen below
        is_last = ended()
        try:
            growing.look(gone, pace, again=is_last)
            if is_last:
                return None if gone.is_set() else growing.whole_plane()
        # still being made, or rolled back under our eyes: look again, unless this is how it ended
        except InfoplaneError:
            if is_last:
                raise
        pace(0, 0)
        over.wait(LOOK_SECONDS)
    return None


@dataclass
class _GrowingRun:
    """A run and what was measured of it so far.

    Attributes:
        path: its folder.
        estimators: None until they are chosen at the first checkpoint.
        seed: of every random number.
        archive: as it was at the last look.
        log: of its results.
        measured: steps that were.
        mark: of the last look, see `_mark`.
    """

    path: Path
    estimators: list[Estimator] | None
    seed: int
    archive: Archive | None = None
    log: ResultLog | None = None
    measured: set[int] = field(default_factory=set)
    mark: int | None = None

    def look(self, gone: threading.Event, pace: Advance, *, again: bool) -> None:
        """Measure the checkpoints that were published since the last look.

        Args:
            gone: set when nobody wants results any more.
            pace: called after each cell, with how many are done and how many there are.
            again: look also where nothing was published.
        """
        from infoplane.archive import open_archive

        now = _mark(self.path)
        if now == self.mark and not again:
            return
        archive = open_archive(self.path) if self.archive is None else self.archive.refresh()
        self.archive = archive
        self.log = self.log or result_log(archive)
        if self.estimators is None and archive.steps:
            self.estimators = estimators_of(say_choice(archive, growing=True).specs)
        # the others need edges from the whole run
        at_once = [one for one in self.estimators or () if one.traits.edges == "none"]
        for step in archive.steps:
            if not at_once or gone.is_set() or step in self.measured:
                continue
            require_measurable(archive)
            asked = [resampled(one, 0, draws_for_symbols(archive, one.traits)) for one in at_once]
            cells = list(cells_of(archive, None, [step]))
            by_layer = dict.fromkeys(archive.layers, asked)
            measure_cells(archive, cells, by_layer, self.log, seed=self.seed, progress=pace)
            self.measured.add(step)
        self.mark = now

    def whole_plane(self) -> Plane:
        """Return the plane of the whole run, once it is over."""
        return measure(self.archive or self.path, self.estimators, seed=self.seed)


def _mark(run: Path) -> int | None:
    """Changes whenever a checkpoint is published."""
    try:
        return os.stat(run / "ckpt").st_mtime_ns
    except OSError:
        return None
