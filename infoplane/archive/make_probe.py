"""A checked probe from arrays, lists and tensors of any library."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

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
    """Return a probe of checked arrays.

    Args:
        x: inputs, shape ``(n, ...)``; None where they are not at hand.
        y: labels or targets, shape ``(n,)`` or ``(n, k)``; None without labels.
        y_kind: ``discrete`` or ``continuous``; needed for floats.
        row_ids: shape ``(n,)``, equal for equal inputs; from ``x`` when left out.
        split: shape ``(n,)`` of ``train``, ``test`` or nothing.
        chain: the interchange certificate.
        store_x: whether the inputs are stored; their ids always are.
        x_kind: ``discrete`` or ``continuous``; integers are symbols by default.
        labels: further label sets by name, of the kind that ``y_kind`` says.
        rows, positions: what a row is, see `Probe`.

    Raises:
        InputError: arrays of different lengths, floats without ``y_kind``, unknown split names.
    """
    inputs = None if x is None else layout.storable(rows_array(x, "x"), "x")
    given_ids = None if row_ids is None else rows_array(row_ids, "row_ids")
    places = None if positions is None else np.asarray(positions, dtype=np.int64)
    named = {"x": inputs, "row_ids": given_ids, "positions": places}
    first = None if y is None else label_array("y", y, y_kind)
    named["y"] = None if first is None else first.values
    further = tuple(label_array(name, values, y_kind) for name, values in (labels or {}).items())
    for label in further:
        named[f"labels {label.name!r}"] = label.values
    n = _common_length(named)
    ids = _row_ids(inputs, given_ids, n)
    codes = None if split is None else _split_codes(split, n)
    hashed = [inputs, named["y"], ids, codes]
    if places is not None:
        hashed.append(places)
    hashed += [label.values for label in further]
    return Probe(
        x=inputs if store_x else None,
        y=named["y"],
        y_kind=None if first is None else first.kind,
        row_ids=ids,
        split=codes,
        chain=chain,
        sha256=_sha256(hashed),
        class_names=None if first is None else first.class_names,
        labels=further,
        rows=RowInfo() if rows is None else rows,
        positions=places,
        x_kind=None if inputs is None else kind_of_inputs(inputs.dtype.kind, x_kind),
    )


def _common_length(arrays: Mapping[str, Array | None]) -> int:
    """The number of rows that all arrays have."""
    lengths = {name: len(array) for name, array in arrays.items() if array is not None}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise InputError(
            f"expected x, y and row_ids with the same positive number of rows, got {lengths}"
        )
    return next(iter(lengths.values()))


def _row_ids(inputs: Array | None, given: Array | None, n: int) -> Ids:
    """The ids that were given, else those of equal inputs, else all different; shape ``(n,)``."""
    if given is None and inputs is not None:
        return codes_of_digests(row_digests(inputs.reshape(n, -1)))
    if given is None:
        return np.arange(n, dtype=np.int64)
    if given.dtype.kind not in "iu" or given.ndim != 1:
        raise InputError(
            f"row_ids: expected integers of shape ({n},), got {given.dtype} {given.shape}"
        )
    return given.astype(np.int64)


def _split_codes(split: ArrayLike, n: int) -> NDArray[np.uint8]:
    names = np.asarray(split)
    if names.shape == (n,) and names.dtype.kind in "UO":
        known = {name: code for code, name in enumerate(layout.SPLITS)}
        codes = [known.get(str(name)) for name in names]
        if None not in codes:
            return np.array(codes, dtype=np.uint8)
    raise InputError(
        f"split: expected {n} of 'train', 'test' or '', got {names.dtype} {names.shape}"
    )


def _sha256(arrays: Sequence[Array | None]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"-")
        else:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(layout.raw_bytes(array))
    return digest.hexdigest()
