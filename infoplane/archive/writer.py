"""Write a run: `RunWriter` publishes one immutable shard per captured step and rank."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.archive import layout
from infoplane.archive.checksum import crc32
from infoplane.archive.guard import refuse_link
from infoplane.archive.layout import ShardName
from infoplane.archive.lock import WriterLock
from infoplane.archive.probe import Probe, make_probe, write_probe
from infoplane.archive.publish import (
    Sink,
    SinkFile,
    publish_text,
    publishing,
    put_attrs,
    put_meta,
    set_aside,
)
from infoplane.archive.quiet_thread import QuietThread
from infoplane.archive.reader import Archive, open_archive
from infoplane.cores import at_hand, cores, taken
from infoplane.errors import ArchiveError, ArchiveExists, ArchiveLocked, InputError
from infoplane.row_info import RowInfo
from infoplane.rows import DIGESTED, digested
from infoplane.types import Chain, LayerInfo
from infoplane.types.arrays import to_numpy

LARGE_BYTES = 1 << 20
"""Bytes from which on rows are worth a second thread."""
CACHED_BYTES = 1 << 19
"""Bytes of a piece: large enough that taking one costs little, small enough to stay in cache where
it is looked at twice.
"""


def utc_now() -> str:
    """The time in UTC, to the second; informative only, nothing is decided by a clock."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def as_array(a: ArrayLike, what: str) -> NDArray[Any]:  # Any: every stored dtype
    """A storable array from an array, list or torch tensor (without importing torch)."""
    return layout.storable(to_numpy(a), what)


def count_nonfinite(a: NDArray[Any]) -> int:  # Any: every stored dtype
    """How many NaN and infinities."""
    return int(a.size - np.count_nonzero(np.isfinite(a))) if a.dtype.kind == "f" else 0


def has_spare_core() -> bool:
    """Whether work may go on beside this thread.

    It is the main one, so that the training waits, and neither setting nor system says one core.
    """
    try:
        return threading.current_thread() is threading.main_thread() and min(cores(), at_hand()) > 1
    # a setting that is no number is told of where something is measured; here it costs no capture
    except InputError:
        return False


def look_at_pieces(
    a: NDArray[Any], found: NDArray[np.uint64] | None, size: int, pieces: deque[int]
) -> int:  # Any: every stored dtype
    """How many values of these pieces of ``size`` rows are not finite.

    Their digests go into ``found``, if that is given.
    """
    nonfinite = 0
    for start in taken(pieces):
        part, finite = a[start : start + size], False
        if found is not None:
            found[start : start + size], finite = digested(part)
        nonfinite += 0 if finite else count_nonfinite(part)
    return nonfinite


class _Rows:
    """The array of one layer while its rows arrive in order.

    HDF5 says where they belong; they are written there without it, as they are read.

    Args:
        sink: of ``file``.
        thread: calls HDF5, and looks at many rows while they are written.
    """

    def __init__(
        self,
        sink: Sink,
        file: h5py.File,
        info: LayerInfo,
        rows: int,
        dtype: str,
        torch_dtype: str,
        thread: QuietThread,
    ) -> None:
        self.sink, self.file, self.thread = sink, file, thread
        self.info, self.rows, self.dtype, self.torch_dtype = info, rows, dtype, torch_dtype
        thread.call(self._set_aside)
        self.at = self.crc = self.rows_crc = self.nonfinite = 0

    def _set_aside(self) -> None:
        info, shape = self.info, (self.rows, *self.info.shape)
        self.dataset = set_aside(self.file, layout.layer_path(info), shape, self.dtype)
        self.place = self.dataset.id.get_offset()  # None of an empty array
        digests = set_aside(self.file, layout.rows_path(info), (self.rows, 2), "<u8")
        self.digests_place = digests.id.get_offset()

    def append(
        self, a: NDArray[Any], digests: NDArray[np.uint64] | None
    ) -> None:  # Any: every stored dtype
        stop = self.at + len(a)
        if stop > self.rows or a.dtype.str != self.dtype:
            raise InputError(
                f"layer {self.info.name!r}: rows {self.at}:{stop} of {a.dtype} do not go into "
                f"{self.rows} rows of {np.dtype(self.dtype)}"
            )
        raw, wide = layout.raw_bytes(a), a[:1].nbytes
        found = np.empty((len(a), 2), np.uint64) if digests is None else digests
        size = max(1, CACHED_BYTES // DIGESTED // max(1, wide)) * DIGESTED
        pieces = deque(
            range(0, len(a), size)
        )  # of both threads: each takes the next that nobody took
        look = partial(look_at_pieces, a, found if digests is None else None, size, pieces)
        summed = partial(crc32, raw, self.crc)
        aside = (
            self.thread.begin(lambda: (summed(), look()))
            if a.nbytes >= LARGE_BYTES and has_spare_core()
            else None
        )
        try:
            self._put(raw, self.place, self.at * wide)
            self.nonfinite += look()
        finally:  # also after an error: the piece is the caller's own
            self.crc, more = (summed(), 0) if aside is None else aside.get()
        self.nonfinite += more
        raw = layout.raw_bytes(found)
        self._put(raw, self.digests_place, self.at * 16)
        self.rows_crc = crc32(raw, self.rows_crc)
        self.at = stop

    def _put(self, raw: memoryview, place: int | None, start: int) -> None:
        if place is not None:
            self.sink.put(raw, place + start)

    def finish(self) -> dict[str, Any]:  # Any: JSON
        """Label the array; its line of the shard's table."""
        info = self.info
        if self.at != self.rows:
            raise InputError(f"layer {info.name!r}: {self.at} of {self.rows} rows were written")
        row: dict[str, Any] = {  # Any: JSON
            "name": info.name,
            "ordinal": info.ordinal,
            "shape": list(info.shape),
            "dtype": self.dtype,
            "crc32": self.crc,
            "rows_crc32": self.rows_crc,
            "torch_dtype": self.torch_dtype,
            "n_nonfinite": self.nonfinite,
        }
        row.update(
            {
                key: place
                for key, place in (("offset", self.place), ("rows_offset", self.digests_place))
                if place is not None
            }
        )
        put_attrs(
            self.dataset,
            {
                "crc32": np.uint32(self.crc),
                "torch_dtype": self.torch_dtype,
                "reduction": info.reduction,
                "name": info.name,
            },
        )
        return row


class ShardWriter:
    """One step being written.

    Becomes visible when the ``with`` block of `RunWriter.step` ends without an error.
    """

    def __init__(
        self,
        sink: Sink,
        file: h5py.File,
        layers: Mapping[str, LayerInfo],
        rows: int,
        thread: QuietThread,
    ) -> None:
        self._sink, self._file, self._thread = sink, file, thread
        self._layers = layers
        self._rows = rows
        self._arrays: dict[str, _Rows] = {}
        self.extras: dict[str, Any] = {}  # Any: JSON

    @property
    def nonfinite(self) -> dict[str, int]:
        """NaN and infinities so far, of the layers that have any."""
        return {name: array.nonfinite for name, array in self._arrays.items() if array.nonfinite}

    def write(
        self,
        layer: str,
        array: ArrayLike,
        *,
        row_digests: NDArray[np.uint64] | None = None,
        torch_dtype: str = "float32",
    ) -> None:
        """Store the activation of one layer, shape ``(rows, *features)``.

        Args:
            layer: a name of the run's layer table.
            array: what to store, after any reduction.
            row_digests: shape ``(rows, 2)``, of the raw activation; computed from ``array`` when
                left out (right only without a reduction).
            torch_dtype: dtype in which the layer computed.

        Raises:
            InputError: unknown layer, written twice, wrong shape or dtype.
        """
        info = self._info(layer)
        if layer in self._arrays:
            raise InputError(f"layer {layer!r} was already written in this step")
        a = as_array(array, f"layer {layer!r}")
        if a.shape != (self._rows, *info.shape):
            raise InputError(
                f"layer {layer!r}: expected shape {(self._rows, *info.shape)} (rows, *features of "
                f"the layer table), got {a.shape}"
            )
        self.append(layer, a, row_digests=row_digests, torch_dtype=torch_dtype)

    def append(
        self,
        layer: str,
        array: ArrayLike,
        *,
        row_digests: NDArray[np.uint64] | None = None,
        torch_dtype: str = "float32",
    ) -> None:
        """Store the next rows of one layer, shape ``(b, *features)``.

        As `write`, piece by piece, so that nothing has to be held.
        """
        info = self._info(layer)
        if row_digests is None and info.reduction != "none":
            raise InputError(
                f"layer {layer!r} is reduced by {info.reduction!r}: pass row_digests of the raw "
                "activation"
            )
        a = as_array(array, f"layer {layer!r}")
        if a.shape[1:] != info.shape or a.ndim == 0:
            raise InputError(f"layer {layer!r}: expected rows of shape {info.shape}, got {a.shape}")
        digests = None if row_digests is None else np.ascontiguousarray(row_digests, dtype="<u8")
        if digests is not None and digests.shape != (len(a), 2):
            raise InputError(
                f"layer {layer!r}: expected row_digests of shape {(len(a), 2)}, got {digests.shape}"
            )
        if layer not in self._arrays:
            self._arrays[layer] = _Rows(
                self._sink, self._file, info, self._rows, a.dtype.str, torch_dtype, self._thread
            )
        self._arrays[layer].append(a, digests)

    def _info(self, layer: str) -> LayerInfo:
        if layer not in self._layers:
            raise InputError(f"no such layer: {layer!r}; this run has {list(self._layers)}")
        return self._layers[layer]

    def finish(self) -> list[dict[str, Any]]:  # Any: JSON
        """Seal every array; the shard's table of arrays."""
        return [array.finish() for array in self._arrays.values()]

    def attach(self, name: str, record: Mapping[str, Any]) -> None:  # Any: JSON
        """Attach a JSON record to the step, e.g.

        gradient statistics; read back by `Archive.extra`.
        """
        if name in self.extras:
            raise InputError(f"{name!r} is already attached to this step")
        layout.readable(
            layout.to_json({**self.extras, name: dict(record)})
        )  # fails here, where the caller is, and not at the end of the step
        self.extras[name] = dict(record)


class RunWriter:
    """The one live writer of a run (and rank).

    Use `RunWriter.create`; close it or use it as a context manager.

    Attributes:
        path: the run's folder.
        steps_written: committed steps of this rank, ascending, including those of a resumed run.
    """

    def __init__(
        self,
        path: Path,
        header: dict[str, Any],
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
        self._mine = self._published()
        self._listed = True
        self._resumed = bool(self._mine)
        self._closed = False

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        layers: Sequence[LayerInfo],
        x: ArrayLike | None,
        y: ArrayLike | None,
        y_kind: Literal["discrete", "continuous"] | None = None,
        row_ids: ArrayLike | None = None,
        split: ArrayLike | None = None,
        chain: Chain | None = None,
        labels: Mapping[str, ArrayLike] | None = None,
        row_info: RowInfo | None = None,
        positions: ArrayLike | None = None,
        config: Mapping[str, Any] | None = None,  # Any: JSON
        store_x: bool = True,
        x_kind: Literal["discrete", "continuous"] | None = None,
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
                ``resume`` was asked.
            ArchiveLocked: another live writer writes to it.
            InputError: arrays that do not fit together, or a resumed run with other layers or
                another probe.
        """
        run = Path(path)
        if strangers := [info for info in layers if not isinstance(info, LayerInfo)]:
            raise InputError(
                "layers expects rows of a layer table (infoplane.types.LayerInfo), got "
                f"{strangers[0]!r}; to store arrays by name use infoplane.from_arrays"
            )
        table = tuple(replace(info, ordinal=i) for i, info in enumerate(layers))
        if len({info.name for info in table}) != len(table) or not table:
            raise InputError(
                "expected at least one layer, all names different, got "
                f"{[info.name for info in table]}"
            )
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
        try:
            (run / layout.SHARD_DIR).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArchiveError(f"{run}: cannot create the run's folder: {error}") from error
        _refuse_foreign(run, overwrite=overwrite, resume=resume)
        for folder in (layout.SHARD_DIR, layout.PLANE_DIR):
            refuse_link(
                run / folder
            )  # a run of a stranger must not lead our writes, sweeps and removals elsewhere
        lock = WriterLock(run, rank)
        try:
            _sweep(run, rank, exclusive=lock.exclusive)
            if overwrite:
                remove_run(run)
            if (run / layout.RUN_FILE).exists():
                header = _resumed_header(run, table, probe)
            else:
                header = _new_run(
                    run, table, probe, dict(config or {}), world_size=world_size, durable=durable
                )
            if header["world_size"] != world_size:
                raise InputError(
                    f"{run}: the run is written by {header['world_size']} ranks, not {world_size}"
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
        return tuple(sorted({s.step for s in self._mine}))

    @contextlib.contextmanager
    def step(
        self,
        step: int,
        *,
        metrics: Mapping[str, float] | None = None,
        meta: Mapping[str, Any] | None = None,
        again: bool = False,
    ) -> Iterator[ShardWriter]:
        """Yield the shard of one step.

        It is published when the block ends, and leaves nothing behind when the block raises.

        After a resume the first step may lie before steps that are there (training was rolled
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
            self._mine = self._published()
        self.require_usable(step, again=again)
        self._listed = False
        name = ShardName(
            self._mine[-1].seq + 1 if self._mine else 0,
            step,
            self._rank,
            int(self._header["world_size"]),
            uuid.uuid4().hex[:8],
        )
        values = {str(k): float(v) for k, v in (metrics or {}).items()}
        target = self.path / layout.SHARD_DIR / str(name)
        with (
            publishing(target, durable=self._durable, tag=f"r{self._rank:04d}-") as sink,
            SinkFile(sink, self._thread.call) as file,
        ):
            shard = ShardWriter(
                sink, file, self._layers, self._rows[1] - self._rows[0], self._thread
            )
            yield shard
            self._thread.call(
                lambda: finish_shard(
                    file,
                    name,
                    self._header,
                    self._rows,
                    shard.finish(),
                    metrics=values,
                    meta=dict(meta or {}),
                    extras=shard.extras,
                )
            )
        self._mine.append(name)  # the last by its number
        if self._resumed:
            self._set_aside([s for s in self._mine if s.step > step])
            self._mine = [s for s in self._mine if s.step <= step]
        elif again:
            with contextlib.suppress(ArchiveError):  # readers take the later shard of a step
                self._set_aside([s for s in self._mine[:-1] if s.step == step])
            self._mine = [s for s in self._mine if s.step < step or s is name]
        self._resumed = False
        self._listed = True

    def withdraw(self, step: int) -> None:
        """Take back a step that turned out to be none of this training.

        Its shard is moved aside, never deleted.

        Raises:
            ArchiveError: the disk refused; the step is still there.
        """
        self._set_aside([s for s in self._mine if s.step == step])
        self._mine = [s for s in self._mine if s.step != step]

    def _published(self) -> list[ShardName]:
        return sorted(s for s in shard_names(self.path) if s.rank == self._rank)

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
                "not write"
            )
        if self._closed:
            raise ArchiveError(f"{self.path}: this writer is closed; create one with resume=True")
        if (
            isinstance(step, bool)
            or not isinstance(step, (int, np.integer))
            or not 0 <= step < 10**18
        ):
            raise InputError(f"expected a step of 0 or more, got {step!r}")
        repeated = again and bool(self._mine) and step == self._mine[-1].step
        if self._mine and not (self._resumed or repeated) and step <= self._mine[-1].step:
            raise InputError(
                f"steps must ascend: step {step} comes after step {self._mine[-1].step}"
            )

    def _set_aside(self, stale: Sequence[ShardName]) -> None:
        """Move these shards of this rank to a folder where no reader looks."""
        if not stale:
            return
        folder = self.path / layout.SHARD_DIR
        n = sum(1 for p in folder.iterdir() if p.name.startswith("superseded-"))
        while os.path.lexists(
            aside := folder / f"superseded-{n}"
        ):  # one may have been removed by hand; never into a folder that is there
            n += 1
        try:
            aside.mkdir()
            for s in stale:
                os.replace(folder / str(s), aside / str(s))
        except OSError as error:
            raise ArchiveError(
                f"could not set steps {[s.step for s in stale][:6]} aside in {aside}: {error}; the "
                "next step tries again, nothing is lost"
            ) from error

    def close(self) -> None:
        """Release the run; harmless when repeated."""
        self._closed = True
        self._thread.close()
        self._lock.release()

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def finish_shard(
    file: h5py.Group,
    name: ShardName,
    header: Mapping[str, Any],
    rows: tuple[int, int],
    table: list[dict[str, Any]],
    *,
    metrics: Mapping[str, float],
    meta: Mapping[str, Any],
    extras: Mapping[str, Any],
) -> None:
    """Write the sealed ``/meta`` of a shard and, last, ``complete``."""
    place: dict[str, Any] = {  # Any: JSON
        "format": layout.SHARD,
        "format_version": layout.FORMAT_VERSION,
        "run_uuid": header["run_uuid"],
        "seq": name.seq,
        "step": name.step,
        "rank": name.rank,
        "world_size": name.world,
        "row_start": rows[0],
        "row_stop": rows[1],
        "n_rows": header["n_rows"],
        "probe_sha256": header["probe_sha256"],
        "created_utc": utc_now(),
    }
    body = {
        **place,
        "metrics": dict(metrics),
        "meta": dict(meta),
        "extras": dict(extras),
        "layers": table,
    }
    put_meta(file, layout.META, layout.sealed(body))
    put_attrs(file, place)
    put_attrs(
        file.create_group("scalars"),
        {k: v for k, v in metrics.items() if k and "\0" not in k and len(k) < 256},
    )
    put_attrs(file, {"complete": np.uint8(1)})


def shard_names(run: Path) -> list[ShardName]:
    """The published shards of a run folder, by name.

    Temporary and foreign files are not looked at.
    """
    with contextlib.suppress(FileNotFoundError), os.scandir(run / layout.SHARD_DIR) as entries:
        return sorted(name for e in entries if (name := ShardName.parse(e.name)) is not None)
    return []


def _new_run(
    run: Path,
    table: tuple[LayerInfo, ...],
    probe: Probe,
    config: dict[str, Any],
    *,
    world_size: int,
    durable: bool,
) -> dict[str, Any]:
    from infoplane import __version__

    if probe.class_names is not None:
        config = {**config, "class_names": list(probe.class_names)}
    body: dict[str, Any] = {  # Any: JSON
        "format": layout.RUN,
        "format_version": layout.FORMAT_VERSION,
        "run_uuid": str(uuid.uuid4()),
        "created_utc": utc_now(),
        "writer": {
            "infoplane": __version__,
            "h5py": h5py.__version__,
            "hdf5": h5py.version.hdf5_version,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "n_rows": probe.n,
        "world_size": world_size,
        "probe_sha256": probe.sha256,
        "layers": [layout.layer_to_dict(info) for info in table],
        "config": config,
    }
    text = layout.sealed(body)
    write_probe(run / layout.PROBE_FILE, probe, str(body["run_uuid"]), durable=durable)
    publish_text(
        run / layout.RUN_FILE, text, durable=durable
    )  # last: a folder with run.json is a run
    return body


def _resumed_header(
    run: Path, table: tuple[LayerInfo, ...], probe: Probe
) -> dict[str, Any]:  # Any: JSON
    old: Archive = open_archive(run, check=False)
    mine = [(i.name, i.shape, i.reduction, i.site) for i in table]
    theirs = [(i.name, i.shape, i.reduction, i.site) for i in old.infos]
    if mine != theirs:
        changed = [a[0] for a, b in zip(mine, theirs, strict=False) if a != b][:3]
        raise InputError(
            f"{run}: cannot resume: the layers differ from those of the run ({len(mine)} instead "
            f"of {len(theirs)}; changed: {changed}); give another folder"
        )
    if old.header["probe_sha256"] != probe.sha256:
        raise InputError(
            f"{run}: cannot resume: the probe (x, y, row_ids or split) differs from the run's; "
            "give another folder"
        )
    return dict(old.header)


def _refuse_foreign(run: Path, *, overwrite: bool, resume: bool) -> None:
    if (run / layout.RUN_FILE).exists():
        if not (overwrite or resume):
            raise ArchiveExists(
                f"{run} holds a run; pass overwrite=True to replace it or resume=True to go on "
                "with it"
            )
        return
    known = {
        layout.SHARD_DIR,
        layout.PROBE_FILE,
        layout.PLANE_DIR,
        layout.CHAIN_FILE,
    }  # what a kill before run.json leaves
    foreign = [
        p.name
        for p in run.iterdir()
        if p.name not in known and not p.name.startswith((layout.TMP_PREFIX, "writer-r"))
    ]
    if foreign or (
        shard_names(run) and not overwrite
    ):  # overwriting may have been killed between the header and the shards
        raise ArchiveExists(
            f"{run} is not empty and not a run (it holds {sorted(foreign)[:5]}); give another "
            "folder"
        )


def remove_run(run: Path) -> None:
    """Remove the files of a run, run.json first, so that a half-removed run is no run.

    Files of others stay.
    """
    if (run / layout.RUN_FILE).exists():
        open_archive(run, check=False)  # refuses what is not ours
        os.unlink(run / layout.RUN_FILE)
    for name in shard_names(run):
        os.unlink(run / layout.SHARD_DIR / str(name))
    aside = [
        p
        for folder in (run / layout.SHARD_DIR).glob("superseded-*")
        if not folder.is_symlink()
        for p in folder.glob("*.h5")
    ]
    for p in [
        run / layout.PROBE_FILE,
        run / layout.CHAIN_FILE,
        *(run / layout.PLANE_DIR).glob("*.jsonl"),
        *aside,
    ]:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(p)


def _sweep(run: Path, rank: int, *, exclusive: bool) -> None:
    """Remove temporaries that a killed writer of this rank left.

    Without a lock only those older than an hour.
    """
    tags = (
        (f"{layout.TMP_PREFIX}r{rank:04d}-",)
        if rank
        else (f"{layout.TMP_PREFIX}r{rank:04d}-", *(layout.TMP_PREFIX + str(d) for d in range(10)))
    )
    for folder in (run, run / layout.SHARD_DIR):
        for p in folder.glob(f"{layout.TMP_PREFIX}*"):
            with contextlib.suppress(OSError):
                if p.name.startswith(tags) and (
                    exclusive or time.time() - p.lstat().st_mtime > 3600
                ):
                    p.unlink()


def wait_for(path: Path, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > deadline:
            raise ArchiveError(
                f"{path} did not appear within {seconds:.0f} s: rank 0 must create the run first"
            )
        time.sleep(0.05)
