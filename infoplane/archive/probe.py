"""The probe: the inputs, labels and row identities that every step of a run was captured on.

probe.h5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.archive import layout
from infoplane.archive.guard import Window, read_array, read_meta
from infoplane.archive.publish import publishing_h5, put_array, put_attrs, put_meta
from infoplane.archive.schemas import checked_header
from infoplane.errors import DamagedArchive, InputError
from infoplane.kinds import IGNORED, ignored_rows, kind_of_inputs, looks_like_classes
from infoplane.positions.samples import refuse_more_axes
from infoplane.row_info import RowInfo
from infoplane.types import Chain, Kind
from infoplane.types.arrays import to_numpy


@dataclass(frozen=True, eq=False)
class LabelArray:
    """One further label set.

    Its name, values ``(n,)`` or ``(n, k)``, kind, and names of classes that came as strings.
    """

    name: str
    values: NDArray[Any]  # Any: int64 or floats
    kind: Literal["discrete", "continuous"]
    class_names: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Probe:
    """What probe.h5 holds; `make_probe` builds it from what a user gives.

    Attributes:
        x: shape ``(n, ...)`` or None when not stored.
        y: discrete: int64; continuous: float; shape ``(n,)`` or ``(n, k)``; None without labels.
        y_kind: ``discrete``, ``continuous`` or None.
        row_ids: shape ``(n,)``, equal inputs have equal ids.
        split: shape ``(n,)``, codes into `layout.SPLITS`, or None.
        sha256: digest of all of it, of ``x`` also when it is not stored.
        class_names: the strings behind discrete labels that came as strings.
        x_kind: ``discrete`` (symbols: token ids, categories), ``continuous`` (amounts), or None
            without x.
        labels: further label sets of the same rows.
        rows: what a row is; `RowInfo.label` names ``y``.
        positions: shape ``(n, 2)``: sample and position of every row; None where rows are samples.
    """

    x: NDArray[Any] | None  # Any: stored dtype
    y: NDArray[Any] | None  # Any: stored dtype
    y_kind: Literal["discrete", "continuous"] | None
    row_ids: NDArray[np.int64]
    split: NDArray[np.uint8] | None
    chain: Chain | None
    sha256: str
    class_names: tuple[str, ...] | None = None
    x_kind: Kind | None = None
    labels: tuple[LabelArray, ...] = ()
    rows: RowInfo = field(default_factory=RowInfo)
    positions: NDArray[np.int64] | None = None

    @property
    def n(self) -> int:
        """Number of probe rows."""
        return len(self.row_ids)


def _array(a: ArrayLike, what: str) -> NDArray[Any]:  # Any: any dtype
    try:
        v = to_numpy(a)
    except ValueError as error:
        raise InputError(
            f"{what}: expected a rectangular array, got rows of different shapes"
        ) from error
    if v.ndim == 0:
        raise InputError(f"{what}: expected rows, got a single value")
    return v


def _labels(
    y: ArrayLike, y_kind: str | None
) -> tuple[NDArray[Any], Literal["discrete", "continuous"], tuple[str, ...] | None]:  # Any: dtype
    v = _array(y, "y")
    if y_kind not in (None, "discrete", "continuous"):
        raise InputError(f"y_kind must be 'discrete' or 'continuous', got {y_kind!r}")
    refuse_more_axes(v, y_kind)
    if v.dtype.kind in "USO":
        if v.dtype.kind == "O" and not all(isinstance(s, (str, np.str_)) for s in v.reshape(-1)):
            raise InputError("y: expected integers, booleans, strings or floats, got mixed objects")
        names, codes = np.unique(v.astype(str), return_inverse=True)
        return codes.reshape(v.shape).astype(np.int64), "discrete", tuple(str(s) for s in names)
    if v.dtype.kind not in "iubf":
        raise InputError(f"y: expected integers, booleans, strings or floats, got dtype {v.dtype}")
    if v.dtype.kind != "f":
        if y_kind == "continuous":
            return v.astype(np.float64), "continuous", None
        if (ignored := int(ignored_rows(v).sum())) > 0:
            raise InputError(
                f"y: {ignored} of {len(v)} labels are {IGNORED}, which losses ignore and which is "
                "no class; leave these rows out of x, y and the layers"
            )
        return (v.view(np.int64) if v.dtype == np.uint64 else v.astype(np.int64)), "discrete", None
    if y_kind is None:
        classes = (
            f" (here {len(np.unique(v))} different whole numbers)" if looks_like_classes(v) else ""
        )
        raise InputError(
            "y holds floats: state y_kind='continuous' for a regression target, "
            f"or y_kind='discrete' for class labels stored as floats{classes}"
        )
    if not np.isfinite(v).all():
        bad = int((~np.isfinite(v)).reshape(len(v), -1).any(axis=1).sum())
        raise InputError(
            f"y holds NaN or infinity in {bad} of {len(v)} rows; every probe row needs a label: "
            "leave these rows out"
        )
    if y_kind == "continuous":
        return v, "continuous", None
    if not (v == np.round(v)).all():
        raise InputError(
            "y_kind='discrete' but y holds fractions (soft labels?): use their argmax as classes, "
            "or y_kind='continuous'"
        )
    return v.astype(np.int64), "discrete", None


def _ids_of(x: NDArray[Any]) -> NDArray[np.int64]:  # Any: stored dtype
    from infoplane.rows import codes_of_digests, row_digests

    return codes_of_digests(row_digests(x.reshape(len(x), -1)))


def make_probe(
    x: ArrayLike | None,
    y: ArrayLike | None,
    *,
    y_kind: str | None = None,
    row_ids: ArrayLike | None = None,
    split: ArrayLike | None = None,
    chain: Chain | None = None,
    store_x: bool = True,
    x_kind: str | None = None,
    labels: Mapping[str, ArrayLike] | None = None,
    rows: RowInfo | None = None,
    positions: ArrayLike | None = None,
) -> Probe:
    """A checked `Probe`.

    Args:
        labels: further label sets by name, of the kind that ``y_kind`` says.
        rows, positions: what a row is, see `Probe`.

    Raises:
        InputError: arrays of different lengths, floats without ``y_kind``, unknown split names.
    """
    xs = None if x is None else layout.storable(_array(x, "x"), "x")
    ys, kind, names = (None, None, None) if y is None else _labels(y, y_kind)
    given = None if row_ids is None else _array(row_ids, "row_ids")
    places = None if positions is None else np.asarray(positions, dtype=np.int64)
    more = tuple(_label_array(name, v, y_kind) for name, v in (labels or {}).items())
    named = [("x", xs), ("y", ys), ("row_ids", given), ("positions", places)]
    named += [(f"labels {label.name!r}", label.values) for label in more]
    lengths = {k: len(v) for k, v in named if v is not None}
    if not lengths or len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise InputError(
            f"expected x, y and row_ids with the same positive number of rows, got {lengths}"
        )
    n = next(iter(lengths.values()))
    if given is not None and (given.dtype.kind not in "iu" or given.ndim != 1):
        raise InputError(
            f"row_ids: expected integers of shape ({n},), got {given.dtype} {given.shape}"
        )
    ids = (
        given.astype(np.int64)
        if given is not None
        else np.arange(n, dtype=np.int64)
        if xs is None
        else _ids_of(xs)
    )
    ys = None if ys is None else layout.storable(ys, "y")
    codes = None if split is None else _split_codes(split, n)
    further = [places] if places is not None else []
    further += [label.values for label in more]
    inputs = None if xs is None else kind_of_inputs(xs.dtype.kind, x_kind)
    return Probe(
        x=xs if store_x else None,
        y=ys,
        y_kind=kind,
        row_ids=ids,
        split=codes,
        chain=chain,
        sha256=_sha256(xs, ys, ids, codes, *further),
        class_names=names,
        labels=more,
        rows=RowInfo() if rows is None else rows,
        positions=places,
        x_kind=inputs,
    )


def _label_array(name: str, values: ArrayLike, y_kind: str | None) -> LabelArray:
    checked, kind, names = _labels(values, y_kind)
    return LabelArray(name, layout.storable(checked, name), kind, names)


def _split_codes(split: ArrayLike, n: int) -> NDArray[np.uint8]:
    v = np.asarray(split)
    if (
        v.shape != (n,)
        or v.dtype.kind not in "UO"
        or not set(map(str, np.unique(v.astype(str)))) <= set(layout.SPLITS)
    ):
        raise InputError(f"split: expected {n} of 'train', 'test' or '', got {v.dtype} {v.shape}")
    return np.array([layout.SPLITS.index(str(s)) for s in v], dtype=np.uint8)


def _sha256(*arrays: NDArray[Any] | None) -> str:  # Any: stored dtype
    h = hashlib.sha256()
    for a in arrays:
        h.update(b"-" if a is None else f"{a.dtype.str}{a.shape}".encode())
        if a is not None:
            h.update(layout.raw_bytes(a))
    return h.hexdigest()


def write_probe(path: Path, probe: Probe, run_uuid: str, *, durable: bool) -> None:
    """Publish probe.h5."""
    with publishing_h5(path, durable=durable, replace=True) as file:
        fill_probe(file, probe, run_uuid)


def fill_probe(group: h5py.Group, probe: Probe, run_uuid: str) -> None:
    """Write the probe into a group (the root of probe.h5, or ``/probe`` of a packed file)."""
    arrays = {
        "x": probe.x,
        "y": probe.y,
        "row_ids": probe.row_ids,
        "split": probe.split,
        "positions": probe.positions,
    }
    arrays |= {label_key(k): label.values for k, label in enumerate(probe.labels)}
    table = {
        key: put_array(group, key, layout.storable(a, key))
        for key, a in arrays.items()
        if a is not None
    }
    place = {
        "format": layout.PROBE,
        "format_version": layout.FORMAT_VERSION,
        "run_uuid": run_uuid,
        "n_rows": probe.n,
        "probe_sha256": probe.sha256,
    }
    chain = None if probe.chain is None else probe.chain.to_dict()
    put_meta(
        group,
        layout.META,
        layout.sealed({**place, **_words(probe), "arrays": table, "chain": chain}),
    )
    put_attrs(
        group,
        {
            **place,
            "y_kind": probe.y_kind or "",
            "split_codes": ",".join(layout.SPLITS),
            "complete": np.uint8(1),
        },
    )


def label_key(k: int) -> str:
    """Under which key the k-th further label set lies."""
    return f"label-{k:04d}"


def _words(probe: Probe) -> dict[str, Any]:  # Any: JSON
    """What the header says of rows and labels beside their arrays."""
    further = [
        {"name": label.name, "kind": label.kind, "class_names": label.class_names}
        for label in probe.labels
    ]
    return {
        "y_kind": probe.y_kind,
        "x_kind": probe.x_kind,
        "rows": probe.rows.to_dict(),
        "labels": further,
    }


def read_probe_meta(group: h5py.Group, window: Window, where: str) -> dict[str, Any]:  # Any: JSON
    """The sealed header of a probe."""
    body = checked_header(read_meta(group, layout.META, window, where), layout.PROBE, where)
    body.setdefault("labels", [])
    return body


def read_probe_array(
    group: h5py.Group, window: Window, meta: dict[str, Any], key: str, where: str
) -> NDArray[Any] | None:  # Any: JSON, dtype
    """One array of the probe, checked; None when it was not stored."""
    entry = meta["arrays"].get(key)
    if entry is None:
        return None
    shape, dtype, crc = array_entry(entry, where)
    if not shape or shape[0] != meta["n_rows"]:
        raise DamagedArchive(
            f"{where}: key '{key}': expected {meta['n_rows']} rows, got shape {shape}"
        )
    return read_array(group, key, window, shape, dtype, crc, where)


def array_entry(entry: Any, where: str) -> tuple[tuple[int, ...], str, int]:  # Any: JSON
    """Shape, dtype and CRC of an array as a header states them.

    Raises:
        DamagedArchive: malformed.
    """
    try:
        shape = tuple(layout.as_size(s) for s in entry["shape"])
        dtype, crc = str(entry["dtype"]), layout.as_size(entry["crc32"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DamagedArchive(f"{where}: key 'meta': malformed array entry: {error}") from error
    if dtype not in layout.ARRAY_DTYPES or len(shape) > 16:
        raise DamagedArchive(
            f"{where}: key 'meta': array of dtype {dtype!r} and {len(shape)} axes is not of this "
            "format"
        )
    return shape, dtype, crc
