"""What is a row of an import: samples, or positions inside them, with X, labels and places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from infoplane.kinds import IGNORED, kind_of_inputs, rows_without_label
from infoplane.positions import ChosenRows, WantedRows
from infoplane.positions.samples import sample_labels
from infoplane.row_info import DEFAULT_LABEL, RowInfo
from infoplane.sources.position_rows import choose_positions
from infoplane.sources.rows import Layers, Rows
from infoplane.sources.samples import Samples
from infoplane.types.arrays import Array, Ids, Shape


@dataclass(frozen=True, eq=False)
class ProbeRows:
    """The R rows of a run, as its archive stores them.

    Attributes:
        y: the first label set, shape ``(R,)``; None without labels.
        labels: the further ones, by name.
        x: shape ``(R, ...)``, None where X is no array (a prefix).
        x_kind: what it is.
        row_ids: shape ``(R,)``: equal X, equal id.
        split: shape ``(R,)``.
        info: what a row is.
        positions: sample and position, shape ``(R, 2)``; None of samples.
        chosen: which positions are rows; None of samples.
        sample_rows: indices of the samples that are rows, shape ``(R,)``; None for all.
        told_apart: by what equal rows are recognised, for the archive.
        notes: what was left out, and how often.
    """

    y: Array | None
    labels: Mapping[str, Array]
    x: Array | None
    x_kind: str | None
    row_ids: Ids | None
    split: Array | None
    info: RowInfo = field(default_factory=RowInfo)
    positions: Ids | None = None
    chosen: ChosenRows | None = None
    sample_rows: Ids | None = None
    told_apart: str = "all different"
    notes: tuple[str, ...] = ()

    def units(self, layer: Rows) -> Shape:
        """Return the shape of a row of a layer; its array holds samples.

        Of tokens it has shape ``(n, T, *units)``, of pixels ``(n, channels, H, W)``.
        """
        kind = self.info.kind
        if kind == "token":
            return layer.shape[2:]
        return layer.shape[1:2] if kind == "pixel" else layer.shape[1:]

    def blocks(self, layer: Rows) -> Iterator[Array]:
        """Yield the rows of a layer in order, a few MiB of its samples at a time."""
        start = 0
        for block in layer.blocks():
            stop = start + len(block)
            if self.chosen is not None:
                yield self._positions_of(block, start, self.units(layer), self.chosen)
            elif self.sample_rows is not None:
                first, last = np.searchsorted(self.sample_rows, [start, stop])
                yield block[self.sample_rows[first:last] - start]
            else:
                yield block
            start = stop

    def _positions_of(self, block: Array, start: int, units: Shape, chosen: ChosenRows) -> Array:
        """The chosen positions of some samples from ``start`` on, shape ``(rows, *units)``."""
        rows = chosen.span(start, start + len(block))
        sample = chosen.sample[rows] - start
        if chosen.kind == "node":
            return block[sample]
        if chosen.kind == "pixel":
            block = np.moveaxis(block, 1, -1)
        flat = block.reshape(len(block), -1, *units)
        return np.ascontiguousarray(flat[sample, chosen.position[rows]])


def settle_probe(wanted: WantedRows, layers: Layers, samples: Samples) -> ProbeRows:
    """Choose which rows a run has, with X and labels.

    Args:
        wanted: which rows the user wants; its ``y`` are the labels.
        layers: arrays of one step, samples first.
        samples: their inputs and identities.

    Raises:
        InputError: rows that layers and inputs cannot give.
    """
    if wanted.kind == "sample":
        return _whole_samples(wanted, samples)
    chosen = choose_positions(wanted, layers, samples)
    info, labels = chosen.info(wanted, samples.n), dict(chosen.labels)
    values, kind = chosen.x_values, None
    if values is not None:
        kind = kind_of_inputs(values.dtype.kind, samples.x_kind)
    return ProbeRows(
        y=labels.pop(info.label, None),
        labels=labels,
        x=values,
        x_kind=kind,
        row_ids=chosen.x_ids,
        split=None if samples.split is None else samples.split[chosen.sample],
        info=info,
        positions=chosen.places,
        chosen=chosen,
        told_apart=samples.told_apart,
        notes=chosen.notes,
    )


def _whole_samples(wanted: WantedRows, samples: Samples) -> ProbeRows:
    """Every sample with a label is a row."""
    labels = sample_labels(wanted.y, None, samples.n, samples.y_kind)
    first = next(iter(labels), DEFAULT_LABEL)
    only_input, ids = None, samples.ids
    if len(samples.inputs) == 1:
        (only_input,) = samples.inputs.values()
    elif ids is None:
        ids = samples.codes() if samples.inputs else np.arange(samples.n)
    found = ProbeRows(
        y=labels.pop(first, None),
        labels=labels,
        x=only_input,
        x_kind=samples.x_kind,
        row_ids=ids,
        split=samples.split,
        info=RowInfo(label=first),
        told_apart=samples.told_apart,
    )
    return found if samples.y_kind == "continuous" else _without_ignored(found, samples.n)


def _without_ignored(found: ProbeRows, n: int) -> ProbeRows:
    """The rows without those whose label, in any label set, means that there is none."""
    first = () if found.y is None else (found.y,)
    ignored = rows_without_label([*first, *found.labels.values()])
    if ignored is None:
        return found
    labelled = np.flatnonzero(~ignored)
    note = (
        f"{n - len(labelled)} of {n} rows have the label {IGNORED}, which losses ignore: left out"
    )

    def some(array: Array | None) -> Array | None:
        return None if array is None else array[labelled]

    return replace(
        found,
        y=some(found.y),
        labels={name: values[labelled] for name, values in found.labels.items()},
        x=some(found.x),
        row_ids=some(found.row_ids),
        split=some(found.split),
        sample_rows=labelled,
        notes=(note,),
    )
