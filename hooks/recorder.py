"""The recorder: attach to a network, capture at the due steps, leave all as it was.

Its parts are in `infoplane.hooks.recording`, which says what each decides.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self, SupportsFloat, Unpack

from torch import nn

from infoplane.archive import Archive, open_archive
from infoplane.errors import InputError
from infoplane.hooks.choice.requests import Layers
from infoplane.hooks.network.isolate import Mode, unwrap
from infoplane.hooks.option_types import check_option
from infoplane.hooks.options import CaptureKeywords, CaptureOptions, Options, Reduce, chosen_options
from infoplane.hooks.probing.settle import settle_probe
from infoplane.hooks.recording.plan import Plan
from infoplane.hooks.recording.session import Session
from infoplane.hooks.schedule import Every, Schedule
from infoplane.hooks.verifying.selfcheck import SelfCheck, check_live
from infoplane.positions.row_request import Labels
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
        measure: spec strings, e.g. ``["bin:szt", "kde:variance=0.001"]``: a process of lowest
            priority measures the run as it grows (`infoplane.background.measuring`); leaving the
            ``with`` block waits for it, and ``ip.measure(run, [...])`` reads what it found.
        watch: True (or a port) prints the address of a page on this machine that shows the results
            of ``measure`` (``bin:szt`` when left out), see `infoplane.background.live_page`.
        max_overhead: skip due captures while captures take more than this share of the time since
            attaching; with ``measure`` also the share of one core that measuring may use until
            training is over (0.02 when left out).
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
        y: Labels | None = None,
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
        self.probe, self.options = settle_probe(self.model, probe, asked)
        self.path, self.schedule = asked.to, asked.schedule
        self._session = Session(self.model, self.probe, self.options)

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
        if error is None:
            self.close()
        else:
            self._session.give_up()

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
        if self._session.team.probes and not self._session.is_open:
            self._session.open(capture=capture, training=training)
        return self

    def look(self, previous: Archive | None = None) -> Plan:
        """Look at the network with a few rows, settle what is captured, and print the table.

        Nothing is written.

        Args:
            previous: the run that is being resumed.
        """
        return self._session.look(previous)

    def certify(self, step: int, *, shown: bool = True) -> Chain:
        """Test every pair of layers, whatever it costs; nothing is stored.

        Args:
            step: the checkpoint whose weights the network has.
            shown: whether progress is shown.
        """
        plan = self._session.planned()
        return self._session.certification.of_all_pairs(plan, step, shown=shown)

    def close(self) -> None:
        """Wait for what is still being written, and measured, and let go of the run.

        Raises what went wrong in writing.
        """
        self._session.close()

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
        return self._session.steps.due(step) and self.capture(step, **metrics)

    def capture(self, step: SupportsFloat, **metrics: object) -> bool:
        """Capture now, due or not; False when it was dropped or this step is already there.

        Threads that share a recorder capture one after another.

        Raises:
            InputError: recording is not open, or ``step`` lies before the last capture.
        """
        if not self._session.team.probes:
            return False
        with self._session.alone():
            return self._session.opened().capture(step, metrics)

    def attach(self, name: str, record: Mapping[str, object]) -> None:
        """Attach a JSON record to the next capture; `Archive.extra` reads it back.

        Raises:
            InputError: recording is not open.
        """
        with self._session.alone():
            self._session.opened().captures.pending[name] = dict(record)

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
        plan = self._session.planned()
        if archive is None:
            if self._session.recording is not None:
                self._session.recording.captures.wait()
            archive = open_archive(self.path)
        if not archive.steps:
            raise InputError(f"{archive.path}: no captured step to check")
        checked = archive.steps[-1] if step is None else step
        with self._session.alone():
            return check_live(archive, checked, plan, self.model, self.probe)

    # ---- what is known ---------------------------------------------------------------------------

    @property
    def chain(self) -> Chain | None:
        """The certificate of the run as it is now; None where none was asked for."""
        return self._session.certification.chain

    @property
    def probe_seconds(self) -> float:
        """Seconds that captures took so far."""
        return self._session.steps.probe_seconds

    @property
    def plan(self) -> Plan | None:
        """What is captured; None before `look`."""
        return self._session.plan

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
        recording = self._session.recording
        return () if recording is None else recording.captures.steps

    @property
    def failures(self) -> list[dict[str, object]]:
        """Captures that were dropped: step, error, message."""
        return self._session.error_log.failures

    @property
    def bytes_written(self) -> int:
        """Bytes of activations and row digests written so far."""
        recording = self._session.recording
        return 0 if recording is None else recording.captures.bytes_written

    @property
    def bytes_per_capture(self) -> int:
        """Bytes of activations and row digests that one capture writes."""
        return self.plan.bytes_per_capture if self.plan else 0

    def describe(self) -> str:
        """Return a table of the chosen layers: shapes, bytes per capture, what was left out."""
        return self._session.planned().describe()
