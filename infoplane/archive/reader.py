"""Read a run: `open_archive` gives an `Archive` of a run folder or of a packed file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from infoplane.archive import layout
from infoplane.archive.certificate import read_chain
from infoplane.archive.guarded_file import naming
from infoplane.archive.layout import ShardName
from infoplane.archive.shard_part import ShardPart
from infoplane.archive.store import Store, current
from infoplane.archive.stored_rows import StoredRows
from infoplane.errors import DamagedArchive, InputError, NotAnArchive
from infoplane.patterns import did_you_mean
from infoplane.types import Chain, LayerInfo, counted
from infoplane.types.arrays import AnyPath, Array, Digests, Json
from infoplane.user_path import path_of


class Archive(StoredRows):
    """A run on disk, read lazily; safe to share between threads and to send to other processes.

    Iterating gives ``(step, layer)`` of everything stored. Steps are those committed when the
    archive was opened.

    Attributes:
        path: folder or packed file.
        header: the sealed content of run.json.
        infos: the layer table.
        layers: layer names in order of execution.
        steps: committed steps, ascending.
        n_rows: probe rows.
        config: the free part of run.json: schedule, seed, mode ...
        run_uuid: identity of the run.
    """

    def __init__(self, path: Path, label: str | None = None) -> None:
        self.path = path
        # arrays are read from where the shard's table says they are; `verify` goes through HDF5
        self._direct = True
        self._store, self._label = Store(path), label
        self.header = self._store.header
        self.infos = msgspec.convert(self.header["layers"], tuple[LayerInfo, ...])
        self.n_rows: int = self.header["n_rows"]
        self._world: int = self.header["world_size"]
        self.run_uuid: str = self.header["run_uuid"]
        self.config: Json = dict(self.header.get("config") or {})
        self.layers = tuple(info.name for info in self.infos)
        self._by_name = {info.name: info for info in self.infos}
        ordinals = [info.ordinal for info in self._by_name.values()]
        if ordinals != list(range(len(self.infos))):
            raise DamagedArchive(
                f"{path}: key 'layers': names or ordinals of the layer table are not in order"
            )
        self._shards = self._committed()
        self.steps = tuple(self._shards)

    def _committed(self) -> dict[int, tuple[ShardName, ...]]:
        """By step the shards of all ranks, of steps where none is missing."""
        found: dict[int, list[ShardName]] = {}
        for shard in current(self._store.names):
            found.setdefault(shard.step, []).append(shard)
        committed = {}
        for step, shards in sorted(found.items()):
            if [shard.rank for shard in shards] == list(range(self._world)):
                committed[step] = tuple(shards)
        return committed

    def __reduce__(self) -> tuple[object, ...]:
        return Archive, (self.path, self._label)  # a copy opens the run anew

    def refresh(self) -> Archive:
        """Return the same run as it is now, with the steps that were published meanwhile.

        Headers are not read again, since a shard never changes.
        """
        return self._anew(self._label)

    def _anew(self, label: str | None) -> Archive:
        now = Archive(self.path, label)
        if now.header == self.header:
            now._store.heads = self._store.heads
        return now

    # ---- what was captured -----------------------------------------------------------------------

    def layer_info(self, layer: str) -> LayerInfo:
        """Return the layer table row of a layer.

        Raises:
            InputError: no such layer.
        """
        if layer not in self._by_name:
            raise InputError(f"no such layer: {layer!r}; the archive has {list(self.layers)}")
        return self._by_name[layer]

    def _of(self, step: int) -> tuple[ShardName, ...]:
        if step not in self._shards:
            raise InputError(f"no such step: {step}; the archive has {short_list(self.steps)}")
        return self._shards[int(step)]

    def shard_head(self, name: ShardName) -> Json:
        """Return the sealed header of a shard, checked against its name and its run; cached."""
        return self._store.head(name)

    def _head(self, step: int) -> Json:
        """The header of a step's first shard."""
        return self.shard_head(self._of(step)[0])

    def _parts(self, step: int, layer: str) -> list[ShardPart]:
        """Every rank's rows of a layer, in row order."""
        self.layer_info(layer)
        heads = {name: self.shard_head(name) for name in self._of(step)}
        shards = sorted(heads, key=lambda name: int(heads[name]["row_start"]))
        spans = [(heads[name]["row_start"], heads[name]["row_stop"]) for name in shards]
        if not layout.follow_on(spans, self.n_rows):
            raise DamagedArchive(
                f"{self.path}: step {step}: the ranks' rows do not tile 0..{self.n_rows}"
            )
        if any(layer not in head["entries"] for head in heads.values()):
            raise InputError(
                f"layer {layer!r} was not captured at step {step}; see Archive.has(step, layer)"
            )
        return [self._part(name, layer) for name in shards]

    def _part(self, name: ShardName, layer: str) -> ShardPart:
        """The rows of a layer in one shard."""
        head = self.shard_head(name)
        rows, info = head["row_stop"] - head["row_start"], self._by_name[layer]
        return ShardPart(self._store, name, rows, info, head["entries"][layer], self._direct)

    def has(self, step: int, layer: str) -> bool:
        """Return whether the layer was captured at this step."""
        self.layer_info(layer)
        shards = self._shards.get(step, ())
        return bool(shards) and all(layer in self.shard_head(name)["entries"] for name in shards)

    def z(self, step: int, layer: str) -> Array:
        """Return the activation as stored, shape ``(n, *features)``, checked against its checksum.

        Raises:
            InputError: no such step or layer.
            DamagedArchive: structure or checksum is wrong; names file and key.
        """
        return self._whole(step, layer, "crc32")

    def n_nonfinite(self, step: int, layer: str) -> int:
        """Return how many stored values of the layer are NaN or infinite, from the headers.

        Raises:
            DamagedArchive: the header does not hold the number.
        """
        try:
            return sum(part.n_nonfinite for part in self._parts(step, layer))
        except KeyError as error:
            raise DamagedArchive(
                f"{self.path}: step {step}, layer {layer!r}: key 'n_nonfinite': {error}"
            ) from error

    def row_digests(self, step: int, layer: str) -> Digests:
        """128-bit digests of the raw (unreduced) activation's rows, shape ``(n, 2)``.

        Equal rows, equal digest.
        """
        return self._whole(step, layer, "rows_crc32")

    def _whole(self, step: int, layer: str, crc_key: str) -> Array:
        blocks = [part.read(crc_key) for part in self._parts(step, layer)]
        if len(blocks) == 1:
            return blocks[0]
        with naming(f"{self.path}: layer {layer!r}"):
            return np.concatenate(blocks)

    def chunks(self, step: int, layer: str, rows: int) -> Iterator[Array]:
        """Yield the activation in blocks of at most ``rows`` rows, for layers larger than memory.

        Args:
            step: a captured step.
            layer: a captured layer.
            rows: of a block; the last may have fewer.

        Raises:
            InputError: no such step or layer, or blocks of no row.
            DamagedArchive: after the last block, when the checksum over all of them does not match.
        """
        if rows < 1:
            raise InputError(f"expected blocks of at least one row, got {rows}")
        for part in self._parts(step, layer):
            yield from part.blocks(rows)

    def content_key(self, step: int, layer: str) -> str:
        """Return a short text that is equal for equal content (checksum, shape, dtype).

        The content is not read.
        """
        return "+".join(part.content_key for part in self._parts(step, layer))

    def stamp(self, step: int) -> list[tuple[str, int, int]]:
        """Return name, size in bytes and time of change of the files that hold a step.

        While they stay the same, so does the content. Reads nothing.

        Raises:
            InputError: no such step. OSError: a file is gone.
        """
        files = [self.path]
        if not self._store.packed:
            files = [self._store.file(name) for name in self._of(step)]
        stamps = []
        for file in files:
            status = file.stat()
            stamps.append((file.name, status.st_size, status.st_mtime_ns))
        return stamps

    def meta(self, step: int) -> Json:
        """Return how the capture was made: mode, autocast, compute dtype, device, batch size."""
        return dict(self._head(step)["meta"])

    def extra(self, step: int, name: str) -> Json | None:
        """Return a JSON record attached to the step (``"gradients"``, ``"failures"``), or None."""
        value = self._head(step)["extras"].get(name)
        if value is not None and not isinstance(value, dict):
            raise DamagedArchive(f"{self.path}: step {step}: attachment {name!r} is not an object")
        return value

    @cached_property
    def metrics(self) -> dict[int, dict[str, float]]:
        """By step, what the training loop logged."""
        return {step: dict(self._head(step)["metrics"]) for step in self.steps}

    # ---- the probe -------------------------------------------------------------------------------

    def with_label(self, name: str) -> Archive:
        """Return the same run with another of its label sets as Y.

        Raises:
            InputError: no such labels.
        """
        if name not in self.labels:
            known = ", ".join(self.labels) or "none"
            raise InputError(
                f"no label set {name!r}; {self.path} has {known}{did_you_mean(name, self.labels)}"
            )
        return self._anew(None if name == self.labels[0] else name)

    @cached_property
    def chain(self) -> Chain | None:
        """The newest interchange certificate; None when none was made."""
        newest = None if self._store.packed else read_chain(self.path, self.run_uuid)
        return self._first_chain if newest is None else newest

    # ---- identity and display --------------------------------------------------------------------

    @property
    def identity(self) -> str:
        """The key of stored results: the run, and the label set where it is not the first."""
        label = self._label
        return self.run_uuid if label is None else f"{self.run_uuid} label={label}"

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the probe, the layer table and every stored array's checksum.

        The same for a folder and its packed file.
        """
        digest = hashlib.sha256(f"{self.header.get('probe_sha256')} {self.layers!r}".encode())
        for step, layer in self:
            digest.update(f"{step} {layer!r} {self.content_key(step, layer)};".encode())
        return digest.hexdigest()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        for step in self.steps:
            for layer in self.layers:
                if self.has(step, layer):
                    yield step, layer

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return (
            f"Archive({str(self.path)!r}: {counted(len(self.steps), 'step')} "
            f"{short_list(self.steps)}, {counted(len(self.layers), 'layer')} "
            f"{short_list(self.layers)}, "
            f"{self.row_info.counted(self.n_rows)})"
        )

    def _repr_html_(self) -> str:
        from infoplane.display.notebook import cell, table

        heads = ("layer", "class", "shape", "dtype", "reduction")
        rows = []
        for info in self.infos:
            rows.append((info.name, info.cls, info.shape, info.store_dtype, info.reduction))
        return (
            f"<p><b>{cell(self.path, 300)}</b>: {counted(len(self.steps), 'step')} "
            f"{cell(short_list(self.steps))}, "
            f"{self.row_info.counted(self.n_rows)}</p>{table(heads, rows)}"
        )

    def __getitem__(self, key: tuple[int, str]) -> Array:
        """``archive[step, layer]``: the activation as `z` gives it.

        Notebooks complete steps and layers.
        """
        return self.z(*key)

    def _ipython_key_completions_(self) -> list[tuple[int, str]]:
        return list(self)


def short_list(items: tuple[object, ...]) -> str:
    if len(items) <= 8:
        return str(list(items))
    return f"[{', '.join(map(repr, items[:4]))}, ..., {items[-1]!r}]"


def open_archive(path: AnyPath, *, check: bool = True) -> Archive:
    """Return the archive in a run folder or a packed file.

    Args:
        path: ``RUN/`` or ``FILE.h5``.
        check: read and check the header of every committed shard and of the probe now; else when
            first needed. The data itself is checked whenever it is read, all of it by `verify`.

    Raises:
        NotAnArchive: not a run, or a file of another program.
        VersionError: written in a newer format.
        DamagedArchive: torn, truncated or hostile; names file and key.
    """
    archive = Archive(path_of(path))
    if check:
        _ = archive._probe
        for step in archive.steps:
            _check_step(archive, step)
        _ = archive.metrics
    return archive


def _check_step(archive: Archive, step: int) -> None:
    """Read the headers of a step's shards; say how the other steps are read where one is damaged.

    Raises:
        DamagedArchive, NotAnArchive: as `open_archive` says.
    """
    try:
        for name in archive._of(step):
            archive.shard_head(name)
    except (DamagedArchive, NotAnArchive) as error:
        others = len(archive.steps) - 1
        if not others or not archive.path.is_dir():
            raise
        raise type(error)(
            f"{error}; to read the other {others} steps, move the file of step {step} out of the "
            "run"
        ) from error
