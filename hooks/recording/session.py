"""The life of one recording: it attaches, opens its run, and closes it again."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading

from torch import nn

from infoplane.archive import Archive, open_archive
from infoplane.errors import InputError
from infoplane.hooks.options import Options
from infoplane.hooks.probing.probe import Probe
from infoplane.hooks.recording.certification import Certification
from infoplane.hooks.recording.companions import Companions
from infoplane.hooks.recording.cost_notice import check_budget, measured_time
from infoplane.hooks.recording.error_log import CaptureErrorLog
from infoplane.hooks.recording.layer_table import wrapped
from infoplane.hooks.recording.plan import Plan, make_plan
from infoplane.hooks.recording.ranks import make_process_group
from infoplane.hooks.recording.recording import Recording
from infoplane.hooks.recording.run import require_same_captures
from infoplane.hooks.recording.step_filter import StepFilter
from infoplane.hooks.recording.weights import require_whole_weights


class Session:
    """Opens and closes the run of one network on one probe; may be opened again.

    Args:
        model: the bare network.
        probe: the samples.
        options: of the recording.

    Attributes:
        plan: what is captured; None before `look`.
        recording: the run that is open, or was last; None before `open`.
        certification: which layers are comparable.
        companions: the processes beside it.
        error_log: what went wrong.
        steps: which steps are captured.
        team: this process's part among several.
    """

    def __init__(self, model: nn.Module, probe: Probe, options: Options) -> None:
        self.plan: Plan | None = None
        self.recording: Recording | None = None
        self.team = make_process_group(options.ranks, model, timeout=options.rank_timeout)
        if options.store == "weights":
            require_whole_weights(model, self.team)
        self.companions = Companions(
            options.to,
            measure=options.measure,
            watch=options.watch,
            max_overhead=options.max_overhead,
        )
        self.error_log = CaptureErrorLog(options.to, options.on_error)
        self.steps = StepFilter(model, options, self.error_log)
        self.certification = Certification(model, probe, options, self.team)
        self._model = model
        self._probe = probe
        self._options = options
        self._pid, self._lock = os.getpid(), threading.RLock()

    def look(self, previous: Archive | None = None) -> Plan:
        """Settle what is captured by a look at the network with a few rows, and print it.

        Args:
            previous: the run that is being resumed.
        """
        self._print(f"infoplane: looking at {type(self._model).__name__} with a few rows")
        self.plan = make_plan(self._model, self._probe, self._options, previous)
        self.certification.new_plan()
        for text in (self.plan.describe(), *self.plan.outlook()):  # before what takes time
            self._print(text)
        return self.plan

    def _print(self, text: str) -> None:
        if text and self._options.verbose and self.team.rank == 0:
            print(wrapped(text, shutil.get_terminal_size().columns), flush=True)

    def open(self, *, capture: bool, training: bool) -> None:
        """Look, certify, create or resume the run, and capture step 0 if it is due.

        Args:
            capture: False where the network is none of step 0.
            training: False where finished checkpoints are captured one after another.
        """
        if self.team.probes_together:  # a forward alone would wait for ever inside a collective
            self.team.barrier("attaching the recorder")
        plan = self._settle()
        try:
            self.recording = Recording(
                plan,
                self._model,
                self._probe,
                steps=self.steps,
                certification=self.certification,
                error_log=self.error_log,
                team=self.team,
                training=training,
            )
            if self.team.rank == 0:
                self.companions.start()
            self.steps.start_clock()
            # A resumed run has steps; its training may have been rolled back to anywhere.
            if capture and not self.recording.captures.steps and self._options.schedule.due(0):
                with self.alone():
                    self.recording.capture_on_entry()
                self._print(measured_time(self.steps.probe_seconds, self._options.schedule.count()))
        except BaseException:
            self.give_up()
            raise

    def _settle(self) -> Plan:
        """The plan with its reductions fitted, and the layers certified."""
        options = self._options
        resumed = options.resume and (options.to / "run.json").is_file()
        previous = open_archive(options.to) if resumed else None
        plan = self.look(previous)
        check_budget(plan.bytes_per_capture, options)
        plan.fit_reductions(self._model, self._probe)
        if previous is None:
            step = 0 if options.schedule.due(0) else -1
            self.certification.before_training(plan, step)
        else:
            require_same_captures(previous, plan)
            self.certification.before_training(plan, -1, earlier=previous.chain)
        return plan

    def close(self) -> None:
        """Wait for what is still being written, and measured, and let go of the run."""
        with self.alone():  # a capture of another thread comes to its end first
            try:
                if self.recording is not None:
                    self.recording.close()
            finally:
                self.companions.finish()

    def give_up(self) -> None:
        """Close without certifying or measuring: an error is on its way, and is the one to show."""
        self.certification.stop()
        self.companions.stop()
        with contextlib.suppress(Exception):
            self.close()

    def alone(self) -> threading.RLock:
        """Return the lock by which one thread of this process has network and run for itself.

        A capture sets modes, hooks and random state of the network: two at once would write each
        other's rows. So would a self-check, and the last certificate when the recorder is closed.
        A forked child does not wait for a thread that it has not.
        """
        if self._pid != os.getpid():
            self._pid, self._lock = os.getpid(), threading.RLock()
        return self._lock

    @property
    def is_open(self) -> bool:
        """Whether steps are captured now."""
        return self.recording is not None and self.recording.is_open

    def opened(self) -> Recording:
        """Return the run that is open.

        Raises:
            InputError: none is.
        """
        if self.recording is None or not self.is_open:
            raise InputError(
                "the recorder is not open: use it as a context manager (with ip.Recorder(...) as "
                "rec:) or call open()"
            )
        return self.recording

    def planned(self) -> Plan:
        """Return what is captured.

        Raises:
            InputError: nobody looked at the network so far.
        """
        if self.plan is None:
            raise InputError("the recorder was never opened: use it as a context manager first")
        return self.plan
