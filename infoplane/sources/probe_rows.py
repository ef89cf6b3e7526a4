"""What is a row of an import: samples, or positions inside them, with X, labels and places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from infoplane.kinds import IGNORED, kind_of_inputs, rows_without_label
from infoplane.positions import ChosenRows, WantedRows
from infoplane.positions.archived_rows import ArchivedRows, rows_of_positions, rows_of_samples
from infoplane.positions.samples import sample_labels
from infoplane.sources.position_rows import choose_positions
from infoplane.sources.rows import Layers, Rows
from infoplane.sources.samples import Samples
from infoplane.types.arrays import Array, Ids, Shape


@dataclass(frozen=True, eq=False)
class ProbeRows:
    """The R rows of a run, as its archive stores them.

    Attributes:
        rows: with X, labels and places.
        x_kind: what X is.
        told_apart: by what equal rows are recognised, for the archive.
        chosen: which positions are rows; None of samples.
        sample_rows: indices of the samples that are rows, shape ``(R,)``; None for all.
        notes: what was left out, and how often.
    """

    rows: ArchivedRows
    x_kind: str | None
    told_apart: str
    chosen: ChosenRows | None = None
    sample_rows: Ids | None = None
    notes: tuple[str, ...] = ()

    def units(self, layer: Rows) -> Shape:
        """Return the shape of a row of a layer; its array holds samples.

        Of tokens it has shape ``(n, T, *units)``, of pixels ``(n, channels, H, W)``.
        """
        kind = self.rows.row_info.kind
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
    rows = rows_of_positions(chosen, wanted, samples.n, samples.split)
    kind = None if rows.x is None else kind_of_inputs(rows.x.dtype.kind, samples.x_kind)
    return ProbeRows(rows, kind, samples.told_apart, chosen=chosen, notes=chosen.notes)


def _whole_samples(wanted: WantedRows, samples: Samples) -> ProbeRows:
    """Every sample with a label is a row."""
    labels = sample_labels(wanted.y, None, samples.n, samples.y_kind)
    only_input, ids = None, samples.ids
    if len(samples.inputs) == 1:
        (only_input,) = samples.inputs.values()
    elif ids is None:
        ids = samples.codes() if samples.inputs else np.arange(samples.n)
    rows = rows_of_samples(labels, only_input, ids, samples.split)
    found = ProbeRows(rows, samples.x_kind, samples.told_apart)
    ignored = None if samples.y_kind == "continuous" else rows_without_label(labels.values())
    if ignored is None:
        return found
    labelled = np.flatnonzero(~ignored)  # in every label set
    note = (
        f"{samples.n - len(labelled)} of {samples.n} rows have the label {IGNORED}, which losses "
        "ignore: left out"
    )
    return replace(found, rows=rows.take(labelled), sample_rows=labelled, notes=(note,))
