"""Captures one after another.

A pass of the probe, written row by row as the network computes, here or on a thread of its own.
"""

from __future__ import annotations

import atexit
import queue
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from torch import Tensor, nn

from infoplane.archive import RunWriter, ShardWriter
from infoplane.hooks.gradients import gradient_statistics
from infoplane.hooks.network.isolate import device_of
from infoplane.hooks.probing.probe import Probe
from infoplane.hooks.recording.background import Abandoned, Background, LayerRows, WriteQueue
from infoplane.hooks.recording.error_log import CaptureErrorLog
from infoplane.hooks.recording.interrupts import InterruptWatch
from infoplane.hooks.recording.plan import Plan
from infoplane.hooks.recording.probe_pass import Emit, Kept
from infoplane.hooks.recording.ranks import copied_buffers
from infoplane.hooks.recording.run import capture_meta
from infoplane.hooks.recording.weights import UnstoredBuffers, save_weights, set_weights_aside
from infoplane.hooks.rows.rows import Rows
from infoplane.types.arrays import Digests

Records = dict[str, Any]  # Any: JSON
NewShard = Callable[[], AbstractContextManager[ShardWriter]]
"""Opens the shard of a step, which is published when the block ends without an error."""


class Captures:
    """Takes the captures of one open recording.

    Args:
        plan: what is captured.
        model: the bare network.
        probe: the samples of this process.
        rows: their rows.
        writer: None where another rank writes.
        error_log: keeps what goes wrong.

    Attributes:
        buffers: values that the network's take while the probe runs; its own where empty.
        pending: JSON records that go with the next shard.
        bytes_written: of activations and row digests so far.
    """

    def __init__(
        self,
        plan: Plan,
        model: nn.Module,
        probe: Probe,
        rows: Rows,
        writer: RunWriter | None,
        error_log: CaptureErrorLog,
    ) -> None:
        self._plan = plan
        self._model = model
        self._probe = probe
        self._rows = rows
        self._writer = writer
        self._error_log = error_log
        self.background = Background() if plan.options.background and writer is not None else None
        self._unstored = UnstoredBuffers(model) if plan.options.store == "weights" else None
        self.pending: Records = dict(plan.states)
        self.bytes_written = 0
        self.buffers: list[Tensor] = []
        self._nonfinite: list[tuple[int, dict[str, int]]] = []
        self._failed: queue.SimpleQueue[tuple[int, Exception, Records]] = queue.SimpleQueue()
        if self.background is not None:
            atexit.register(self._close_at_exit)

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps that are safely on disk."""
        return self._writer.steps_written if self._writer is not None else ()

    def take(
        self, step: int, metrics: dict[str, float], *, first: bool, outdated: int | None = None
    ) -> None:
        """Take one capture; with a background it is on disk only when `steps` says so.

        Args:
            step: the user's count.
            metrics: of this step.
            first: whether it is the first capture of this recording.
            outdated: a step that this capture takes the place of: it is moved aside once this one
                is on disk.

        Raises:
            KeyboardInterrupt, SystemExit: as a signal handler raised them, whatever became of them
                on the way.
        """
        watch = InterruptWatch()
        try:
            with watch, watch:
                watch.begin()
                self._take(step, metrics, watch, first=first, outdated=outdated)
                watch.check()
        except Exception as error:
            interrupt = watch.behind(error)
            if interrupt is None:
                raise
            raise interrupt from error

    def _take(
        self,
        step: int,
        metrics: dict[str, float],
        watch: InterruptWatch,
        *,
        first: bool,
        outdated: int | None,
    ) -> None:
        options, writer = self._plan.options, self._writer
        again = outdated == step
        replaced = None if again else outdated
        if writer is not None:  # here, and not on the writer's thread, which a forked child has not
            writer.require_usable(step, again=again)
        if outdated is not None:
            self.pending = merged(dict(self._plan.states), self.pending)
        if self._unstored is not None and writer is not None:
            save_weights(options.to, step, self._model, metrics, durable=options.durable)
            self._unstored.warn_of_changed(self._model)
            if replaced is not None:
                set_weights_aside(options.to, replaced)
            if outdated is None and (self.steps or not first):
                return  # activations at the first capture only: what a replay is verified against
        if writer is None:  # another rank writes
            self._pass(step, watch, lambda *_: None)
            return
        meta = capture_meta(self._plan, self._model)
        new_shard = partial(writer.step, step, metrics=metrics, meta=meta, again=again)
        if self.background is None:
            self._write_now(step, new_shard, replaced, watch)
        else:
            self._write_later(self.background, step, new_shard, replaced, watch)

    def _pass(self, step: int, watch: InterruptWatch, emit: Emit) -> Records:
        """The pass; returns what is to be attached to the step."""
        options = self._plan.options

        def emit_unless_interrupted(kept: Kept, values: Tensor, digests: Digests | None) -> None:
            watch.check()
            emit(kept, values, digests)

        isolation = self._plan.isolation(self._model, step=step)
        with isolation, isolation:
            isolation.prepare()
            self._fill_buffers()
            ragged = self._plan.run(
                self._model, self._probe, emit_unless_interrupted, step, self._rows
            )
        self._error_log.changed_for_good(step, isolation.network.lost)
        if options.gradients is not None:
            isolation = self._plan.isolation(self._model, step=step)
            with isolation, isolation:
                isolation.prepare()
                self._fill_buffers()
                self.pending["gradients"] = gradient_statistics(
                    self._model,
                    options.gradients,
                    self._probe,
                    device=device_of(self._model),
                    forward=options.forward,
                )
        return self.pending | ({"lengths": ragged} if ragged else {})

    def _fill_buffers(self) -> None:
        """Give the network the buffers that it is to be captured with; isolation puts its back."""
        if self.buffers:
            for own, shared in zip(copied_buffers(self._model), self.buffers, strict=True):
                own.data.copy_(shared)

    def _write_now(
        self, step: int, new_shard: NewShard, replaced: int | None, watch: InterruptWatch
    ) -> None:
        with new_shard() as shard:
            records = self._pass(step, watch, partial(_append, shard))
            _attach(shard, records)
        self.pending = {}
        self._written(step, shard, replaced)

    def _write_later(
        self,
        background: Background,
        step: int,
        new_shard: NewShard,
        replaced: int | None,
        watch: InterruptWatch,
    ) -> None:
        write_queue = WriteQueue()
        with write_queue, write_queue:
            background.submit(partial(self._unpack, step, new_shard, replaced, write_queue))
            records = self._pass(step, watch, partial(_send, write_queue))
            if write_queue.end(records):
                self.pending = {}

    def _unpack(
        self, step: int, new_shard: NewShard, replaced: int | None, write_queue: WriteQueue
    ) -> None:
        """On the writer's thread."""
        try:
            with new_shard() as shard:
                for rows in write_queue:
                    shard.append(
                        rows.layer, rows.values, row_digests=rows.digests, torch_dtype=rows.dtype
                    )
                _attach(shard, write_queue.records)
            self._written(step, shard, replaced)
        except Abandoned:
            return
        except Exception as error:
            # from here on the sender keeps its records; before, they are in the queue
            write_queue.leave()
            error.add_note(f"infoplane: while writing step {step}")
            self._failed.put((step, error, write_queue.records))
        finally:
            write_queue.leave()

    def _written(self, step: int, shard: ShardWriter, replaced: int | None) -> None:
        if self._writer is not None and replaced is not None:
            self._writer.withdraw(replaced)
        self.bytes_written += self._plan.bytes_per_capture
        if shard.nonfinite:
            self._nonfinite.append((step, shard.nonfinite))

    def collect(self) -> None:
        """Report what was found on the writer's thread since the last call."""
        while self._nonfinite:
            self._error_log.nonfinite(*self._nonfinite.pop(0))
        while not self._failed.empty():
            step, error, records = self._failed.get()
            self.pending = merged(records, self.pending)  # they go with the next shard
            self.failed(step, error)

    def skipped(self, step: int) -> None:
        """A due step was left out to save time: the next shard records it."""
        self.pending.setdefault("skipped", {"steps": []})["steps"].append(step)

    def failed(self, step: object, error: Exception) -> None:
        """A capture was dropped: it is told, or raised, and the next shard records it."""
        before = len(self._error_log.failures)
        try:
            self._error_log.failed(step, error, len(self.steps))
        finally:
            new = {"failures": {"failures": self._error_log.failures[before:]}}
            self.pending = merged(self.pending, new)

    def wait(self) -> None:
        """Wait until what was captured is on disk, or has failed."""
        if self.background is not None:
            self.background.drain()

    def close(self) -> None:
        """Wait for what is still being written and let go of the run.

        Raises what went wrong there.
        """
        try:
            if self.background is not None:
                self.background.close()
            self.collect()
        finally:
            self.background = None
            atexit.unregister(self._close_at_exit)
            if self._writer is not None:
                self._writer.close()

    def _close_at_exit(self) -> None:
        """Write what is queued where a script ends with the recording open; say what is lost."""
        try:
            self.close()
        except BaseException as error:
            print(
                f"infoplane: {self._plan.options.to}: the script ended before the recorder was "
                f"closed; step {self.steps[-1] if self.steps else None} is the last that was "
                f"written: {type(error).__name__}: {error}",
                file=sys.stderr,
            )


def merged(older: Records, newer: Records) -> Records:
    """Return records of one shard from two.

    Lists of failures and of skipped steps are joined, each entry is in one shard only.
    """
    both = {**older, **newer}
    for name in ("failures", "skipped"):
        if name in older and name in newer:
            (key,) = older[name]
            both[name] = {key: [*older[name][key], *newer[name][key]]}
    return both


def _append(shard: ShardWriter, kept: Kept, values: Tensor, digests: Digests | None) -> None:
    shard.append(kept.site.name, values.numpy(), row_digests=digests, torch_dtype=kept.site.dtype)


def _send(write_queue: WriteQueue, kept: Kept, values: Tensor, digests: Digests | None) -> None:
    copied = values.clone().numpy()  # the network goes on and may overwrite its own
    write_queue.put(LayerRows(kept.site.name, copied, digests, kept.site.dtype))


def _attach(shard: ShardWriter, records: Records) -> None:
    for name, value in records.items():
        shard.attach(name, value)
