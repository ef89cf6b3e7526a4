"""Read a run: `open_archive` gives an `Archive` of a run folder or of a packed file."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from infoplane.archive import layout
from infoplane.archive.certificate import chain_of, read_chain
from infoplane.archive.guard import (
    Window,
    checked_array,
    naming,
    node,
    read_array,
    read_header,
    read_meta,
    read_placed,
    read_rows,
    read_text,
    reading_h5,
    refuse_link,
)
from infoplane.archive.layout import ShardName
from infoplane.archive.probe import (
    array_entry,
    label_key,
    read_probe_array,
    read_probe_meta,
)
from infoplane.archive.schemas import checked_header
from infoplane.errors import DamagedArchive, InputError, NotAnArchive
from infoplane.kinds import kind_of_inputs
from infoplane.row_info import RowInfo
from infoplane.types import Chain, Kind, LayerInfo


def current(names: list[ShardName]) -> list[ShardName]:
    """The shards that count.

    A later capture of the same or an earlier step (training rolled back) outdates what lies after
    it.

    Example:
        >>> shards = [ShardName(i, s, 0, 1, "00000000") for i, s in enumerate([0, 5, 9, 5])]
        >>> [shard.step for shard in current(shards)]
        [0, 5]
    """
    kept = []
    for rank in {s.rank for s in names}:
        lowest: float = float("inf")
        for s in sorted((s for s in names if s.rank == rank), key=lambda s: s.seq, reverse=True):
            if s.step < lowest:
                kept.append(s)
                lowest = s.step
    return sorted(kept, key=lambda s: (s.step, s.rank))


class Store:
    """Where the parts of a run lie: a folder of files or groups of one packed file."""

    def __init__(self, path: Path) -> None:
        self.path, self._folder = path, path / layout.SHARD_DIR
        self._files: dict[ShardName, Path] = {}
        self.packed = not path.is_dir()
        if not os.path.lexists(path):
            raise NotAnArchive(f"{path}: no such file or folder")
        if self.packed:
            with reading_h5(path) as (file, window):
                body = checked_header(
                    read_meta(file, layout.META, window, str(path)), layout.PACKED, str(path)
                )
            run, shards = body.get("run"), body.get("shards")
            if not isinstance(run, str) or not isinstance(shards, list):
                raise DamagedArchive(f"{path}: key 'meta': expected 'run' and 'shards'")
            self.header = checked_header(run, layout.RUN, f"{path}: key 'run'")
            self._names = [ShardName.parse(str(s)) for s in shards]
            return
        if not (path / layout.RUN_FILE).exists():
            raise NotAnArchive(
                f"{path}: not a run: it has no {layout.RUN_FILE} (a recorder that was killed "
                "before its first step leaves such a folder)"
            )
        self.header = checked_header(
            read_text(path / layout.RUN_FILE), layout.RUN, str(path / layout.RUN_FILE)
        )
        refuse_link(self._folder)
        self._names = (
            [ShardName.parse(e) for e in sorted(os.listdir(self._folder))]
            if self._folder.is_dir()
            else []
        )

    @property
    def names(self) -> list[ShardName]:
        """Every shard that is there, outdated ones included."""
        return [s for s in self._names if s is not None]

    @contextlib.contextmanager
    def _open(self, file: Path, key: str) -> Iterator[tuple[h5py.Group, Window, str]]:
        with reading_h5(self.path if self.packed else file) as (root, window):
            where = f"{self.path}: {key}" if self.packed else str(file)
            group = node(root, key, str(self.path)) if self.packed else root
            if not isinstance(group, h5py.Group):
                raise DamagedArchive(f"{where}: expected a group")
            yield group, window, where

    def file(self, name: ShardName) -> Path:
        """The file of a shard in a folder.

        Remembered, since making a path takes longer than finding an array by it.
        """
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = self._folder / str(name)
        return file

    def shard(
        self, name: ShardName
    ) -> contextlib.AbstractContextManager[tuple[h5py.Group, Window, str]]:
        """The open group of a shard, its file, and how to call it in messages."""
        return self._open(self.file(name), f"ckpt/{name}")

    def header_of(self, name: ShardName) -> tuple[bytes, str]:
        """The sealed header of a shard, and how to call it in messages."""
        if not self.packed:
            return read_header(self.file(name), layout.META), str(self.file(name))
        with self.shard(name) as (group, window, where):
            return read_meta(group, layout.META, window, where), where

    def probe(self) -> contextlib.AbstractContextManager[tuple[h5py.Group, Window, str]]:
        """The open group of the probe, its file, and how to call it in messages."""
        return self._open(self.path / layout.PROBE_FILE, "probe")


class Archive:
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

    def __init__(self, path: Path) -> None:
        self.path = path
        self._label: str | None = None  # the label set that is Y, where it is not the first
        # arrays are read from where the shard's table says they are; `verify` goes through HDF5
        self._direct = True
        self._store = Store(path)
        self.header = self._store.header
        where = str(path)
        try:
            self.infos = tuple(layout.layer_from_dict(row, where) for row in self.header["layers"])
            self.n_rows = layout.as_size(self.header["n_rows"])
            self._world = layout.as_size(self.header["world_size"])
            if not 1 <= self._world <= layout.MAX_WORLD:
                raise ValueError(f"world_size is {self._world}")
            self.run_uuid = str(self.header["run_uuid"])
            self.config: dict[str, Any] = dict(self.header.get("config") or {})  # Any: JSON
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DamagedArchive(f"{where}: {layout.RUN_FILE} is malformed: {error}") from error
        self.layers = tuple(info.name for info in self.infos)
        if len(set(self.layers)) != len(self.layers) or [i.ordinal for i in self.infos] != list(
            range(len(self.infos))
        ):
            raise DamagedArchive(
                f"{where}: key 'layers': names or ordinals of the layer table are not in order"
            )
        self._by_name = {info.name: info for info in self.infos}
        self._shards = self._committed()
        self.steps = tuple(self._shards)
        self._metas: dict[ShardName, dict[str, Any]] = {}  # Any: JSON

    def _committed(self) -> dict[int, tuple[ShardName, ...]]:
        """Per step the shards of all ranks, where none is missing."""
        found: dict[int, list[ShardName]] = {}
        for s in current(self._store.names):
            found.setdefault(s.step, []).append(s)
        return {
            step: tuple(group)
            for step, group in sorted(found.items())
            if [s.rank for s in group] == list(range(self._world))
        }

    def __getstate__(self) -> tuple[Path, str | None]:
        return self.path, self._label

    def __setstate__(self, state: tuple[Path, str | None]) -> None:
        self.__init__(state[0])  # type: ignore[misc]  # reopening is what unpickling means here
        self._label = state[1]

    def refresh(self) -> Archive:
        """The same run as it is now, with the steps that were published meanwhile.

        Headers that were read are kept, since a shard never changes.
        """
        now = Archive(self.path)
        now._label = self._label
        if now.header == self.header:
            names = set(now._store.names)
            now._metas = {name: head for name, head in list(self._metas.items()) if name in names}
        return now

    # ---- what was captured -----------------------------------------------------------------------

    def layer_info(self, layer: str) -> LayerInfo:
        """The layer table row of a layer.

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

    def shard_head(self, name: ShardName) -> dict[str, Any]:  # Any: JSON
        """The sealed header of a shard, checked against its name and its run; kept."""
        if (head := self._metas.get(name)) is None:
            text, where = self._store.header_of(name)
            body = checked_header(text, layout.SHARD, where)
            expected = {
                "run_uuid": self.run_uuid,
                "seq": name.seq,
                "step": name.step,
                "rank": name.rank,
                "world_size": name.world,
                "n_rows": self.n_rows,
            }
            for key, value in {**expected, "probe_sha256": self.header.get("probe_sha256")}.items():
                if body.get(key) != value:
                    raise DamagedArchive(
                        f"{where}: key '{key}': expected {value!r}, got "
                        f"{str(body.get(key))[:80]!r}; the shard belongs to another run, step or "
                        "probe"
                    )
            self._check_head(body, where)
            head = self._metas[name] = body
        return head

    def _check_head(self, body: dict[str, Any], where: str) -> None:  # Any: JSON
        try:
            start, stop = layout.as_size(body["row_start"]), layout.as_size(body["row_stop"])
            if not 0 <= start < stop <= self.n_rows:
                raise ValueError(f"rows {start}:{stop} of {self.n_rows}")
            for row in body["layers"]:
                if self._by_name[row["name"]].ordinal != row["ordinal"]:
                    raise ValueError(
                        f"layer {row['name']!r} has another ordinal in the layer table"
                    )
                array_entry(row, where)
            for key in ("metrics", "meta", "extras"):
                if not isinstance(body[key], dict):
                    raise TypeError(f"{key} is not an object")
            body["entries"] = {row["name"]: row for row in body["layers"]}
            body["metrics"] = {str(k): float(v) for k, v in body["metrics"].items()}
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DamagedArchive(
                f"{where}: key 'meta': malformed shard header: {type(error).__name__}: "
                f"{str(error)[:200]}"
            ) from error

    def _parts(
        self, step: int, layer: str
    ) -> list[tuple[ShardName, dict[str, Any], dict[str, Any]]]:  # Any: JSON
        """Shard, header and table entry of every rank's rows of a layer, in row order."""
        self.layer_info(layer)
        heads = sorted(
            ((s, self.shard_head(s)) for s in self._of(step)),
            key=lambda part: int(part[1]["row_start"]),
        )
        edges = [0, *(head["row_stop"] for _, head in heads)]
        if [head["row_start"] for _, head in heads] != edges[:-1] or edges[-1] != self.n_rows:
            raise DamagedArchive(
                f"{self.path}: step {step}: the ranks' rows do not tile 0..{self.n_rows}"
            )
        if any(layer not in head["entries"] for _, head in heads):
            raise InputError(
                f"layer {layer!r} was not captured at step {step}; see Archive.has(step, layer)"
            )
        return [(s, head, head["entries"][layer]) for s, head in heads]

    def has(self, step: int, layer: str) -> bool:
        """Whether the layer was captured at this step."""
        self.layer_info(layer)
        return step in self._shards and all(
            layer in self.shard_head(s)["entries"] for s in self._shards[step]
        )

    def z(self, step: int, layer: str) -> NDArray[Any]:  # Any: stored dtype
        """The activation as stored, shape ``(n, *features)``, checked against its checksum.

        Raises:
            InputError: no such step or layer.
            DamagedArchive: structure or checksum is wrong; names file and key.
        """
        return self._whole(step, layer, layout.layer_path(self.layer_info(layer)), "crc32")

    def n_nonfinite(self, step: int, layer: str) -> int:
        """How many stored values of the layer are NaN or infinite, from the headers.

        0 where measuring makes sense.

        Raises:
            DamagedArchive: the header does not say.
        """
        try:
            return sum(
                layout.as_size(entry["n_nonfinite"]) for _, _, entry in self._parts(step, layer)
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedArchive(
                f"{self.path}: step {step}, layer {layer!r}: key 'n_nonfinite': {error}"
            ) from error

    def row_digests(self, step: int, layer: str) -> NDArray[np.uint64]:
        """128-bit digests of the raw (unreduced) activation's rows, shape ``(n, 2)``.

        Equal rows, equal digest.
        """
        return self._whole(step, layer, layout.rows_path(self.layer_info(layer)), "rows_crc32")

    def _whole(
        self, step: int, layer: str, path: str, crc_key: str
    ) -> NDArray[Any]:  # Any: stored dtype
        return _joined(
            [self._part(s, layer, path, crc_key) for s, _, _ in self._parts(step, layer)],
            str(self.path),
            layer,
        )

    def _part(
        self, name: ShardName, layer: str, path: str, crc_key: str
    ) -> NDArray[Any]:  # Any: stored dtype
        """One array of one shard, checked."""
        head = self.shard_head(name)
        entry = head["entries"][layer]
        if self._direct and not self._store.packed:
            file = self._store.file(name)
            a = read_placed(
                file,
                entry.get(layout.PLACES[crc_key]),
                *_stored(head, entry, crc_key, str(file)),
                entry.get(crc_key),
            )
            if a is not None:
                return a
        with self._store.shard(name) as (
            group,
            window,
            where,
        ):  # repacked, written in format 1.0, or damaged: then this says what is wrong
            shape, dtype = _stored(head, entry, crc_key, where)
            return read_array(group, path, window, shape, dtype, entry.get(crc_key), where)

    def chunks(
        self, step: int, layer: str, rows: int
    ) -> Iterator[NDArray[Any]]:  # Any: stored dtype
        """The activation in blocks of at most ``rows`` rows, for layers larger than memory.

        Raises:
            DamagedArchive: after the last block, when the checksum over all of them does not match.
        """
        if rows < 1:
            raise InputError(f"expected blocks of at least one row, got {rows}")
        path = layout.layer_path(self.layer_info(layer))
        for s, head, entry in self._parts(step, layer):
            with self._store.shard(s) as (group, window, where):
                shape, dtype = _stored(head, entry, "crc32", where)
                d = checked_array(group, path, window, shape, dtype, where)
                crc = 0
                for start in range(0, shape[0], rows):
                    block, crc = read_rows(
                        d, window, start, min(start + rows, shape[0]), f"{where}: key '{path}'", crc
                    )
                    yield block
                if crc != entry.get("crc32"):
                    raise DamagedArchive(
                        f"{where}: key '{path}': checksum mismatch; the data was damaged after it "
                        "was written"
                    )

    def content_key(self, step: int, layer: str) -> str:
        """A short text that is equal for equal content (checksum, shape, dtype).

        Without reading the content.
        """
        parts = []
        for _, header, entry in self._parts(step, layer):
            rows = header["row_stop"] - header["row_start"]
            shape = "x".join(map(str, [rows, *entry["shape"]]))
            checksums = f"{entry['crc32']:08x}.{entry['rows_crc32'] or 0:08x}"
            parts.append(f"{checksums}:{shape}{entry['dtype']}")
        return "+".join(parts)

    def stamp(self, step: int) -> list[tuple[str, int, int]]:
        """Name, size in bytes and time of change of the files that hold a step.

        Nobody has touched its content while they stay the same. Reads nothing.

        Raises:
            InputError: no such step. OSError: a file is gone.
        """
        files = (
            [self.path]
            if self._store.packed
            else [self._store.file(name) for name in self._of(step)]
        )
        return [(file.name, (s := file.stat()).st_size, s.st_mtime_ns) for file in files]

    def meta(self, step: int) -> dict[str, Any]:  # Any: JSON
        """About the capture: mode, autocast, compute dtype, device, probe batch size."""
        return dict(self.shard_head(self._of(step)[0])["meta"])

    def extra(self, step: int, name: str) -> dict[str, Any] | None:  # Any: JSON
        """A JSON record attached to the step (``"gradients"``, ``"failures"``), or None."""
        value = self.shard_head(self._of(step)[0])["extras"].get(name)
        if value is not None and not isinstance(value, dict):
            raise DamagedArchive(f"{self.path}: step {step}: attachment {name!r} is not an object")
        return value

    @cached_property
    def metrics(self) -> dict[int, dict[str, float]]:
        """Per step, what the training loop logged."""
        return {
            step: dict(self.shard_head(shards[0])["metrics"])
            for step, shards in self._shards.items()
        }

    # ---- the probe -------------------------------------------------------------------------------

    @cached_property
    def _probe(self) -> dict[str, Any]:  # Any: JSON
        with self._store.probe() as (group, window, where):
            meta = read_probe_meta(group, window, where)
        for key in ("run_uuid", "n_rows", "probe_sha256"):
            if meta.get(key) != self.header.get(key):
                raise DamagedArchive(
                    f"{where}: key '{key}': expected {self.header.get(key)!r}, got "
                    f"{str(meta.get(key))[:80]!r}; the probe belongs to another run"
                )
        return meta

    def _probe_array(self, key: str) -> NDArray[Any] | None:  # Any: stored dtype
        with self._store.probe() as (group, window, where):
            return read_probe_array(group, window, self._probe, key, where)

    @cached_property
    def x(self) -> NDArray[Any] | None:  # Any: stored dtype
        """Probe inputs, shape ``(n, ...)``; None when they were not stored."""
        return self._probe_array("x")

    @cached_property
    def y(self) -> NDArray[Any] | None:  # Any: stored dtype
        """Labels (int64) or targets (float), shape ``(n,)`` or ``(n, k)``; None without labels.

        See `with_label`.
        """
        return self._probe_array("y" if self._label is None else self._label_place[0])

    @property
    def y_kind(self) -> Literal["discrete", "continuous"] | None:
        """Whether ``y`` are classes or targets."""
        kind: Literal["discrete", "continuous"] | None = (
            self._probe["y_kind"] if self._label is None else self._label_place[1]["kind"]
        )
        return kind

    # ---- what a row is
    # ----------------------------------------------------------------------------------------------

    @cached_property
    def row_info(self) -> RowInfo:
        """What a row is, what X is at a row, and which label is Y."""
        try:
            found = RowInfo.from_dict(self._probe.get("rows"))
        except InputError as error:
            raise DamagedArchive(f"{self.path}: key 'rows': {error}") from error
        return found if self._label is None else replace(found, label=self._label)

    @cached_property
    def positions(self) -> NDArray[np.int64] | None:
        """Sample and position of every row, shape ``(n, 2)``; None where rows are samples."""
        places = self._probe_array("positions")
        if places is not None and (places.shape != (self.n_rows, 2) or places.dtype != np.int64):
            raise DamagedArchive(
                f"{self.path}: key 'positions': expected {self.n_rows} pairs of int64"
            )
        return places

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the label sets; the first is Y unless `with_label` says otherwise."""
        if self._probe["y_kind"] is None:
            return ()
        first = RowInfo.from_dict(self._probe.get("rows")).label
        return (first, *(str(label["name"]) for label in self._probe["labels"]))

    @property
    def identity(self) -> str:
        """The run, and the label set where it is not the first.

        What results of this archive are remembered under.
        """
        return self.run_uuid if self._label is None else f"{self.run_uuid} label={self._label}"

    def with_label(self, name: str) -> Archive:
        """The same run with another of its label sets as Y.

        Raises:
            InputError: no such labels.
        """
        if name not in self.labels:
            raise InputError(f"no labels {name!r}; the archive has {list(self.labels)}")
        other = self.refresh()
        other._label = None if name == self.labels[0] else name
        return other

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The strings behind the classes of Y, where they came as strings."""
        names = self.config.get("class_names")
        if self._label is not None:
            names = self._label_place[1].get("class_names")
        return tuple(map(str, names)) if isinstance(names, list) else None

    @property
    def _label_place(self) -> tuple[str, dict[str, Any]]:  # Any: JSON
        """Key and header of the label set that is Y."""
        k = self.labels.index(str(self._label)) - 1
        return label_key(k), self._probe["labels"][k]

    @cached_property
    def x_kind(self) -> Kind | None:
        """Whether ``x`` are symbols or amounts; integers of a run that does not say are symbols.

        None without x.
        """
        stated: Kind | None = self._probe.get("x_kind")
        if stated is not None or self.x is None:
            return stated
        return kind_of_inputs(self.x.dtype.kind)

    @cached_property
    def row_ids(self) -> NDArray[np.int64]:
        """Identity of every row's input, shape ``(n,)``: equal inputs, equal id."""
        ids = self._probe_array("row_ids")
        if ids is None or ids.shape != (self.n_rows,) or ids.dtype != np.int64:
            raise DamagedArchive(f"{self.path}: key 'row_ids': expected {self.n_rows} int64 values")
        return ids

    @cached_property
    def split(self) -> NDArray[np.str_] | None:
        """``"train"``, ``"test"`` or ``""`` per row; None when not recorded."""
        codes = self._probe_array("split")
        if codes is None:
            return None
        if (
            codes.shape != (self.n_rows,)
            or codes.dtype != np.uint8
            or int(codes.max(initial=0)) >= len(layout.SPLITS)
        ):
            raise DamagedArchive(
                f"{self.path}: key 'split': expected {self.n_rows} codes below {len(layout.SPLITS)}"
            )
        names: NDArray[np.str_] = np.array(layout.SPLITS)[codes]
        return names

    @cached_property
    def chain(self) -> Chain | None:
        """The newest interchange certificate; None when none was made."""
        newest = None if self._store.packed else read_chain(self.path, self.run_uuid)
        if newest is not None:
            return newest
        first = self._probe.get("chain")
        return None if first is None else chain_of(first, str(self.path))

    # ---- identity and display
    # ----------------------------------------------------------------------------------------

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the probe, the layer table and every stored array's checksum.

        The same for a folder and its packed file.
        """
        h = hashlib.sha256(f"{self.header.get('probe_sha256')} {self.layers!r}".encode())
        for step, layer in self:
            h.update(f"{step} {layer!r} {self.content_key(step, layer)};".encode())
        return h.hexdigest()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return (
            (step, layer) for step in self.steps for layer in self.layers if self.has(step, layer)
        )

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return (
            f"Archive({str(self.path)!r}: {len(self.steps)} steps {short_list(self.steps)}, "
            f"{len(self.layers)} layers {short_list(self.layers)}, "
            f"{self.row_info.counted(self.n_rows)})"
        )

    def _repr_html_(self) -> str:
        from infoplane.display.notebook import cell, table

        heads = ("layer", "class", "shape", "dtype", "reduction")
        rows = [(i.name, i.cls, i.shape, i.store_dtype, i.reduction) for i in self.infos]
        return (
            f"<p><b>{cell(self.path, 300)}</b>: {len(self.steps)} steps "
            f"{cell(short_list(self.steps))}, "
            f"{self.row_info.counted(self.n_rows)}</p>{table(heads, rows)}"
        )

    def __getitem__(self, key: tuple[int, str]) -> NDArray[Any]:  # Any: stored dtype
        """``archive[step, layer]``: the activation as `z` gives it.

        Notebooks complete steps and layers.
        """
        return self.z(*key)

    def _ipython_key_completions_(self) -> list[tuple[int, str]]:
        return list(self)


def _stored(
    head: dict[str, Any], entry: dict[str, Any], crc_key: str, where: str
) -> tuple[tuple[int, ...], str]:  # Any: JSON
    n = head["row_stop"] - head["row_start"]
    if crc_key == "rows_crc32":
        return (n, 2), "<u8"
    shape, dtype, _ = array_entry(entry, where)
    return (n, *shape), dtype


def _joined(
    blocks: list[NDArray[Any]], where: str, layer: str
) -> NDArray[Any]:  # Any: stored dtype
    if len(blocks) == 1:
        return blocks[0]
    with naming(f"{where}: layer {layer!r}"):
        return np.concatenate(blocks)


def short_list(items: tuple[object, ...]) -> str:
    return (
        str(list(items))
        if len(items) <= 8
        else f"[{', '.join(map(repr, items[:4]))}, ..., {items[-1]!r}]"
    )


def open_archive(path: str | os.PathLike[str], *, check: bool = True) -> Archive:
    """The archive in a run folder or a packed file.

    Args:
        path: ``RUN/`` or ``FILE.h5``.
        check: read and check the header of every committed shard and of the probe now; else when
            first needed. The data itself is checked whenever it is read, all of it by `verify`.

    Raises:
        NotAnArchive: not a run, or a file of another program.
        VersionError: written in a newer format.
        DamagedArchive: torn, truncated or hostile; names file and key.
    """
    archive = Archive(Path(path))
    if check:
        _ = archive._probe, archive.metrics
        for step in archive.steps:
            for name in archive._of(step):
                archive.shard_head(name)
    return archive
