"""Write a run: `RunWriter` publishes one immutable shard per captured step and rank."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from infoplane.archive import layout
from infoplane.archive.layout import ShardName
from infoplane.archive.lock import WriterLock
from infoplane.archive.make_probe import make_probe
from infoplane.archive.publish import SinkFile, publishing
from infoplane.archive.run_folder import make_run_folder, remove_run, set_aside, sweep, wait_for
from infoplane.archive.run_header import publish_header, resumed_header
from infoplane.archive.shard_writer import ShardWriter, finish_shard
from infoplane.archive.store import shard_names
from infoplane.archive.uninterrupted_thread import QuietThread
from infoplane.errors import ArchiveError, ArchiveLocked, InputError
from infoplane.row_info import RowInfo
from infoplane.types import Chain, Kind, LayerInfo
from infoplane.types.arrays import AnyPath, Json
from infoplane.user_path import path_of


class RunWriter:
    """The one live writer of a run (and rank).

    Use `RunWriter.create`; close it or use it as a context manager.

    Attributes:
        path: the run's folder.
    """

    def __init__(
        self,
        path: Path,
        header: Json,
        layers: tuple[LayerInfo, ...],
        lock: WriterLock,
        *,
        durable: bool,
        rank: int,
        rows: tuple[int, int],
    ) -> None:
        self.path = path
        self._header = header
        self._layers = {info.name: info for info in layers}
        self._lock = lock
        self._durable = durable
        self._rank = rank
        self._rows = rows
        self._pid = os.getpid()
        self._thread = QuietThread()
        self._shards = self._published()
        self._listed = True
        self._resumed = bool(self._shards)
        self._closed = False

    @classmethod
    def create(
        cls,
        path: AnyPath,
        *,
        layers: Sequence[LayerInfo],
        x: ArrayLike | None,
        y: ArrayLike | None,
        y_kind: Kind | None = None,
        row_ids: ArrayLike | None = None,
        split: ArrayLike | None = None,
        chain: Chain | None = None,
        labels: Mapping[str, ArrayLike] | None = None,
        row_info: RowInfo | None = None,
        positions: ArrayLike | None = None,
        config: Mapping[str, Any] | None = None,  # Any: JSON
        store_x: bool = True,
        x_kind: Kind | None = None,
        overwrite: bool = False,
        resume: bool = False,
        durable: bool = True,
        rank: int = 0,
        world_size: int = 1,
        row_start: int = 0,
        row_stop: int | None = None,
    ) -> RunWriter:
        """Start a run in a new folder, or go on with one.

        Args:
            path: the run's folder; created.
            layers: the layer table; ordinals are assigned by position.
            x: probe inputs, shape ``(n, ...)``; stored unless ``store_x`` is False, then only their
                row ids and digest are.
            y: labels or targets, ``(n,)`` or ``(n, k)``. Integers, booleans and strings are
                discrete; floats need ``y_kind``.
            x_kind: ``discrete``: rows of x are symbols (token ids, categories), whose numbers mean
                nothing; ``continuous``: amounts. By default integers are symbols and floats are
                amounts.
            row_ids: ``(n,)`` integers, equal for equal inputs; computed from ``x`` when left out.
            split: ``(n,)`` of ``"train"``, ``"test"``, ``""``.
            chain: the interchange certificate.
            labels: further label sets of the same rows, by name.
            row_info: what a row is, and what ``y`` is called; samples when left out.
            positions: shape ``(n, 2)``: sample and position of every row, where rows are no
                samples.
            config: free JSON: schedule, seed, mode ...
            overwrite: replace a run that is there (only files of infoplane are removed).
            resume: go on with the run that is there, if any; layers and probe must be the same.
            durable: sync every file (survives a power cut, not only a kill).
            rank, world_size, row_start, row_stop: which rows of the probe this process writes.
                Ranks other than 0 attach to the run that rank 0 created.

        Raises:
            ArchiveExists: a run (or anything else) is there and neither ``overwrite`` nor
                ``resume`` is given.
            ArchiveLocked: another live writer writes to it.
            InputError: arrays that do not fit together, or a resumed run with other layers or
                another probe.
        """
        run = path_of(path).absolute()  # the working directory may change while the run is written
        table = _layer_table(layers)
        probe = make_probe(
            x,
            y,
            y_kind=y_kind,
            row_ids=row_ids,
            split=split,
            chain=chain,
            store_x=store_x,
            x_kind=x_kind,
            labels=labels,
            rows=row_info,
            positions=positions,
        )
        rows = (row_start, probe.n if row_stop is None else row_stop)
        if not (0 <= rank < world_size <= layout.MAX_WORLD and 0 <= rows[0] < rows[1] <= probe.n):
            raise InputError(f"rank {rank} of {world_size} cannot write rows {rows} of {probe.n}")
        if rank > 0:
            wait_for(run / layout.RUN_FILE)
            resume, overwrite = True, False
        make_run_folder(run, overwrite=overwrite, resume=resume)
        lock = WriterLock(run, rank)
        try:
            sweep(run, rank, exclusive=lock.exclusive)
            if overwrite:
                remove_run(run)
            if (run / layout.RUN_FILE).exists():
                header = resumed_header(run, table, probe, world_size)
            else:
                header = publish_header(
                    run, table, probe, config or {}, world_size=world_size, durable=durable
                )
            return cls(run, header, table, lock, durable=durable, rank=rank, rows=rows)
        except BaseException:
            lock.release()
            raise

    @property
    def run_uuid(self) -> str:
        """Identity of the run."""
        return str(self._header["run_uuid"])

    @property
    def steps_written(self) -> tuple[int, ...]:
        """Committed steps of this rank, ascending, including those of a resumed run."""
        return tuple(sorted({shard.step for shard in self._shards}))

    @contextlib.contextmanager
    def step(
        self,
        step: int,
        *,
        metrics: Mapping[str, float] | None = None,
        meta: Mapping[str, Any] | None = None,
        again: bool = False,
    ) -> Iterator[ShardWriter]:
        """Yield the shard of one step, which is published when the block ends without an error.

        After a resume the first step may come before steps that are there (training was rolled
        back): those are moved to ``ckpt/superseded-<n>/``, never deleted.

        Args:
            step: training step, ascending.
            metrics: loss, accuracy ... of this step.
            meta: JSON about the capture: mode, autocast, compute dtype, device, probe batch size.
            again: whether the last step may be written once more; what it held is moved aside,
                never deleted.

        Raises:
            InputError: a negative step, or one that is not after the last.
            ArchiveError: the disk refused; earlier steps are intact.
        """
        if not self._listed:  # an interrupt came between publishing a shard and counting it
            self._shards = self._published()
        self.require_usable(step, again=again)
        self._listed = False
        name = ShardName(
            self._shards[-1].seq + 1 if self._shards else 0,
            step,
            self._rank,
            int(self._header["world_size"]),
            uuid.uuid4().hex[:8],
        )
        logged = {str(key): float(value) for key, value in (metrics or {}).items()}
        target = self.path / layout.SHARD_DIR / str(name)
        with (
            publishing(target, durable=self._durable, tag=f"r{self._rank:04d}-") as sink,
            SinkFile(sink, self._thread.call) as file,
        ):
            rows = self._rows[1] - self._rows[0]
            shard = ShardWriter(sink, file, self._layers, rows, self._thread)
            yield shard
            of_step: Json = {"metrics": logged, "meta": dict(meta or {}), "extras": shard.extras}
            self._thread.call(
                lambda: finish_shard(file, name, self._header, self._rows, shard.finish(), of_step)
            )
        self._count(name, again=again)

    def _count(self, name: ShardName, *, again: bool) -> None:
        """Note that a shard was published, and set aside those that it replaces."""
        if self._resumed:
            later = [shard for shard in self._shards if shard.step > name.step]
            set_aside(self.path, later)
            self._shards = [shard for shard in self._shards if shard.step <= name.step]
        elif again:
            same = [shard for shard in self._shards if shard.step == name.step]
            with contextlib.suppress(ArchiveError):  # readers take the later shard of a step
                set_aside(self.path, same)
            self._shards = [shard for shard in self._shards if shard.step < name.step]
        self._shards.append(name)  # the last by its number
        self._resumed = False
        self._listed = True

    def withdraw(self, step: int) -> None:
        """Withdraw a step that is not of this training; its shard is moved aside, never deleted.

        Raises:
            ArchiveError: the disk refused; nothing is lost.
        """
        set_aside(self.path, [shard for shard in self._shards if shard.step == step])
        self._shards = [shard for shard in self._shards if shard.step != step]

    def _published(self) -> list[ShardName]:
        return [shard for shard in shard_names(self.path) if shard.rank == self._rank]

    def require_usable(self, step: int, *, again: bool = False) -> None:
        """Check that this process may write this step now; ``again`` as for `step`.

        Raises:
            ArchiveLocked: this is a forked child of the writer's process.
            ArchiveError: the writer is closed.
            InputError: a negative step, or one that is not after the last.
        """
        if os.getpid() != self._pid:
            raise ArchiveLocked(
                f"{self.path}: this recorder belongs to process {self._pid}; a forked child must "
                "not write: give it a recorder of its own, with another folder"
            )
        if self._closed:
            raise ArchiveError(f"{self.path}: this writer is closed; create one with resume=True")
        if (
            isinstance(step, bool)
            or not isinstance(step, (int, np.integer))
            or not 0 <= step < 10**18
        ):
            raise InputError(f"expected a step of 0 or more, got {step!r}")
        repeated = again and bool(self._shards) and step == self._shards[-1].step
        if self._shards and not (self._resumed or repeated) and step <= self._shards[-1].step:
            raise InputError(
                f"steps must ascend: step {step} comes after step {self._shards[-1].step}"
            )

    def close(self) -> None:
        """Release the run; harmless when repeated."""
        self._closed = True
        try:
            self._thread.close()
        except BaseException:  # an interrupt ends the waiting alone: wait for the work once more
            self._thread.close()
            raise
        finally:
            self._lock.release()

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _layer_table(layers: Sequence[LayerInfo]) -> tuple[LayerInfo, ...]:
    """The rows of the layer table, numbered in order."""
    strangers = [info for info in layers if not isinstance(info, LayerInfo)]
    if strangers:
        raise InputError(
            "layers expects rows of a layer table (infoplane.types.LayerInfo), got "
            f"{strangers[0]!r}; to store arrays by name use infoplane.from_arrays"
        )
    names = [info.name for info in layers]
    if len(set(names)) != len(names) or not names:
        raise InputError(f"expected at least one layer, all names different, got {names}")
    return tuple(replace(info, ordinal=ordinal) for ordinal, info in enumerate(layers))
