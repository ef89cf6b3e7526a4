"""A checked probe from what a user gives: arrays, lists and tensors of any library."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.archive import layout
from infoplane.archive.label_array import label_array, rows_array
from infoplane.archive.probe import Probe
from infoplane.errors import InputError
from infoplane.kinds import kind_of_inputs
from infoplane.row_info import RowInfo
from infoplane.rows import codes_of_digests, row_digests
from infoplane.types import Chain
from infoplane.types.arrays import Array, Ids


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
    """Check what a user gives, and return it as a `Probe`.

    Args:
        x: inputs, shape ``(n, ...)``; None where they are not at hand.
        y: labels or targets, shape ``(n,)`` or ``(n, k)``; None without labels.
        y_kind: ``discrete`` or ``continuous``; needed for floats.
        row_ids: shape ``(n,)``, equal for equal inputs; from ``x`` when left out.
        split: shape ``(n,)`` of ``train``, ``test`` or nothing.
        chain: the interchange certificate.
        store_x: whether the inputs are stored; their ids always are.
        x_kind: ``discrete`` or ``continuous``; integers are symbols unless said otherwise.
        labels: further label sets by name, of the kind that ``y_kind`` says.
        rows, positions: what a row is, see `Probe`.

    Raises:
        InputError: arrays of different lengths, floats without ``y_kind``, unknown split names.
    """
    xs = None if x is None else layout.storable(rows_array(x, "x"), "x")
    first = None if y is None else label_array("y", y, y_kind)
    given = None if row_ids is None else rows_array(row_ids, "row_ids")
    places = None if positions is None else np.asarray(positions, dtype=np.int64)
    more = tuple(label_array(name, v, y_kind) for name, v in (labels or {}).items())
    ys = None if first is None else first.values
    named = [("x", xs), ("y", ys), ("row_ids", given), ("positions", places)]
    named += [(f"labels {label.name!r}", label.values) for label in more]
    lengths = {k: len(v) for k, v in named if v is not None}
    if not lengths or len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise InputError(
            f"expected x, y and row_ids with the same positive number of rows, got {lengths}"
        )
    n = next(iter(lengths.values()))
    ids = _row_ids(xs, given, n)
    codes = None if split is None else _split_codes(split, n)
    further = [places] if places is not None else []
    further += [label.values for label in more]
    return Probe(
        x=xs if store_x else None,
        y=ys,
        y_kind=None if first is None else first.kind,
        row_ids=ids,
        split=codes,
        chain=chain,
        sha256=_sha256(xs, ys, ids, codes, *further),
        class_names=None if first is None else first.class_names,
        labels=more,
        rows=RowInfo() if rows is None else rows,
        positions=places,
        x_kind=None if xs is None else kind_of_inputs(xs.dtype.kind, x_kind),
    )


def _row_ids(x: Array | None, given: Array | None, n: int) -> Ids:
    """The ids that were given, else those of equal inputs, else all different; shape ``(n,)``."""
    if given is None and x is not None:
        return codes_of_digests(row_digests(x.reshape(n, -1)))
    if given is None:
        return np.arange(n, dtype=np.int64)
    if given.dtype.kind not in "iu" or given.ndim != 1:
        raise InputError(
            f"row_ids: expected integers of shape ({n},), got {given.dtype} {given.shape}"
        )
    return given.astype(np.int64)


def _split_codes(split: ArrayLike, n: int) -> NDArray[np.uint8]:
    v = np.asarray(split)
    if (
        v.shape != (n,)
        or v.dtype.kind not in "UO"
        or not set(map(str, np.unique(v.astype(str)))) <= set(layout.SPLITS)
    ):
        raise InputError(f"split: expected {n} of 'train', 'test' or '', got {v.dtype} {v.shape}")
    return np.array([layout.SPLITS.index(str(s)) for s in v], dtype=np.uint8)


def _sha256(*arrays: Array | None) -> str:
    h = hashlib.sha256()
    for a in arrays:
        h.update(b"-" if a is None else f"{a.dtype.str}{a.shape}".encode())
        if a is not None:
            h.update(layout.raw_bytes(a))
    return h.hexdigest()
