"""Captures one after another: a pass of the probe, then its shard, written here or on a thread of its own."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from infoplane.archive import RunWriter
from infoplane.hooks.background import Background
from infoplane.hooks.gradients import gradient_statistics
from infoplane.hooks.isolate import device_of
from infoplane.hooks.passes import Slot
from infoplane.hooks.plan import Plan
from infoplane.hooks.probe import Probe
from infoplane.hooks.run import capture_meta, write_capture
from infoplane.hooks.troubles import Troubles
from infoplane.hooks.weights import save_weights


class Captures:
    """Takes the captures of one open recording.

    Args:
        probe: the rows of this process.
        writer: None where another rank writes.

    Attributes:
        pending: JSON records that go with the next shard.
        bytes_written: of activations and row digests so far.
    """

    def __init__(self, plan: Plan, model: nn.Module, probe: Probe, writer: RunWriter | None, troubles: Troubles) -> None:
        self._plan, self._model, self._probe, self._writer, self._troubles = plan, model, probe, writer, troubles
        self.background = Background(depth=1) if plan.options.background and writer is not None else None
        self.pool: list[list[Slot]] = []
        self.pending: dict[str, Any] = dict(plan.states)  # Any: JSON
        self.bytes_written = 0

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps that are safely on disk."""
        return self._writer.steps_written if self._writer is not None else ()

    def take(self, step: int, metrics: dict[str, float], *, first: bool) -> None:
        """One capture; with a background it is on disk only when `steps` says so."""
        o = self._plan.options
        if o.store == "weights" and self._writer is not None:
            save_weights(o.to, step, self._model, metrics, durable=o.durable)
            if self.steps or not first:  # activations at the first capture only: what a replay is verified against
                return
        if self.background is not None and not self.pool:  # both buffers are with the writer: wait, so that two captures are held at most
            self.background.drain()
            self.collect()
        slots = self.pool.pop() if self.pool else self._plan.slots(self._probe.n * o.draws, o.to)
        try:
            self._fill(slots, step)
            if self._writer is not None:
                job = partial(self._write, self._writer, step, metrics, slots, dict(self.pending), capture_meta(self._plan, self._model))
                self.pending.clear()
                self.background.submit(job) if self.background is not None else job()
        finally:
            if self.background is None:
                self.pool.append(slots)

    def _fill(self, slots: list[Slot], step: int) -> None:
        o = self._plan.options
        with o.isolated(self._model, step=step):
            self._plan.run(self._model, self._probe, slots, step)
        self._troubles.nonfinite(step, slots)
        if o.gradients is not None:
            with o.isolated(self._model, step=step):
                self.pending["gradients"] = gradient_statistics(
                    self._model, o.gradients, self._probe, device=device_of(self._model), forward=o.forward
                )

    def _write(
        self,
        writer: RunWriter,
        step: int,
        metrics: dict[str, float],
        slots: list[Slot],
        attachments: dict[str, Any],  # Any: JSON
        meta: dict[str, object],
    ) -> None:
        try:
            write_capture(writer, step, slots, metrics=metrics, meta=meta, attachments=attachments)
            self.bytes_written += self._plan.bytes_per_capture
        except Exception as error:
            error.add_note(f"infoplane: while writing step {step}")
            self.pending = {**attachments, **self.pending}  # they go with the next shard
            error.infoplane_step = step  # type: ignore[attr-defined]  # carried from the writer's thread to the training thread
            raise
        finally:
            if self.background is not None:
                self.pool.append(slots)

    def collect(self) -> None:
        """Report what went wrong on the writer's thread since the last call."""
        for error in self.background.failures() if self.background is not None else ():
            self.failed(getattr(error, "infoplane_step", -1), error)

    def failed(self, step: int, error: Exception) -> None:
        """A capture was dropped: it is told, or raised, and the next shard records it."""
        try:
            self._troubles.failed(step, error, len(self.steps))
        finally:
            self.pending["failures"] = {"failures": list(self._troubles.failures)}

    def close(self) -> None:
        """Waits for what is still being written and lets go of the run; raises what went wrong there."""
        try:
            if self.background is not None:
                self.background.close()
                self.collect()
        finally:
            self.background = None
            self.pool.clear()
            if self._writer is not None:
                self._writer.close()
