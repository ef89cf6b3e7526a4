"""Planes as HDF5 files with dimension scales, and the log of results as they arrive."""

from __future__ import annotations

import contextlib
import hmac
import math
import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from infoplane.archive import layout
from infoplane.archive.columns import POINTS, put_points, read_points
from infoplane.archive.guard import has
from infoplane.archive.guarded_file import open_regular, reading_h5, refuse_link
from infoplane.archive.guarded_read import read_meta
from infoplane.archive.owner_mark import MARK_LETTERS, mark_of
from infoplane.archive.publish import make_folder, publishing_h5, put_attrs, put_meta
from infoplane.archive.schemas import checked_header, is_estimate_row
from infoplane.errors import ArchiveError, DamagedArchive, InputError
from infoplane.grids import grids_of
from infoplane.open_flags import NO_LINK
from infoplane.plane import Failure, Plane, Point
from infoplane.row_info import RowInfo
from infoplane.types import Chain, Estimate


def save_plane(plane: Plane, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a plane as one HDF5 file; returns the path.

    ``/points`` holds the points as columns, ``/meta`` everything else as sealed JSON. For other
    tools the numbers also lie in ``/bits`` with the dimensions ``quantity, series, layer, step`` as
    HDF5 dimension scales (xarray, MATLAB and R open it); absent cells are NaN there.

    Raises:
        ArchiveExists: the file exists and ``overwrite`` is False.
    """
    target = Path(path)
    make_folder(target.parent)
    body = {
        "format": layout.PLANE,
        "format_version": layout.PLANE_VERSION,
        "n": plane.n,
        "layers": list(plane.layers),
        "h_y_bits": plane.h_y_bits,
        "h_x_bits": plane.h_x_bits,
        "chain": None if plane.chain is None else plane.chain.to_dict(),
        "metrics": {str(step): dict(m) for step, m in plane.metrics.items()},
        "reductions": dict(plane.reductions),
        "failures": [asdict(f) for f in plane.failures],
        "provenance": dict(plane.provenance),
        "rows": plane.row_info.to_dict(),
    }
    with publishing_h5(target, replace=overwrite) as file:
        put_meta(
            file, layout.META, layout.sealed({**body, POINTS: put_points(file, plane.columns)})
        )
        _grid(file, plane)
        put_attrs(
            file,
            {
                "format": layout.PLANE,
                "format_version": layout.PLANE_VERSION,
                "n": plane.n,
                "complete": np.uint8(1),
            },
        )
    return target


def _grid(file: h5py.File, plane: Plane) -> None:
    """The numbers once more, as a labelled grid for tools that do not read our JSON."""
    grids = grids_of(plane)
    series = list(dict.fromkeys((g.estimator, g.sense) for g in grids))
    axes: dict[str, list[Any]] = {  # Any: strings or ints
        "quantity": ["i_xz", "i_zy"],
        "series": [f"{e} {s}" for e, s in series],
        "layer": list(plane.layers),
        "step": list(plane.steps),
    }
    if not all(axes.values()):
        return
    grid = np.full([len(a) for a in axes.values()], np.nan)
    for g in grids:
        grid[axes["quantity"].index(g.quantity), series.index((g.estimator, g.sense))] = g.bits[
            :, : len(plane.layers)
        ].T
    bits = file.create_dataset("bits", data=grid)
    put_attrs(bits, {"units": "bit", "long_name": "estimated mutual information"})
    for i, (name, values) in enumerate(axes.items()):
        if name == "step":
            scale = file.create_dataset(name, data=np.array(values, dtype=np.int64))
        else:
            scale = file.create_dataset(
                name,
                data=[str(v).replace("\0", "\u2400") for v in values],
                dtype=h5py.string_dtype(),
            )  # xarray shows fixed-length ones as bytes
        scale.make_scale(name)
        bits.dims[i].attach_scale(scale)


def is_plane(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is a file that `save_plane` wrote (of any version).

    A run, a packed run or anything else is not.

    Raises:
        DamagedArchive: an HDF5 file whose header cannot be read.
    """
    if not Path(path).is_file() or not h5py.is_hdf5(path):
        return False
    where = str(path)
    with reading_h5(Path(path)) as (file, window):
        if not has(file, layout.META, where):
            return False
        return layout.says_format(read_meta(file, layout.META, window, where), layout.PLANE, where)


def load_plane(path: str | os.PathLike[str], *, run: str | os.PathLike[str] | None = None) -> Plane:
    """Read a plane written by `save_plane`.

    Args:
        path: the file.
        run: the run behind it, see `infoplane.plane.Plane.run_path`.

    Raises:
        NotAnArchive, VersionError, DamagedArchive: naming file and key.
    """
    where = str(path)
    try:
        with reading_h5(Path(path)) as (file, window):
            body = checked_header(read_meta(file, layout.META, window, where), layout.PLANE, where)
            said = body[POINTS]
            if isinstance(said, list):
                return _plane(body, _listed(said), Path(path), run)
            points, columns = read_points(file, window, said, where)
            plane = _plane(body, points, Path(path), run)
            vars(plane)["columns"] = columns  # as it would find itself
            return plane
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, InputError) as error:
        raise DamagedArchive(
            f"{where}: key 'meta': malformed plane: {type(error).__name__}: {str(error)[:200]}"
        ) from error


def _listed(said: list[Any]) -> tuple[Point, ...]:  # Any: JSON
    """The points of a plane of format 1, which has them in its header."""
    known = {f.name for f in fields(Estimate)}
    points = []
    for step, layer, quantity, e in said:
        if quantity not in ("i_xz", "i_zy"):
            raise ValueError(f"unknown quantity {quantity!r}")
        kept: dict[str, Any] = (
            e if e.keys() <= known else {k: v for k, v in e.items() if k in known}
        )  # Any: JSON
        if not is_estimate_row(kept):
            raise ValueError(f"an estimate with a value of another type: {str(kept)[:100]}")
        estimate = Estimate.from_dict(kept)
        points.append(Point(layout.as_size(step), str(layer), quantity, estimate))
    return tuple(points)


def _plane(
    body: Mapping[str, Any],  # Any: JSON
    points: tuple[Point, ...],
    file: Path,
    run: str | os.PathLike[str] | None,
) -> Plane:
    for key in ("h_y_bits", "h_x_bits"):
        if body[key] is not None and not (
            isinstance(body[key], (int, float)) and math.isfinite(body[key])
        ):
            raise ValueError(f"{key} is {body[key]!r}")
    if body["n"] < 1:
        raise ValueError("a plane of no rows")
    layers = tuple(body["layers"])
    if len(set(layers)) != len(layers):
        raise ValueError("two layers of one name")
    return Plane(
        points=points,
        layers=layers,
        n=layout.as_size(body["n"]),
        h_y_bits=body["h_y_bits"],
        h_x_bits=body["h_x_bits"],
        chain=None if body["chain"] is None else Chain.from_dict(body["chain"]),
        metrics={
            int(step): {str(k): float(v) for k, v in m.items()}
            for step, m in body["metrics"].items()
        },
        reductions={str(k): str(v) for k, v in body["reductions"].items()},
        failures=tuple(
            Failure(int(f["step"]), str(f["layer"]), str(f["estimator"]), str(f["message"]))
            for f in body["failures"]
        ),
        provenance={str(k): str(v) for k, v in body["provenance"].items()},
        row_info=RowInfo.from_dict(body.get("rows")),
        file=file,
        run=None if run is None else Path(run),
    )


class ResultLog:
    """Append-only results of one measurement in ``RUN/planes/<name>.jsonl``.

    One checked, synced line per record.

    A kill loses at most the lines being written; a torn or damaged line is ignored when reading,
    and measured again. So is a line without this user's mark: a run may come from anyone, and
    whoever can write a line can write any number.

    Attributes:
        foreign: lines of other users that were found and not read.
    """

    def __init__(
        self,
        run_path: str | os.PathLike[str],
        name: str = "results",
        *,
        folder: Path | None = None,
    ) -> None:
        run = Path(run_path)
        inside = folder is None and run.is_dir()
        if inside:
            folder = run / layout.PLANE_DIR
        self._run = run if inside else None
        self.path = (folder or run.with_name(run.name + ".planes")) / f"{name}.jsonl"
        self._found: dict[str, dict[str, Any]] = {}  # Any: JSON
        self._file, self._at = (0, 0), 0  # which file was read, and how far
        self.foreign = 0

    def append(self, key: str, record: Mapping[str, Any]) -> None:  # Any: JSON
        """Add one record; synced before this returns.

        Raises:
            ArchiveError: as `extend`.
        """
        self.extend([(key, record)])

    def extend(self, records: Iterable[tuple[str, Mapping[str, Any]]]) -> None:  # Any: JSON
        """Add records with their keys, synced together before this returns.

        Raises:
            ArchiveError: the disk refused; whole lines were added and at most one torn one, which
                readers ignore.
        """
        bodies = [
            _marked(layout.to_json({"key": key, "record": dict(record)})) for key, record in records
        ]
        if not bodies:
            return
        if self._run is not None and not self._run.is_dir():
            raise ArchiveError(
                f"{self._run} is gone: it was deleted or moved while it was measured"
            )
        make_folder(self.path.parent)
        refuse_link(self.path.parent)
        try:
            self.add_lines(b"".join(b"%08x %b\n" % (zlib.crc32(body), body) for body in bodies))
        except OSError as error:
            raise ArchiveError(
                f"could not add a result to {self.path}: {error}; results added before are intact"
            ) from error

    def add_lines(self, lines: bytes) -> None:
        fd = os.open(
            self.path,
            os.O_RDWR | os.O_CREAT | os.O_APPEND | NO_LINK,
            0o666,
        )
        try:
            size = os.fstat(fd).st_size
            if size and os.pread(fd, 1, size - 1) != b"\n":
                lines = b"\n" + lines  # do not join a torn last line
            done = 0
            while done < len(lines):
                done += os.write(fd, lines[done:])
            os.fsync(fd)
        finally:
            os.close(fd)

    def read(self) -> dict[str, dict[str, Any]]:  # Any: JSON
        """Every sound record of this user by its key; of several with one key the last.

        Lines that this object has read are not read again while the file only grows.
        """
        if not os.path.lexists(self.path):
            self._found, self._at, self.foreign = {}, 0, 0
            return {}
        refuse_link(self.path.parent)
        with os.fdopen(open_regular(self.path), "rb") as file:
            status = os.fstat(file.fileno())
            place = (status.st_dev, status.st_ino)
            if place != self._file or (
                self._at and os.pread(file.fileno(), 1, self._at - 1) != b"\n"
            ):  # another file, or a shorter or changed one
                self._file, self._found, self._at, self.foreign = place, {}, 0, 0
            file.seek(self._at)
            torn: dict[str, dict[str, Any]] = {}  # Any: JSON
            while line := file.readline(layout.MAX_JSON):
                body = _sound_body(line)
                if whole := line.endswith(b"\n"):
                    self._at = file.tell()
                    self.foreign += body is not None and not _is_own(body)
                if body is not None and _is_own(body):
                    (self._found if whole else torn).update(record_of(body))
        return self._found | torn


class BorrowedResultLog(ResultLog):
    """Results of a run that may not be written to.

    What lies in it is read, new ones go elsewhere.

    Args:
        run_path, name: as for `ResultLog`.
        folder: where new results go; None forgets them.
    """

    def __init__(
        self, run_path: str | os.PathLike[str], name: str = "results", *, folder: Path | None
    ) -> None:
        super().__init__(run_path, name)
        self._own = None if folder is None else ResultLog(run_path, name, folder=folder)

    def extend(self, records: Iterable[tuple[str, Mapping[str, Any]]]) -> None:  # Any: JSON
        """Add records where they may be written, if anywhere."""
        if self._own is not None:
            self._own.extend(records)

    def read(self) -> dict[str, dict[str, Any]]:  # Any: JSON
        """The records in the run and those of one's own."""
        return super().read() | ({} if self._own is None else self._own.read())


def _sound_body(line: bytes) -> bytes | None:
    """The JSON of a line; None of a torn or damaged one."""
    crc, _, body = line.rstrip(b"\n").partition(b" ")
    try:
        return body if int(crc, 16) == zlib.crc32(body) else None
    except ValueError:
        return None


_MARK = ',"mark":"%s"}'
_MARK_BYTES = len(_MARK) - len("%s") + MARK_LETTERS


def _marked(text: str) -> bytes:
    """A JSON object with this user's mark of the rest of it as its last entry."""
    rest = text.removesuffix("}")
    return (rest + _MARK % mark_of(rest.encode())).encode()


def _is_own(body: bytes) -> bool:
    rest, end = body[:-_MARK_BYTES], body[-_MARK_BYTES:]
    return hmac.compare_digest(end, (_MARK % mark_of(rest)).encode())


def record_of(body: bytes) -> dict[str, dict[str, Any]]:  # Any: JSON
    """The record in a line by its key; none where it is malformed."""
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        entry = layout.parse_json(body)
        return {str(entry["key"]): dict(entry["record"])}
    return {}
