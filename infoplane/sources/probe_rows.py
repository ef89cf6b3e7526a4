"""What is a row of an import: samples, or positions inside them, with X, labels and places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.errors import InputError
from infoplane.kinds import IGNORED, ignored_rows, kind_of_inputs
from infoplane.positions import ChosenRows, WantedRows, choose_rows
from infoplane.positions.masks import Sequences, key_of, sequences_of
from infoplane.positions.samples import sample_labels
from infoplane.row_info import DEFAULT_LABEL, RowInfo
from infoplane.rows import row_codes, row_digests
from infoplane.sources.rows import Rows
from infoplane.types.arrays import to_numpy

Array = NDArray[Any]  # Any: every dtype of inputs and labels
Layers = Mapping[str, Rows]


class LayerRows(Protocol):
    """A layer on its way into a run: `Rows`, or some rows of these.

    Attributes:
        name: for messages.
        shape: ``(R, *units)``.
        store_dtype, own_dtype: as of `Rows`.
    """

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def store_dtype(self) -> np.dtype[Any]: ...

    @property
    def own_dtype(self) -> str: ...

    def blocks(self) -> Iterator[Array]:
        """The rows in order, a few MiB at a time."""
        ...


@dataclass(frozen=True, eq=False)
class ProbeRows:
    """The R rows of a run as its archive has them.

    Attributes:
        y: the first label set, shape ``(R,)``; None without labels. labels: the further ones, by
            name.
        x: shape ``(R, ...)``, None where X is no array (a prefix). x_kind: what it is.
        row_ids: shape ``(R,)``: equal X, equal id.
        split: shape ``(R,)``.
        info: what a row is. positions: sample and position, shape ``(R, 2)``; None of samples.
        chosen: which positions are rows; None of samples.
        kept: numbers of the samples that are rows, shape ``(R,)``; None for all.
        told_apart: by what rows are known to be equal, for the archive.
        notes: what was left out, and how often.
    """

    y: Array | None
    labels: Mapping[str, Array]
    x: Array | None
    x_kind: str | None
    row_ids: NDArray[np.int64] | None
    split: Array | None
    info: RowInfo = field(default_factory=RowInfo)
    positions: NDArray[np.int64] | None = None
    chosen: ChosenRows | None = None
    kept: NDArray[np.int64] | None = None
    told_apart: str = "all different"
    notes: tuple[str, ...] = ()

    def of(self, layer: Rows) -> LayerRows:
        """The rows of a layer, whose array holds samples."""
        if self.chosen is not None:
            return PositionsOfLayer(layer, self.chosen)
        return layer if self.kept is None else SamplesOfLayer(layer, self.kept)


@dataclass(frozen=True, eq=False)
class _PartOfLayer:
    """Some rows of a layer, whose name and dtypes are the layer's.

    Attributes:
        whole: the layer's array, samples first.
    """

    whole: Rows

    @property
    def name(self) -> str:
        """Of the layer."""
        return self.whole.name

    @property
    def store_dtype(self) -> np.dtype[Any]:
        """Of the layer."""
        return self.whole.store_dtype

    @property
    def own_dtype(self) -> str:
        """Of the layer."""
        return self.whole.own_dtype


@dataclass(frozen=True, eq=False)
class SamplesOfLayer(_PartOfLayer):
    """Some samples of a layer's array, read a few at a time.

    Attributes:
        whole: all of them. kept: numbers of those that are rows, ascending, shape ``(R,)``.
    """

    kept: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """``(R, *units)``."""
        return (len(self.kept), *self.whole.shape[1:])

    def blocks(self) -> Iterator[Array]:
        """The rows in order."""
        start = 0
        for block in self.whole.blocks():
            first, last = np.searchsorted(self.kept, [start, start + len(block)])
            yield block[self.kept[first:last] - start]
            start += len(block)


@dataclass(frozen=True, eq=False)
class PositionsOfLayer(_PartOfLayer):
    """Positions inside the samples of a layer's array, read a few samples at a time.

    Attributes:
        whole: samples, shape ``(n, T, *units)``; of pixels ``(n, channels, H, W)``.
        chosen: which positions are rows.
    """

    chosen: ChosenRows

    @property
    def shape(self) -> tuple[int, ...]:
        """``(R, *units)``."""
        units = {"token": self.whole.shape[2:], "pixel": self.whole.shape[1:2]}
        return (self.chosen.n, *units.get(self.chosen.kind, self.whole.shape[1:]))

    def blocks(self) -> Iterator[Array]:
        """The rows in order of sample and position."""
        start = 0
        for block in self.whole.blocks():
            rows = self.chosen.span(start, start + len(block))
            if rows.stop > rows.start:
                yield self._rows_of(block, self.chosen.sample[rows] - start, rows)
            start += len(block)

    def _rows_of(self, block: Array, sample: NDArray[np.int64], rows: slice) -> Array:
        if self.chosen.kind == "node":
            return block[sample]
        if self.chosen.kind == "pixel":
            block = np.moveaxis(block, 1, -1)
        flat = block.reshape(len(block), -1, *self.shape[1:])
        return np.ascontiguousarray(flat[sample, self.chosen.position[rows]])


def settle_probe(
    wanted: WantedRows,
    layers: Layers,
    *,
    inputs: object,
    row_ids: ArrayLike | None,
    split: ArrayLike | None,
    y_kind: str | None,
    x_kind: str | None,
) -> ProbeRows:
    """Settle which rows a run has, what X is at each of them, and their labels.

    Args:
        wanted: what was asked of the rows; its ``y`` are the labels.
        layers: arrays of one step, samples first.
        inputs: shape ``(n, ...)``, or a mapping of names to such arrays; None where they are not at
            hand.
        row_ids: shape ``(n,)``, equal for equal samples.
        split: shape ``(n,)``, one word for each sample.
        y_kind, x_kind: what labels and inputs are, where that was said.

    Raises:
        InputError: arrays that do not pair, or rows that they cannot give.
    """
    n = next(iter(layers.values())).shape[0]
    arrays = _arrays(inputs)
    given: list[tuple[str, Any]] = [*arrays.items(), ("row_ids", row_ids), ("split", split)]
    if not isinstance(wanted.y, (str, Mapping)):
        given.append(("y", wanted.y))
    for name, array in given:
        if array is not None and len(array) != n:
            raise InputError(
                f"{name} has {len(array)} rows and the layers have {n}; they must pair"
            )
    ids = None if row_ids is None else np.asarray(to_numpy(row_ids))
    words = None if split is None else np.asarray(split)
    if wanted.kind == "sample":
        return _samples(wanted, n, arrays, ids, words, y_kind, x_kind)
    chosen = _choose(wanted, layers, arrays, ids)
    labels = dict(chosen.labels)
    first = next(iter(labels), DEFAULT_LABEL)
    settings = wanted.record() | {"notes": list(chosen.notes)}
    x = chosen.x_values
    return ProbeRows(
        y=labels.pop(first, None),
        labels=labels,
        x=x,
        x_kind=None if x is None else kind_of_inputs(x.dtype.kind, x_kind),
        row_ids=chosen.x_ids,
        split=None if words is None else words[chosen.sample],
        info=RowInfo(chosen.kind, chosen.x, first, chosen.grid, n, settings),
        positions=np.stack([chosen.sample, chosen.position], axis=1),
        chosen=chosen,
        told_apart=_told_apart(arrays, ids),
        notes=chosen.notes,
    )


def _told_apart(arrays: Mapping[str, Array], ids: Array | None) -> str:
    return "inputs" if arrays else "row_ids" if ids is not None else "all different"


def _arrays(inputs: object) -> dict[str, Array]:
    """The inputs by name."""
    if inputs is None:
        return {}
    if not isinstance(inputs, Mapping):
        return {"x": to_numpy(inputs)}
    return {str(name): to_numpy(array) for name, array in inputs.items()}


# ---- samples -----------------------------------------------------------------------------------


def _samples(
    wanted: WantedRows,
    n: int,
    arrays: Mapping[str, Array],
    ids: Array | None,
    split: Array | None,
    y_kind: str | None,
    x_kind: str | None,
) -> ProbeRows:
    y = wanted.y if isinstance(wanted.y, (str, Mapping)) or wanted.y is None else to_numpy(wanted.y)
    labels = sample_labels(y, None, n, y_kind)
    first = next(iter(labels), DEFAULT_LABEL)
    if len(arrays) > 1 and ids is None:
        ids = row_codes(np.concatenate([row_digests(a) for a in arrays.values()], axis=1))
    x = next(iter(arrays.values())) if len(arrays) == 1 else None
    told_apart = _told_apart(arrays, ids)
    if x is None and ids is None:
        ids = np.arange(n)
    found = ProbeRows(
        y=labels.pop(first, None),
        labels=labels,
        x=x,
        x_kind=x_kind,
        row_ids=ids,
        split=split,
        info=RowInfo(label=first),
        told_apart=told_apart,
    )
    return found if y_kind == "continuous" else _without_ignored(found, n)


def _without_ignored(found: ProbeRows, n: int) -> ProbeRows:
    """Without the samples whose label says that there is none; those of further label sets too."""
    ignored = np.zeros(n, np.bool_)
    for labels in (found.y, *found.labels.values()):
        if labels is not None and not ignored_rows(labels).all():
            ignored |= ignored_rows(labels)
    if not ignored.any():
        return found
    kept = np.flatnonzero(~ignored)
    note = f"{n - len(kept)} of {n} rows have the label {IGNORED}, which losses ignore: left out"

    def some(array: Array | None) -> Array | None:
        return None if array is None else array[kept]

    return replace(
        found,
        y=some(found.y),
        labels={name: values[kept] for name, values in found.labels.items()},
        x=some(found.x),
        row_ids=some(found.row_ids),
        split=some(found.split),
        kept=kept,
        notes=(note,),
    )


# ---- positions ---------------------------------------------------------------------------------


def _choose(
    wanted: WantedRows, layers: Layers, arrays: Mapping[str, Array], ids: Array | None
) -> ChosenRows:
    if ids is not None and arrays:
        raise InputError("row_ids= stand for inputs that are not at hand: leave one of the two out")
    samples = _ids_of_samples(wanted, ids)
    if wanted.kind == "node":
        return _nodes(wanted, layers, arrays)
    if wanted.kind == "pixel":
        return _pixels(wanted, layers, arrays, samples)
    key = key_of(arrays, wanted.key)
    sequences = None if key is None else sequences_of(arrays, key, wanted.mask)
    shape = _token_shape(wanted, layers, sequences)
    _require_grid(layers, shape[1:], 1, "(samples, positions, units)")
    if sequences is None and isinstance(wanted.mask, str):
        raise InputError(f"mask={wanted.mask!r} names an input, and none is given: give inputs=")
    if sequences is None and arrays and samples is None:
        samples = _codes(arrays)
    return choose_rows(
        wanted,
        shape,
        sequences=sequences,
        samples=samples,
        causal=wanted.x == "prefix",
    )


def _ids_of_samples(wanted: WantedRows, ids: Array | None) -> NDArray[np.int64] | None:
    """The row ids that were given, shape ``(n,)``."""
    if ids is None:
        return None
    if wanted.kind == "node":
        raise InputError(
            "row_ids= belong to samples: the rows of one graph are nodes, leave it out"
        )
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise InputError(
            f"row_ids: expected integers of shape ({len(ids)},), got {ids.dtype} of shape "
            f"{ids.shape}"
        )
    return ids.astype(np.int64)


def _codes(arrays: Mapping[str, Array]) -> NDArray[np.int64]:
    """Ids of samples, equal for equal inputs."""
    return row_codes(np.concatenate([row_digests(a) for a in arrays.values()], axis=1))


def _token_shape(
    wanted: WantedRows, layers: Layers, sequences: Sequences | None
) -> tuple[int, ...]:
    """Samples and positions ``(n, T)``: of the tokens, of the mask, else of most layers."""
    n = next(iter(layers.values())).shape[0]
    if sequences is not None:
        return sequences.valid.shape
    if wanted.mask is not None and not isinstance(wanted.mask, str):
        mask = to_numpy(wanted.mask)
        if mask.ndim != 2 or len(mask) != n:
            raise InputError(f"mask: expected shape ({n}, positions), got {mask.shape}")
        return mask.shape
    lengths = Counter(rows.shape[1] for rows in layers.values() if len(rows.shape) > 2)
    if not lengths:
        shapes = {name: rows.shape for name, rows in list(layers.items())[:8]}
        raise InputError(
            f"rows='token' needs layers of shape (samples, positions, units), got {shapes}"
        )
    return n, lengths.most_common(1)[0][0]


def _require_grid(layers: Layers, grid: tuple[int, ...], axis: int, form: str) -> None:
    """Refuse layers that do not have the positions, by name."""
    lacking = [
        f"{name!r} {rows.shape}"
        for name, rows in layers.items()
        if rows.shape[axis : axis + len(grid)] != grid
    ]
    if lacking:
        size = "x".join(map(str, grid))
        raise InputError(
            f"{', '.join(lacking[:8])}: expected {form} with {size} positions; choose the layers "
            "that have them by layers=[...], and store the others with one row per sample"
        )


def _pixels(
    wanted: WantedRows,
    layers: Layers,
    arrays: Mapping[str, Array],
    samples: NDArray[np.int64] | None,
) -> ChosenRows:
    image = next((a for a in arrays.values() if a.ndim == 4), None)
    grids = Counter(rows.shape[2:] for rows in layers.values() if len(rows.shape) == 4)
    form = "(samples, channels, height, width)"
    if not grids:
        shapes = {name: rows.shape for name, rows in list(layers.items())[:8]}
        raise InputError(f"rows='pixel' needs layers of shape {form}, got {shapes}")
    own = () if image is None else image.shape[2:]
    grid = own if own in grids else grids.most_common(1)[0][0]
    _require_grid(layers, grid, 2, form)
    n = next(iter(layers.values())).shape[0]
    if arrays:
        samples = _codes(arrays)
    features = np.moveaxis(image, 1, -1) if image is not None and own == grid else None
    return choose_rows(wanted, (n, *grid), samples=samples, features=features)


def _nodes(wanted: WantedRows, layers: Layers, arrays: Mapping[str, Array]) -> ChosenRows:
    n = next(iter(layers.values())).shape[0]
    first = next(iter(arrays.values()), None)
    features = None if first is None else first.reshape(n, -1)
    return choose_rows(wanted, (n,), samples=np.arange(n, dtype=np.int64), features=features)
