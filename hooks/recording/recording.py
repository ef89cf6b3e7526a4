"""A run that is open: one capture after another until it is closed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
from torch import nn

from infoplane.display.sizes import size_text
from infoplane.hooks.probing.probe import Probe
from infoplane.hooks.recording.captures import Captures
from infoplane.hooks.recording.certification import Certification
from infoplane.hooks.recording.error_log import CaptureErrorLog
from infoplane.hooks.recording.plan import Plan
from infoplane.hooks.recording.ranks import ProcessGroup
from infoplane.hooks.recording.run import create_run
from infoplane.hooks.recording.step_filter import AcceptedStep, StepFilter
from infoplane.hooks.recording.steps_and_metrics import Metrics


class Recording:
    """Creates or resumes a run, captures the accepted steps of one training, and closes it.

    Args:
        plan: what is captured.
        model: the bare network.
        probe: the samples of all processes.
        steps: decides which are captured.
        certification: tests the network as it trains.
        error_log: is told of what goes wrong.
        team: this process's part.
        training: False where finished checkpoints are captured one after another.

    Attributes:
        captures: write the run.
        is_open: until `close`.

    Raises:
        InputError, ArchiveError: see `create_run`.
    """

    def __init__(
        self,
        plan: Plan,
        model: nn.Module,
        probe: Probe,
        *,
        steps: StepFilter,
        certification: Certification,
        error_log: CaptureErrorLog,
        team: ProcessGroup,
        training: bool,
    ) -> None:
        self.is_open = True
        self._training = training
        self._plan = plan
        self._model = model
        self._steps = steps
        self._certification = certification
        self._error_log = error_log
        self._team = team
        # last: an interrupt behind it would leave an open run that nobody knows of
        self.captures = self._open_captures(model, probe)

    def _open_captures(self, model: nn.Module, probe: Probe) -> Captures:
        """Create or resume the run, and return what writes its captures."""
        plan, team = self._plan, self._team
        if team.split and team.rank > 0:
            team.barrier("creating the run")  # rank 0 creates it
        start, stop = team.rows(probe.n)
        rows = plan.row_kind.subset(np.arange(start, stop)) if team.split else plan.row_kind
        writer = None
        try:
            if team.writes:
                writer = create_run(plan, model, probe, team, self._certification.chain)
            if team.split and team.rank == 0:
                team.barrier("creating the run")
            run = None if writer is None else (plan.options.to, writer.run_uuid)
            self._certification.begin(plan, run)
            own = probe.take(slice(start, stop))
            return Captures(plan, model, own, rows, writer, self._error_log)
        except BaseException:
            if writer is not None:
                writer.close()
            raise

    def capture_on_entry(self) -> None:
        """Capture step 0; a failure is raised, since nothing is lost before training."""
        policy = self._error_log.policy
        self._error_log.policy = "raise"
        try:
            self.capture(0, {})
            self._steps.captured_on_entry()
        finally:
            self._error_log.policy = policy

    def capture(self, step: SupportsFloat, metrics: Mapping[str, object]) -> bool:
        """Capture a step unless it is refused; return whether it was captured.

        Args:
            step: the user's count.
            metrics: of this step, as the user gives them.
        """
        self.captures.collect()
        accepted = self._steps.accept(step, self.captures)
        if accepted is None:
            return False
        began = time.perf_counter()
        numbers = Metrics.of(metrics)
        later = []  # of a run that is resumed
        if self._training and accepted.first:
            later = [captured for captured in self.captures.steps if captured > accepted.count]
        try:
            self._take(accepted, numbers)
        except Exception as error:
            self.captures.failed(accepted.count, error)
            return False
        finally:
            self._steps.probe_seconds += time.perf_counter() - began
        self._steps.last = accepted.count
        self._error_log.left_out(accepted.count, numbers.left_out)
        if later:
            self._error_log.rolled_back(accepted.count, later)
        self.captures.collect()
        self._stop_at_budget()
        if accepted.weights_changed:
            self._error_log.entry_replaced(accepted.count)
        return True

    def _take(self, step: AcceptedStep, metrics: Metrics) -> None:
        buffers = self._team.buffers_of_rank_0(self._model, f"step {step.count}")
        if self._plan.options.on_error == "raise":
            metrics.require_numbers()
        self.captures.buffers = buffers
        self.captures.take(step.count, metrics.values, first=step.first, outdated=step.outdated)
        self._certification.captured(step.count, anew=step.outdated is not None)

    def _stop_at_budget(self) -> None:
        """Capture nothing more once an endless schedule has written ``max_bytes``."""
        most = self._plan.options.max_bytes
        if most is None or self._plan.options.schedule.count() is not None:
            return
        if self.captures.bytes_written + self._plan.bytes_per_capture > most:
            self._error_log.used_up(size_text(most), self._steps.last)

    def close(self) -> None:
        """Certify the last weights, and wait for what is still being written.

        Raises what went wrong in writing.
        """
        if not self.is_open:
            return
        self.is_open = False
        try:
            self._certification.finish()
        finally:
            self.captures.close()
