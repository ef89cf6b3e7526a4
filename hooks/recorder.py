"""The recorder: attach to a network, capture at the due steps, leave everything as it was found."""

from __future__ import annotations

import errno
import time
import warnings
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from infoplane.archive import Archive, RunWriter, open_archive
from infoplane.errors import BudgetExceeded, InfoplaneError, InputError
from infoplane.hooks.background import Background
from infoplane.hooks.chain import certify
from infoplane.hooks.gradients import LossFunction, gradient_statistics
from infoplane.hooks.isolate import Mode, device_of, isolated, unwrap
from infoplane.hooks.layers import Layers, Survey, survey
from infoplane.hooks.outputs import Selector
from infoplane.hooks.passes import Slot, allocate, bytes_per_row, draw_seed, fill, fit_reductions, stored_dtype, stored_shape
from infoplane.hooks.probe import Forward, Probe, batch_size_for, make_probe
from infoplane.hooks.ranks import Ranks, make_team
from infoplane.hooks.reduce import Custom, Reduction, reduction
from infoplane.hooks.schedule import Every, Schedule
from infoplane.hooks.selfcheck import SelfCheck, compare
from infoplane.hooks.weights import forget_weights, save_weights
from infoplane.rows import row_codes, row_digests
from infoplane.types import Chain, LayerInfo

_FULL_DISK = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
Reduce = str | Custom | Mapping[str, str | Custom]


class Recorder:
    """Records a network's layers on a fixed probe set while it trains; a context manager.

    Between captures nothing is attached to the model. A capture runs the bare network on the probe in fixed batches, under ``no_grad``, eager,
    without autocast, in the mode asked for, and puts back modes, buffers and random states, so that training ends bit-identically.

    Args:
        model: any ``nn.Module``; DDP, DataParallel and ``torch.compile`` wrappers are taken off.
        probe: ``(x, y)``, ``x``, a mapping, a DataLoader or a callable, see `infoplane.hooks.probe.make_probe`. Several inputs: ``((x1, x2), y)``.
        to: directory of the run.
        layers: ``"auto"``, ``"all"``, names, globs, types, modules, predicates ``f(name, module)``; ``"fc2:input"`` is a module's input, ``"rnn#1"``
            the second call of a reused module.
        schedule: when `step` captures; every step when left out. See `infoplane.hooks.schedule`.
        reduce: a reduction for all layers, or ``{name or glob: reduction}``; see `infoplane.hooks.reduce`.
        select: ``{name or glob: index, key or callable}`` for layers that return several tensors.
        forward: ``f(model, inputs)`` for networks that are not called as ``model(x)``, ``model(*xs)`` or ``model(**xs)``.
        batch_size: rows per probe forward; chosen from the activations' size when left out. Part of the result: it moves last bits.
        mode: ``eval``, ``train``, or ``user``: as the model stands.
        draws: forwards per row with independent noise, for networks that are random in this mode; row ``d * n + i`` is draw d of row i.
        noise: ``independent`` declares that layers share no noise; without it data-processing verdicts of a noisy mode are not comparable.
        autocast: dtype to probe under autocast in; off by default whatever the loop does.
        dtype: ``float32`` (halves are stored as float32, float64 stays), or ``float16``, ``float64``.
        store: ``activations``, or ``weights``: state dicts on the schedule, activations at the first capture only; `infoplane replay` does the rest.
        chain: whether to run the interchange test when attaching.
        y_kind: ``discrete`` or ``continuous``; needed for floating-point labels.
        row_ids: shape ``(n,)``: equal number, equal input; from the inputs themselves when left out.
        split: shape ``(n,)`` of ``train``/``test``.
        on_error: ``warn``: a capture that fails while training is dropped, recorded in the archive and warned of once, and training goes on;
            ``raise`` stops at it. What fails on entry, before training, always raises. A full disk always warns.
        background: write on a thread of its own; at most two captures are held.
        max_bytes: refuse to start when the scheduled captures would exceed it; stop capturing when an endless schedule does.
        max_overhead: skip due captures while probing takes more than this share of the time since attaching.
        ranks: see `infoplane.hooks.ranks`.
        gradients: ``loss_fn(output, labels)``: at every capture also per-batch gradients over one pass of the probe, see `infoplane.hooks.gradients`.
        seed: of noise draws, random projections and samples.
        overwrite, resume, durable: as for the archive.
        tags: anything of yours that is JSON.
        verbose: print the chosen layers with shapes and cost; by default only for ``layers="auto"``.

    Raises:
        CaptureError: the model, a layer or an output cannot be captured; see the tree in `infoplane.errors`.
        InputError: an argument is not what was expected.

    Example:
        >>> import tempfile, torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 2))
        >>> with Recorder(net, probe=(torch.eye(3), [0, 1, 1]), to=tempfile.mkdtemp() + "/run", verbose=False) as rec:
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
        select: Mapping[str, Selector] | None = None,
        forward: Forward | None = None,
        batch_size: int | None = None,
        mode: Mode = "eval",
        draws: int = 1,
        noise: Literal["undeclared", "independent"] = "undeclared",
        autocast: torch.dtype | None = None,
        dtype: str | None = None,
        store: Literal["activations", "weights"] = "activations",
        chain: bool = True,
        y_kind: Literal["discrete", "continuous"] | None = None,
        row_ids: NDArray[np.integer] | None = None,
        split: Sequence[str] | NDArray[np.generic] | None = None,
        on_error: Literal["raise", "warn"] = "warn",
        background: bool = False,
        max_bytes: int | None = None,
        max_overhead: float | None = None,
        ranks: Ranks = "auto",
        rank_timeout: float = 60.0,
        gradients: LossFunction | None = None,
        seed: int = 0,
        overwrite: bool = False,
        resume: bool = False,
        durable: bool = True,
        tags: Mapping[str, object] | None = None,
        verbose: bool | None = None,
    ) -> None:
        _check_choice("mode", mode, ("eval", "train", "user"))
        _check_choice("noise", noise, ("undeclared", "independent"))
        _check_choice("store", store, ("activations", "weights"))
        _check_choice("on_error", on_error, ("raise", "warn"))
        _check_choice("dtype", dtype, (None, "float16", "float32", "float64"))
        if draws < 1 or (batch_size is not None and batch_size < 1):
            raise InputError(f"draws and batch_size are at least 1, got draws={draws}, batch_size={batch_size}")
        self.model = unwrap(model)
        self.path = Path(to)
        self.schedule: Schedule = Every(1) if schedule is None else schedule
        if not isinstance(self.schedule, Schedule):
            raise InputError(f"schedule must have due(step) and count(), e.g. ip.log_spaced(8000, 60), got {type(schedule).__name__}")
        self.probe = make_probe(probe)
        _check_labels(self.probe, y_kind)
        self._layers, self._reduce, self._select, self._forward = layers, reduce, select, forward
        self._mode, self._draws, self._noise, self._autocast, self._dtype = mode, draws, noise, autocast, dtype
        self._store, self._chain_wanted, self._y_kind, self._row_ids, self._split = store, chain, y_kind, row_ids, split
        self._on_error, self._async, self._max_bytes, self._max_overhead = on_error, background, max_bytes, max_overhead
        self._seed, self._create = seed, {"overwrite": overwrite, "resume": resume, "durable": durable}
        self._batch_size, self._tags, self._verbose = batch_size, dict(tags or {}), layers == "auto" if verbose is None else verbose
        self._team = make_team(ranks, self.model, timeout=rank_timeout)
        if store == "weights" and self._team.probes_together:
            raise InputError(
                "store='weights' needs whole parameters on one process; this network's are sharded over ranks: store activations"
            )
        self._gradients = gradients
        self.failures: list[dict[str, object]] = []
        self._said_nonfinite = False
        self.probe_seconds = 0.0
        self.bytes_written = 0
        self._due = self.schedule.due
        self._writer: RunWriter | None = None
        self._background: Background | None = None
        self._pool: list[list[Slot]] = []
        self._infos: tuple[LayerInfo, ...] = ()
        self._survey: Survey | None = None
        self._reductions: dict[str, Reduction] = {}
        self._pending: dict[str, Any] = {}  # Any: JSON attachments for the next shard
        self._last: int | None = None
        self._stopped = False
        self.chain: Chain | None = None

    # ---- life ------------------------------------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.close()
        except Exception:
            if error is None:  # the exception of the training loop is the one to show
                raise

    def open(self, *, capture: bool = True) -> Self:
        """Looks at the network, certifies the chain, creates the run and captures step 0 if due. `__enter__` calls it."""
        if self._writer is not None or not self._team.probes:
            return self
        self._opened = time.perf_counter()
        start, stop = self._team.rows(self.probe.n)
        self._own = self.probe.take(slice(start, stop))
        if self._team.probes_together:
            self._team.meet("attaching the recorder")  # before the first forward, which would wait for ever inside a collective
        self._look()
        self._check_budget()
        if self._chain_wanted and self._survey is not None:
            self.chain = certify(
                self.model, self.probe, self._survey.sites, mode=self._mode, autocast=self._autocast, forward=self._forward
            )
        if self._team.split and self._team.rank > 0:
            self._team.meet("creating the run")
        if self._team.writes:
            self._writer = self._make_writer(start, stop)
        if self._team.split and self._team.rank == 0:
            self._team.meet("creating the run")
        if self._verbose and self._team.rank == 0:
            print(self.describe())
        written = self.steps  # of a resumed run; its training may have been rolled back, so that the first capture may lie anywhere
        if self._async and self._team.writes:
            self._background = Background(depth=1)
        self._opened_at = time.perf_counter()
        if capture and not written and self._due(0):
            wish, self._on_error = self._on_error, "raise"  # nothing is lost by stopping before training
            try:
                self.capture(0)
            except BaseException:
                self.close()
                raise
            finally:
                self._on_error = wish
        return self

    def close(self) -> None:
        """Waits for what is still being written and lets go of the run; raises what went wrong there."""
        background, self._background = self._background, None
        try:
            if background is not None:
                background.close()
                self._collect(background)
        finally:
            if self._writer is not None:
                self._writer.close()
                self._closed_steps = self._writer.steps_written
            self._writer = None
            self._pool.clear()

    # ---- looking ---------------------------------------------------------------------------------------------------------------------------------

    def _isolated(self, seed: int) -> Any:  # Any: a context manager
        return isolated(self.model, mode=self._mode, seed=seed, autocast=self._autocast, device=device_of(self.model))

    def _look(self) -> None:
        few = self.probe.take(slice(0, min(4, self.probe.n)))
        with self._isolated(self._seed):
            inputs = next(few.batches(few.n, device_of(self.model)))[1]
            try:
                self._survey = survey(self.model, self._layers, inputs, few.n, select=self._select, forward=self._forward)
            except Exception as error:
                if not isinstance(error, InfoplaneError):
                    shapes = ", ".join(f"{name}: {tuple(t.shape)} {t.dtype}" for name, t in few.tensors().items())
                    error.add_note(
                        f"infoplane: the network failed on the first {few.n} probe rows; does it take {shapes}? See probe= and forward="
                    )
                raise
        sites = self._survey.sites
        self._reductions = {
            s.name: r for s in sites if (r := reduction(self._reduction_of(s.name), s.name, s.raw_shape, seed=self._seed)) is not None
        }
        previous = open_archive(self.path) if self._create["resume"] and (self.path / "run.json").is_file() else None
        if self._batch_size is None and previous is not None and "batch_size" in previous.config:
            self._batch_size = int(str(previous.config["batch_size"]))  # the layout of batches moves last bits
        if self._batch_size is None:
            raw = sum(int(np.prod(s.raw_shape)) * getattr(torch, s.dtype).itemsize for s in sites)
            self._batch_size = batch_size_for(raw, self.probe.n)
        known = self._remembered(previous)
        with self._isolated(self._seed):
            fit_reductions(
                self.model,
                self.probe,
                sites,
                {name: r for name, r in self._reductions.items() if name not in known},
                batch_size=self._batch_size,
                device=device_of(self.model),
                seed=self._seed,
                forward=self._forward,
            )
        self._infos = tuple(self._info(i, s) for i, s in enumerate(sites))
        self._pending |= {f"reduction:{name}": state for name, r in self._reductions.items() if (state := r.state()) is not None}
        if any(getattr(m, "track_running_stats", True) is False for m in self.model.modules()):
            warnings.warn(
                "a normalisation layer has track_running_stats=False: its output depends on the other rows of the probe batch even in eval mode",
                stacklevel=4,
            )

    def _remembered(self, previous: Archive | None) -> set[str]:
        """Reductions that the run being resumed has fitted already: a second basis would be another coordinate system."""
        if previous is None or not previous.steps:
            return set()
        known = set()
        for name, r in self._reductions.items():
            states = (previous.extra(step, f"reduction:{name}") for step in previous.steps)
            if state := next((s for s in states if s is not None), None):
                r.load(state)
                known.add(name)
        return known

    def _reduction_of(self, name: str) -> str | Custom | None:
        if not isinstance(self._reduce, Mapping):
            return self._reduce
        plain = name.partition("#")[0].partition(":")[0]
        return next((spec for key, spec in self._reduce.items() if fnmatchcase(name, key) or fnmatchcase(plain, key)), None)

    def _info(self, ordinal: int, s: Any) -> LayerInfo:  # Any: Site
        r = self._reductions.get(s.name)
        stored = str(stored_dtype(s.dtype, self._dtype)).removeprefix("torch.")
        return LayerInfo(
            s.name,
            ordinal,
            type(s.module).__name__,
            stored_shape(s, r),
            s.raw_shape,
            s.dtype,
            stored,
            r.spec if r else "none",
            s.end,
            s.aliases,
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the captured layers, in order of execution."""
        return tuple(info.name for info in self._infos)

    @property
    def infos(self) -> tuple[LayerInfo, ...]:
        """The layer table as the archive stores it."""
        return self._infos

    @property
    def silent(self) -> tuple[str, ...]:
        """Layers that a glob, type or predicate matched and that never ran."""
        return self._survey.silent if self._survey else ()

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps that are safely on disk."""
        return self._writer.steps_written if self._writer is not None else getattr(self, "_closed_steps", ())

    @property
    def bytes_per_capture(self) -> int:
        """Bytes of activations and row digests that one capture writes."""
        sites = self._survey.sites if self._survey else ()
        return sum(bytes_per_row(s, self._reductions.get(s.name), self._dtype) + 16 for s in sites) * self.probe.n * self._draws

    def describe(self) -> str:
        """A table of the chosen layers with shapes and bytes per capture, and what was left out."""
        rows = self.probe.n * self._draws
        lines = [
            f"infoplane: {len(self._infos)} layers, {rows} probe rows in batches of {self._batch_size}, {_size(self.bytes_per_capture)} per capture"
            + (f", {_size(self.bytes_per_capture * n)} in all" if (n := self.schedule.count()) else "")
        ]
        width = max((len(i.name) for i in self._infos), default=0)
        for i, s in zip(self._infos, self._survey.sites if self._survey else ()):
            cost = (bytes_per_row(s, self._reductions.get(s.name), self._dtype) + 16) * rows
            lines.append(
                f"  {i.name:{width}s}  {i.cls:22s} {'x'.join(map(str, i.shape)) or 'scalar':>14s} {i.store_dtype} {_size(cost):>9s}"
                + (f"  {i.reduction}" if i.reduction != "none" else "")
            )
        lines += [f"  note: {note}" for note in (self._survey.notes if self._survey else ())]
        return "\n".join(lines)

    def _check_budget(self) -> None:
        count = self.schedule.count()
        need = self.bytes_per_capture * (count or 1)
        if self._max_bytes is not None and need > self._max_bytes:
            raise BudgetExceeded(
                f"{count or 1} captures of {_size(self.bytes_per_capture)} take {_size(need)}, more than max_bytes={_size(self._max_bytes)}; "
                "take fewer steps, fewer layers, fewer probe rows, or reduce= (gap, sample:k, pca:k)"
            )

    # ---- the run ---------------------------------------------------------------------------------------------------------------------------------

    def _make_writer(self, start: int, stop: int) -> RunWriter:
        x, y = self.probe.array(), self.probe.y
        ids = row_codes(row_digests(x)) if self._row_ids is None else np.asarray(self._row_ids, dtype=np.int64)
        if len(ids) != self.probe.n:
            raise InputError(f"row_ids must hold one number for each of the {self.probe.n} probe rows, got {len(ids)}")
        split = None if self._split is None else np.asarray(self._split)
        if self._create["overwrite"]:
            forget_weights(self.path)
        k = self._draws
        share: dict[str, int] = {}
        if self._team.split:
            if k > 1:
                raise InputError("draws > 1 and ranks='split' cannot be combined: take the draws on one rank")
            share = {"rank": self._team.rank, "world_size": self._team.world, "row_start": start, "row_stop": stop}
        tile = (lambda a: None if a is None else np.concatenate([a] * k)) if k > 1 else (lambda a: a)
        return RunWriter.create(
            self.path,
            layers=self._infos,
            x=tile(x),
            y=tile(y),
            y_kind=self._y_kind,
            row_ids=tile(ids),
            split=tile(split),
            chain=self.chain,
            config=self._config(),
            **self._create,
            **share,  # type: ignore[arg-type]  # known keywords
        )

    def _config(self) -> dict[str, object]:
        survey = self._survey
        return {
            "schedule": str(self.schedule),
            "mode": self._mode,
            "draws": self._draws,
            "noise": self._noise,
            "seed": self._seed,
            "batch_size": self._batch_size,
            "layers": str(self._layers)
            if isinstance(self._layers, str)
            else [str(p) for p in np.atleast_1d(np.array(self._layers, dtype=object))],
            "autocast": str(self._autocast).removeprefix("torch.") if self._autocast else "off",
            "store": self._store,
            "ranks": self._team.world,
            "silent": list(survey.silent) if survey else [],
            "notes": list(survey.notes) if survey else [],
            "torch": torch.__version__,
            "model": type(self.model).__name__,
            "inputs": type(self.probe.inputs).__name__,
            "bytes_per_capture": self.bytes_per_capture,
            "tags": self._tags,
        }

    def step(self, step: int, **metrics: object) -> bool:
        """Captures when ``step`` is due; costs one set look-up otherwise. Metrics are read (and a GPU is waited for) only when due.

        Args:
            step: your own count, increasing; whatever unit you chose for the schedule.
            metrics: numbers or one-element tensors: loss, accuracy, learning rate.

        Returns:
            Whether a capture was taken.
        """
        return self._due(step) and self.capture(step, **metrics)

    def capture(self, step: int, **metrics: object) -> bool:
        """Captures now, due or not. False when it was dropped or this step is already there.

        Raises:
            InputError: recording is not open, or ``step`` lies before the last capture.
        """
        if not self._team.probes:
            return False
        if self._writer is None and self._team.writes:
            raise InputError("the recorder is not open: use it as a context manager (with ip.Recorder(...) as rec:) or call open()")
        if self._background is not None:
            self._collect(self._background)
        if self._stopped or step == self._last:
            return False
        if self._last is not None and step < self._last:
            self._failed(
                step,
                InputError(
                    f"step {step} lies before the last captured step {self._last}; to record a training that was rolled back, open the run with resume=True"
                ),
            )
            return False
        if self._too_slow(step):
            return False
        began = time.perf_counter()
        try:
            self._take(step, {name: _number(name, value) for name, value in metrics.items()})
        except Exception as error:
            self._failed(step, error)
            return False
        finally:
            self.probe_seconds += time.perf_counter() - began
        self._last = step
        self._watch_budget()
        return True

    def _take(self, step: int, metrics: dict[str, float]) -> None:
        self._team.meet(f"step {step}")
        if self._store == "weights" and self._team.writes:
            save_weights(self.path, step, self.model, metrics, durable=bool(self._create["durable"]))
            if self.steps or self._last is not None:  # activations at the first capture only: what a replay is verified against
                return
        if self._background is not None and not self._pool:  # both buffers are with the writer: wait, so that two captures are held at most
            self._background.drain()
            self._collect(self._background)
        survey = self._survey
        if survey is None:
            raise InputError("the recorder is not open")
        slots = (
            self._pool.pop()
            if self._pool
            else allocate(survey.sites, self._reductions, self._own.n * self._draws, wish=self._dtype, spool=self.path)
        )
        try:
            with self._isolated(draw_seed(self._seed, step, 0)):
                fill(
                    self.model,
                    self._own,
                    slots,
                    batch_size=self._batch_size or 1,
                    device=device_of(self.model),
                    step=step,
                    seed=self._seed,
                    draws=self._draws,
                    forward=self._forward,
                )
            self._warn_nonfinite(step, slots)
            if self._gradients is not None:
                with self._isolated(draw_seed(self._seed, step, 0)):
                    self._pending["gradients"] = gradient_statistics(
                        self.model, self._gradients, self._own, device=device_of(self.model), forward=self._forward
                    )
            if self._team.writes:
                job = partial(self._write, step, metrics, slots, dict(self._pending), self._meta())
                self._pending.clear()
                if self._background is not None:
                    self._background.submit(job)
                else:
                    job()
        finally:
            if self._background is None:
                self._pool.append(slots)

    def _write(
        self, step: int, metrics: dict[str, float], slots: list[Slot], attachments: dict[str, Any], meta: dict[str, object]
    ) -> None:  # Any: JSON
        try:
            if self._writer is None:
                return
            with self._writer.step(step, metrics=metrics, meta=meta) as shard:
                for slot in slots:
                    shard.write(slot.site.name, slot.array(), row_digests=slot.digests, torch_dtype=slot.site.dtype)
                ragged = {slot.site.name: slot.lengths for slot in slots if slot.lengths}
                for name, value in (attachments | ({"lengths": ragged} if ragged else {})).items():
                    shard.attach(name, value)
            self.bytes_written += self.bytes_per_capture
        except Exception as error:
            error.add_note(f"infoplane: while writing step {step}")
            self._pending = {**attachments, **self._pending}  # they go with the next shard
            error.infoplane_step = step  # type: ignore[attr-defined]  # carried from the writer's thread to the training thread
            raise
        finally:
            if self._background is not None:
                self._pool.append(slots)

    def _meta(self) -> dict[str, object]:
        return {
            "mode": self._mode,
            "training": self.model.training,
            "autocast": str(self._autocast).removeprefix("torch.") if self._autocast else "off",
            "device": str(device_of(self.model)),
            "batch_size": self._batch_size,
            "draws": self._draws,
            "noise": self._noise,
            "execution": "eager",
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "compute_dtype": next((str(p.dtype).removeprefix("torch.") for p in self.model.parameters()), "float32"),
        }

    def selfcheck(self, archive: Archive | None = None, *, step: int | None = None) -> SelfCheck:
        """Holds a stored step against a fresh pass of the live model: finds shuffled rows, swapped layers, another checkpoint, train mode.

        Call it while the model still has the weights of that step: right after a capture. Nothing of the model or the random state changes.

        Args:
            archive: what to check; the run being recorded when left out.
            step: which stored step; the last one when left out.

        Raises:
            InputError: the recorder was never opened, or nothing was captured.
        """
        survey = self._survey
        if survey is None:
            raise InputError("the recorder was never opened: use it as a context manager first")
        archive = open_archive(self.path) if archive is None else archive
        if not archive.steps:
            raise InputError(f"{archive.path}: no captured step to check")
        step = archive.steps[-1] if step is None else step

        def values(mode: Mode) -> dict[str, NDArray[np.generic]]:
            slots = allocate(survey.sites, self._reductions, self.probe.n * self._draws, wish=self._dtype)
            with isolated(
                self.model,
                mode=mode,
                seed=draw_seed(self._seed, step, 0),
                autocast=self._autocast,
                device=device_of(self.model),
            ):
                fill(
                    self.model,
                    self.probe,
                    slots,
                    batch_size=self._batch_size or 1,
                    device=device_of(self.model),
                    step=step,
                    seed=self._seed,
                    draws=self._draws,
                    forward=self._forward,
                )
            return {slot.site.name: slot.array() for slot in slots}

        live = values(self._mode)
        trained = values("train") if self._mode == "eval" else live
        random = {name: v for name, v in trained.items() if not np.array_equal(v, live[name], equal_nan=True)}
        return compare(archive, step, live, random, self.probe.y, self.probe.array())

    # ---- what goes wrong -------------------------------------------------------------------------------------------------------------------------

    def _failed(self, step: int, error: Exception) -> None:
        causes = (error, error.__cause__)  # the archive wraps what the system said
        full = any(isinstance(e, OSError) and e.errno in _FULL_DISK for e in causes)
        self.failures.append({"step": step, "error": type(error).__name__, "message": str(error)})
        self._pending["failures"] = {"failures": list(self.failures)}
        if full:
            self._stopped = True
            warnings.warn(
                f"no space left at {self.path}: step {step} was not captured and recording stops; {len(self.steps)} captured steps stay readable; training goes on",
                RuntimeWarning,
                stacklevel=4,
            )
        elif self._on_error == "warn":
            if len(self.failures) == 1:  # once: the archive and `failures` have the rest
                warnings.warn(
                    f"step {step} was not captured: {type(error).__name__}: {error}; training goes on, further failures are recorded in silence",
                    RuntimeWarning,
                    stacklevel=4,
                )
        else:
            error.add_note(f"infoplane: capture of step {step} failed; on_error='warn' would drop it and go on")
            raise error

    def _collect(self, background: Background) -> None:
        for error in background.failures():
            self._failed(getattr(error, "infoplane_step", -1), error)

    def _warn_nonfinite(self, step: int, slots: list[Slot]) -> None:
        bad = {slot.site.name: slot.nonfinite for slot in slots if slot.nonfinite}
        if bad and not self._said_nonfinite:
            self._said_nonfinite = True
            warnings.warn(
                f"step {step}: NaN or infinity in {bad}; captured as they are, measuring these layers will be refused; further steps say nothing",
                RuntimeWarning,
                stacklevel=5,
            )

    def _watch_budget(self) -> None:
        if self._max_bytes is not None and self.schedule.count() is None and self.bytes_written + self.bytes_per_capture > self._max_bytes:
            self._stopped = True
            warnings.warn(
                f"max_bytes={_size(self._max_bytes)} is used up after step {self._last}; nothing more is captured, training goes on",
                RuntimeWarning,
                stacklevel=4,
            )

    def _too_slow(self, step: int) -> bool:
        if (
            self._max_overhead is None
            or self._last is None
            or self.probe_seconds <= self._max_overhead * (time.perf_counter() - self._opened_at)
        ):
            return False
        self._pending.setdefault("skipped", {"steps": []})["steps"].append(step)  # a thinned schedule must say so
        return True


def _check_choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{name} must be one of {allowed}, got {value!r}")


def _check_labels(probe: Probe, y_kind: str | None) -> None:
    if probe.y is not None and probe.y.dtype.kind not in "iubUSO" and y_kind is None:
        raise InputError(
            f"labels are {probe.y.dtype}: say y_kind='discrete' (classes) or y_kind='continuous' (a regression target); it is never guessed"
        )


def _number(name: str, value: object) -> float:
    try:
        return float(value.item() if hasattr(value, "item") else value)  # type: ignore[arg-type]  # refused just below
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"metric {name!r} must be one number, got {type(value).__name__}") from error


def _size(n: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} TiB"
