"""The recorder: attach to a network, capture at the due steps, leave all as it was."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self, SupportsFloat, Unpack

import numpy as np
from torch import nn

from infoplane.archive import Archive, open_archive
from infoplane.display.sizes import size_text
from infoplane.errors import InputError
from infoplane.hooks.certificates.budget import Budget
from infoplane.hooks.certificates.certificates import Certificates
from infoplane.hooks.certificates.chain_test import ChainTest
from infoplane.hooks.choice.requests import Layers
from infoplane.hooks.network.isolate import Mode, dtype_of, unwrap
from infoplane.hooks.option_types import check_option
from infoplane.hooks.options import CaptureKeywords, CaptureOptions, Options, Reduce, chosen_options
from infoplane.hooks.probing.ignored import without_ignored_rows
from infoplane.hooks.probing.probe import make_probe
from infoplane.hooks.recording.captures import Captures
from infoplane.hooks.recording.companions import Companions
from infoplane.hooks.recording.error_log import CaptureErrorLog
from infoplane.hooks.recording.plan import Plan, make_plan, uses_the_batch
from infoplane.hooks.recording.ranks import make_process_group
from infoplane.hooks.recording.run import create_run
from infoplane.hooks.recording.steps_and_metrics import Metrics, Weights, whole_step
from infoplane.hooks.schedule import Every, Schedule
from infoplane.hooks.verifying.selfcheck import SelfCheck, check_live
from infoplane.positions.row_request import Labels as LabelsAsked
from infoplane.types import Chain, Kind, LayerInfo


class Recorder:
    """Record a network's layers on a fixed probe set while it trains; a context manager.

    Between captures nothing is attached to the model. A capture runs the bare network on the probe
    in fixed batches, under ``no_grad``, eager, without autocast, in the mode asked for, and puts
    back modes, buffers and random states, so that training ends bit-identically.

    Args:
        model: any ``nn.Module``; DDP, DataParallel and ``torch.compile`` wrappers are taken off.
        probe: ``(x, y)``, ``x``, a mapping, a DataLoader or a callable, see
            `infoplane.hooks.probing.probe.make_probe`. Several inputs: ``((x1, x2), y)``.
        to: directory of the run.
        layers: ``"auto"``, ``"all"``, ``"ops"`` (functional operations; ``"block3/add"`` is one),
            names, globs, types, modules, predicates ``f(name, module)``; ``"fc2:input"`` is a
            module's input, ``"rnn#1"`` the second call of a reused module.
        schedule: when `step` captures; every step when left out. See `infoplane.hooks.schedule`.
        reduce: a reduction for all layers, or ``{name or glob: reduction}``; see
            `infoplane.hooks.reduce`.
        rows: ``sample``; ``token`` (``token:decoder_input_ids`` names the input): every real
            position of every sample is a row of the plane; ``pixel``; ``node`` of one graph. See
            docs/tokens.md.
        y: labels, where they are not in the probe: an array, for tokens also ``token``,
            ``next-token``, ``position``, ``ngram:k``, or a mapping of names to these: several label
            sets in one run, ``ip.measure(run, ..., label="pos")`` takes one.
        mode: ``eval``, ``train``, or ``user``: as the model stands.
        y_kind: ``discrete`` or ``continuous``; needed for floating-point labels. Rows with the
            label -100, which losses ignore, are left out.
        measure: spec strings, e.g. ``["bin:szt", "kde:variance=0.001"]``: a background process of
            lowest priority measures the run as it grows (`infoplane.background.measuring`), once
            its share of a core has paid for loading it (30 s at 0.02). It lags rather than slows
            the training; leaving the ``with`` block waits until it has caught up, and
            ``ip.measure(run, [...])`` then reads the finished results.
        watch: True (or a port) prints the address of a page on this machine that shows the results
            of ``measure`` (``bin:szt`` when left out) as they arrive, see
            `infoplane.background.live_page`. It runs in a process of its own, outlives a kill of
            the training, and ends when nobody looks any more.
        max_overhead: skip due captures while probing takes more than this share of the time since
            attaching; with ``measure`` also the share of one core that measuring may use until
            training is over (0.02 when left out: to a training that keeps all cores busy a second
            of measuring costs a little more than a second).
        overwrite: replace a run that is there.
        resume: go on with a run that is there.
        verbose: print the chosen layers with shapes and cost; by default only for
            ``layers="auto"``.
        options: further options as one object, see `infoplane.hooks.options.CaptureOptions`.
        more: the same by keyword: ``draws=2``, ``forward=...``; they win over those of ``options``.

    Raises:
        CaptureError: the model, a layer or an output cannot be captured; see the tree in
            `infoplane.errors`.
        InputError: an argument is not what was expected.

    Example:
        >>> import tempfile, torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 2))
        >>> probe, run = (torch.eye(3), [0, 1, 1]), tempfile.mkdtemp() + "/run"
        >>> with Recorder(net, probe=probe, to=run, verbose=False) as rec:
        ...     rec.step(1, loss=0.5)
        True
        >>> rec.steps, rec.layers
        ((0, 1), ('1', '2'))
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        probe: object,
        to: str | Path,
        layers: Layers = "auto",
        schedule: Schedule | None = None,
        reduce: Reduce = "none",
        rows: str = "sample",
        y: LabelsAsked | None = None,
        mode: Mode = "eval",
        y_kind: Kind | None = None,
        measure: Sequence[str] | str | None = None,
        watch: bool | int = False,
        max_overhead: float | None = None,
        overwrite: bool = False,
        resume: bool = False,
        verbose: bool | None = None,
        options: CaptureOptions | None = None,
        **more: Unpack[CaptureKeywords],
    ) -> None:
        self.model = unwrap(model)
        check_option("to", to, str | os.PathLike)
        further = chosen_options(options, more)
        asked = Options(
            **vars(further),
            to=Path(to).absolute(),  # a training may change its working directory
            layers=layers,
            schedule=Every(1) if schedule is None else schedule,
            reduce=reduce,
            rows=further.wanted_rows(rows, y),
            mode=mode,
            y_kind=y_kind,
            measure=measure,
            watch=watch,
            max_overhead=max_overhead,
            overwrite=overwrite,
            resume=resume,
            verbose=layers == "auto" if verbose is None else verbose,
        )
        names = tuple(map(str, asked.fixed))
        given = make_probe(probe, names, dtype=dtype_of(self.model))
        self.probe, self.options = without_ignored_rows(given, asked)
        self.options.check_labels(self.probe)
        self.path, self.schedule = asked.to, asked.schedule
        self.plan: Plan | None = None
        self.chain: Chain | None = None
        self.probe_seconds = 0.0
        self._team = make_process_group(asked.ranks, self.model, timeout=asked.rank_timeout)
        if asked.store == "weights":
            self._require_whole_weights()
        self._companions = Companions(
            self.path, measure=measure, watch=watch, max_overhead=max_overhead
        )
        self._error_log = CaptureErrorLog(self.path, asked.on_error)
        self._certificates: Certificates | None = None
        self._interchange: ChainTest | None = None
        self._captures: Captures | None = None
        self._due = self.schedule.due
        self._last: int | None = None
        self._on_entry: Weights | None = None
        self._recording = False
        self._in_training = True

    def _require_whole_weights(self) -> None:
        """Refuse to store weights that this process does not hold."""
        if self._team.probes_together:
            raise InputError(
                "store='weights' needs whole parameters on one process; this network's are sharded "
                "over ranks: store activations"
            )
        if any(parameter.is_meta for parameter in self.model.parameters()):
            raise InputError(
                "store='weights' needs the weights, and this network's are on the meta device "
                "(offloaded, or never loaded): store activations"
            )

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: one object of one process writes to the run."""
        raise InputError(
            f"{self.path}: a Recorder cannot be pickled, since it alone writes to its run: keep it "
            "in a variable, and not in the model or the data set that is pickled"
        )

    def __deepcopy__(self, memo: object) -> Self:
        """Return the recorder itself: a copy of what holds it has no run of its own."""
        return self

    # ---- life ------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._certificates = None
            self._companions.stop()
        try:
            self.close()
        except Exception:
            if error is None:  # the exception of the training loop is the one to show
                raise

    def open(self, *, capture: bool = True, training: bool = True) -> Self:
        """Look at the network, certify the chain, create the run and capture step 0 if due.

        `__enter__` calls it.

        What is captured on entry is on disk at once, as step 0. It stays where your steps begin
        above 0. A first step of 0 takes its place, and so does the first of finished checkpoints
        that are loaded into the network; it is moved aside then, never deleted.

        Args:
            capture: False where the network is none of step 0: its training began elsewhere.
            training: False where finished checkpoints are captured one after another.
        """
        if self._recording or not self._team.probes:
            return self
        self._in_training = training
        if self._team.probes_together:
            self._team.barrier(
                "attaching the recorder"
            )  # before the first forward, which would wait for ever inside a collective
        plan = self._settle()
        try:
            self._captures = self._create(plan)
            self._recording = True
            if self._team.rank == 0:
                self._companions.start()
            self._opened_at = time.perf_counter()
            # A resumed run has steps; its training may have been rolled back to anywhere.
            if capture and not self.steps and self._due(0):
                self._capture_on_entry()
        except BaseException:
            self._certificates = None
            self._recording = self._captures is not None  # so that the run is let go of
            self._companions.stop()
            self.close()
            raise
        return self

    def _capture_on_entry(self) -> None:
        """Capture step 0; a failure is raised, since nothing is lost before training."""
        wish, self._error_log.policy = self._error_log.policy, "raise"
        try:
            self.capture(0)
            self._on_entry = Weights(self.model)
        finally:
            self._error_log.policy = wish

    def _settle(self) -> Plan:
        options = self.options
        previous = (
            open_archive(self.path)
            if options.resume and (self.path / "run.json").is_file()
            else None
        )
        plan = self.look(previous)
        plan.check_budget()
        plan.fit_reductions(self.model, self.probe)
        if options.chain:
            fresh = previous is None and self._due(0)
            self.chain = self._certify(0 if fresh else -1)
            if options.mode == "eval" and self.chain.coupled:
                self._tell_of_company(self.chain.coupled)
            earlier = None if previous is None else previous.chain
            if earlier is not None and earlier.layers == self.chain.layers:  # else it is refused
                self.chain = earlier.joined(self.chain)
        return plan

    def _tell_of_company(self, layers: Sequence[str]) -> None:
        """Say which rows are no function of their own input, unless the plan has said it."""
        if not any(map(uses_the_batch, self.model.modules())):
            more = f" and {len(layers) - 5} more" if len(layers) > 5 else ""
            self._say(
                f"  note: {list(layers[:5])}{more}: rows depend on the other rows of their batch, "
                "or on their place in it, in eval mode too (statistics of the batch; a recurrent "
                "layer or an attention that takes samples for time, where batch_first=True is "
                "missing): what is captured depends on batch_size="
            )

    def look(self, previous: Archive | None = None) -> Plan:
        """Look at the network with a few rows, settle what is captured, and print the table.

        Nothing is written.

        Args:
            previous: the run that is being resumed.
        """
        self._say(f"infoplane: looking at {type(self.model).__name__} with a few rows")
        self.plan = make_plan(self.model, self.probe, self.options, previous)
        self._interchange = None  # of an earlier plan
        for text in (self.describe(), *self.plan.outlook()):  # before what takes time
            self._say(text)
        return self.plan

    def _say(self, text: str) -> None:
        if self.options.verbose and self._team.rank == 0:
            print(text, flush=True)

    def _certify(self, step: int) -> Chain:
        """The interchange test of the network as it is now, as that of a checkpoint."""
        earlier = self.chain.untested if self._recording and self.chain is not None else ()
        budget = None if self.options.chain is True else Budget()
        shown = self.options.verbose and not self._recording and self._team.rank == 0
        return self._chain_test().run(step, budget=budget, skipped=earlier, shown=shown)

    def certify(self, step: int, *, shown: bool = True) -> Chain:
        """Test every pair of layers, whatever it costs; nothing is stored.

        Args:
            step: the checkpoint whose weights the network has.
            shown: whether progress is shown.
        """
        return self._chain_test().run(step, budget=None, shown=shown)

    def _chain_test(self) -> ChainTest:
        if self._interchange is None:
            self._interchange = ChainTest(self.model, self.probe, self._planned())
        self._interchange.beside_training = self._recording
        return self._interchange

    def _create(self, plan: Plan) -> Captures:
        team = self._team
        if team.split and team.rank > 0:
            team.barrier("creating the run")  # rank 0 creates it
        start, stop = team.rows(self.probe.n)
        own = self.probe.take(slice(start, stop))
        rows = plan.row_kind.subset(np.arange(start, stop)) if team.split else plan.row_kind
        certifies = self.options.store == "activations" and (team.rank == 0 or team.probes_together)
        writer = None
        try:
            if team.writes:
                writer = create_run(plan, self.model, self.probe, team, self.chain)
            if team.split and team.rank == 0:
                team.barrier("creating the run")
            if self.chain is not None and certifies:
                run = None if writer is None else (self.path, writer.run_uuid)
                self._certificates = Certificates(self._certify, self.chain, run)
            return Captures(plan, self.model, own, rows, writer, self._error_log)
        except BaseException:
            if writer is not None:
                writer.close()
            raise

    def close(self) -> None:
        """Wait for what is still being written, and measured, and let go of the run.

        Raises what went wrong in writing.
        """
        with self._alone():  # a capture of another thread comes to its end first
            self._close()

    def _close(self) -> None:
        was, self._recording = self._recording, False
        certificates, self._certificates = self._certificates, None
        try:
            if was and certificates is not None and self._weights_still_theirs():
                certificates.finish()
                self.chain = certificates.chain
            if was and self._captures is not None:
                self._captures.close()
        finally:
            self._companions.finish()

    def _weights_still_theirs(self) -> bool:
        """Whether the last certificate can be made now: alone, and in the mode of the captures."""
        return self.options.mode != "user" and not self._team.probes_together

    # ---- capturing -------------------------------------------------------------------------------

    def step(self, step: SupportsFloat, **metrics: object) -> bool:
        """Capture when ``step`` is due; costs one set look-up otherwise.

        Metrics are read (and a GPU is waited for) only when due.

        A first step of 0 takes the place of what was captured on entry, see `open`.

        Args:
            step: your own count, increasing; whatever unit you chose for the schedule. Whole
                numbers of any type are taken.
            metrics: numbers or one-element tensors: loss, accuracy, learning rate. None is missing.

        Returns:
            Whether a capture was taken.
        """
        count = step if type(step) is int else self._whole(step)
        if count is None:
            return False
        if not self._due(count):
            self._on_entry = None
            return False
        return self.capture(count, **metrics)

    def capture(self, step: SupportsFloat, **metrics: object) -> bool:
        """Capture now, due or not; False when it was dropped or this step is already there.

        Threads that share a recorder capture one after another.

        Raises:
            InputError: recording is not open, or ``step`` lies before the last capture.
        """
        if not self._team.probes:
            return False
        with self._alone():
            return self._capture(self._opened(), step, metrics)

    def _alone(self) -> AbstractContextManager[object]:
        """The network and the run for this thread alone; before `open` there is no other thread."""
        return nullcontext() if self._captures is None else self._captures.capture_lock.of_process()

    def _capture(
        self, captures: Captures, step: SupportsFloat, metrics: Mapping[str, object]
    ) -> bool:
        captures.collect()
        count = self._whole(step)
        if self._error_log.stopped or count is None:
            return False
        entry, self._on_entry = self._on_entry, None
        outdated = 0 if entry and (count == 0 or entry.loaded(self.model, count)) else None
        told = entry is not None and outdated is not None and entry.moved(self.model)
        if count == self._last and outdated is None:
            self._error_log.captured_already(count)
            return False
        if self._last is not None and count < self._last:
            captures.failed(
                count,
                InputError(
                    f"step {count} lies before the last captured step {self._last}; to record a "
                    "training that was rolled back, open the run with resume=True"
                ),
            )
            return False
        if outdated is None and self._too_slow(count, captures):
            return False
        taken = self._take(captures, count, metrics, outdated)
        if taken and told:
            self._error_log.entry_replaced(count)
        return taken

    def _take(
        self,
        captures: Captures,
        step: int,
        metrics: Mapping[str, object],
        outdated: int | None,
    ) -> bool:
        began = time.perf_counter()
        found = Metrics.of(metrics)
        goes_on = self._in_training and self._last is None
        later = [other for other in self.steps if other > step] if goes_on else []
        try:
            self._team.barrier(f"step {step}")
            self._refuse_metrics(found)
            captures.take(step, found.values, first=self._last is None, outdated=outdated)
            if self._certificates is not None:
                if outdated is not None:
                    self._certificates.begin_again()
                self._certificates.captured(step)
                self.chain = self._certificates.chain
        except Exception as error:
            captures.failed(step, error)
            return False
        finally:
            self.probe_seconds += time.perf_counter() - began
        self._last = step
        self._error_log.left_out(step, found.left_out)
        if later:
            self._error_log.rolled_back(step, later)
        captures.collect()
        self._watch_budget(captures)
        return True

    def attach(self, name: str, record: Mapping[str, object]) -> None:
        """Attach a JSON record to the next capture; `Archive.extra` reads it back.

        Raises:
            InputError: recording is not open.
        """
        with self._alone():
            self._opened().pending[name] = dict(record)

    def _opened(self) -> Captures:
        if self._captures is None or not self._recording:
            raise InputError(
                "the recorder is not open: use it as a context manager (with ip.Recorder(...) as "
                "rec:) or call open()"
            )
        return self._captures

    def _whole(self, step: object) -> int | None:
        """The step as a count.

        One that is none is refused on its own, and the next is as good as ever.
        """
        try:
            return whole_step(step)
        except InputError as error:
            if self._team.probes:
                self._opened().failed(str(step), error)
            return None

    def _refuse_metrics(self, metrics: Metrics) -> None:
        """Under ``on_error="raise"`` what is no number stops the training.

        None is missing in any case.
        """
        wrong = [f"{name!r}: {why}" for name, why in metrics.left_out.items() if "None" not in why]
        if wrong and self.options.on_error == "raise":
            raise InputError(f"metric {wrong[0]}")

    def selfcheck(self, archive: Archive | None = None, *, step: int | None = None) -> SelfCheck:
        """Hold a stored step against a fresh pass of the live model.

        Finds shuffled rows, swapped layers, another checkpoint, train mode.

        Call it while the model still has the weights of that step: right after a capture. Nothing
        of the model or the random state changes.

        Args:
            archive: what to check; the run being recorded when left out.
            step: which stored step; the last one when left out.

        Raises:
            InputError: the recorder was never opened, or nothing was captured.
        """
        plan = self._planned()
        archive = open_archive(self.path) if archive is None else archive
        if not archive.steps:
            raise InputError(f"{archive.path}: no captured step to check")
        checked = archive.steps[-1] if step is None else step
        with self._alone():
            return check_live(archive, checked, plan, self.model, self.probe)

    def _planned(self) -> Plan:
        if self.plan is None:
            raise InputError("the recorder was never opened: use it as a context manager first")
        return self.plan

    # ---- what is known ---------------------------------------------------------------------------

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the captured layers, in order of execution."""
        return tuple(info.name for info in self.infos)

    @property
    def infos(self) -> tuple[LayerInfo, ...]:
        """The layer table as the archive stores it."""
        return self.plan.infos if self.plan else ()

    @property
    def silent(self) -> tuple[str, ...]:
        """Layers that a glob, type or predicate matched and that never ran."""
        return self.plan.survey.silent if self.plan else ()

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps that are safely on disk."""
        return self._captures.steps if self._captures is not None else ()

    @property
    def failures(self) -> list[dict[str, object]]:
        """Captures that were dropped: step, error, message."""
        return self._error_log.failures

    @property
    def bytes_written(self) -> int:
        """Bytes of activations and row digests written so far."""
        return self._captures.bytes_written if self._captures is not None else 0

    @property
    def bytes_per_capture(self) -> int:
        """Bytes of activations and row digests that one capture writes."""
        return self.plan.bytes_per_capture if self.plan else 0

    def describe(self) -> str:
        """Return a table of the chosen layers: shapes, bytes per capture, what was left out."""
        return self._planned().describe()

    def _watch_budget(self, captures: Captures) -> None:
        most = self.options.max_bytes
        if (
            most is not None
            and self.schedule.count() is None
            and captures.bytes_written + self.bytes_per_capture > most
        ):
            self._error_log.used_up(size_text(most), self._last)

    def _too_slow(self, step: int, captures: Captures) -> bool:
        most = self.options.max_overhead
        if (
            most is None
            or self._last is None
            or self.probe_seconds <= most * (time.perf_counter() - self._opened_at)
        ):
            return False
        captures.pending.setdefault("skipped", {"steps": []})["steps"].append(
            step
        )  # a thinned schedule must say so
        return True
