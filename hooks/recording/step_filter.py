"""Which steps of a training are captured."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import SupportsFloat

from torch import nn

from infoplane.errors import InputError
from infoplane.hooks.options import Options
from infoplane.hooks.recording.captures import Captures
from infoplane.hooks.recording.error_log import CaptureErrorLog
from infoplane.hooks.recording.steps_and_metrics import Weights, whole_step


@dataclass(frozen=True)
class AcceptedStep:
    """A step that is to be captured.

    Attributes:
        count: the user's count.
        first: whether it is the first of this recording.
        outdated: the step that this capture takes the place of; None for none.
        weights_changed: whether the weights were written since ``outdated`` was captured.
    """

    count: int
    first: bool
    outdated: int | None
    weights_changed: bool


class StepFilter:
    """Decides which steps are captured.

    Args:
        model: the bare network.
        options: of the recording.
        error_log: is told of steps that are refused.

    Attributes:
        last: the last captured step; None before the first.
        probe_seconds: what the captures took.
    """

    def __init__(self, model: nn.Module, options: Options, error_log: CaptureErrorLog) -> None:
        self.last: int | None = None
        self.probe_seconds = 0.0
        self._model = model
        self._scheduled = options.schedule.due
        self._most = options.max_overhead
        self._error_log = error_log
        self._on_entry: Weights | None = None
        self._opened_at = 0.0

    def start_clock(self) -> None:
        """Count the time from now on, for ``max_overhead``."""
        self._opened_at = time.perf_counter()

    def captured_on_entry(self) -> None:
        """Remember the weights that step 0 was captured with, before any step of the user's."""
        self._on_entry = Weights(self._model)

    def due(self, step: SupportsFloat) -> bool:
        """Return whether the schedule has this step; one that is no count is left to `accept`."""
        try:
            count = step if type(step) is int else whole_step(step)
        except InputError:
            return True
        if self._scheduled(count):
            return True
        self._on_entry = None
        return False

    def accept(self, step: SupportsFloat, captures: Captures) -> AcceptedStep | None:
        """Return the step if it is to be captured; otherwise report why not.

        Args:
            step: the user's count.
            captures: of this recording; what is refused or skipped goes into the next.
        """
        try:
            count = whole_step(step)
        except InputError as error:
            captures.failed(str(step), error)
            return None
        if self._error_log.stopped:
            return None
        accepted = self._compared_with_entry(count)
        if accepted.outdated is None and not self._in_order(count, captures):
            return None
        return accepted

    def _compared_with_entry(self, count: int) -> AcceptedStep:
        """The step, and whether what was captured on entry is none of its training."""
        entry, self._on_entry = self._on_entry, None
        first = self.last is None
        if entry is not None and (count == 0 or entry.loaded(self._model, count)):
            return AcceptedStep(count, first, 0, entry.moved(self._model))
        return AcceptedStep(count, first, None, False)

    def _in_order(self, count: int, captures: Captures) -> bool:
        """Whether a step comes after the last one, and captures are cheap enough so far."""
        if self.last is None:
            return True
        if count == self.last:
            self._error_log.captured_already(count)
            return False
        if count < self.last:
            error = InputError(
                f"step {count} lies before the last captured step {self.last}; to record a "
                "training that was rolled back, open the run with resume=True"
            )
            captures.failed(count, error)
            return False
        if self._too_slow():
            captures.skipped(count)
            return False
        return True

    def _too_slow(self) -> bool:
        if self._most is None:
            return False
        return self.probe_seconds > self._most * (time.perf_counter() - self._opened_at)
