"""The rows of a run as its archive has them, of live captures and of imports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from infoplane.positions.row_request import WantedRows
from infoplane.positions.selection import ChosenRows
from infoplane.row_info import DEFAULT_LABEL, RowInfo
from infoplane.types.arrays import Array, Ids


@dataclass(frozen=True, eq=False)
class ArchivedRows:
    """The rows of a run, N of them, by the names that `RunWriter.create` has for them.

    Attributes:
        x: shape ``(N, ...)``, None where X is no array (a prefix).
        y: the first label set, shape ``(N, ...)``; None without labels.
        labels: the further ones, by name.
        row_ids: shape ``(N,)``, equal X, equal id; None for those of ``x``.
        split: shape ``(N,)`` of ``train``/``test``, None where nobody said.
        row_info: what a row is.
        positions: sample and position, shape ``(N, 2)``; None of samples.
    """

    x: Array | None
    y: Array | None
    labels: Mapping[str, Array]
    row_ids: Ids | None
    split: Array | None
    row_info: RowInfo
    positions: Ids | None = None

    def take(self, rows: Ids) -> ArchivedRows:
        """Return the rows of these numbers, in their order."""

        def some(array: Array | None) -> Array | None:
            return None if array is None else array[rows]

        return replace(
            self,
            x=some(self.x),
            y=some(self.y),
            labels={name: values[rows] for name, values in self.labels.items()},
            row_ids=some(self.row_ids),
            split=some(self.split),
            positions=some(self.positions),
        )


def rows_of_samples(
    labels: Mapping[str, Array], x: Array | None, ids: Ids | None, split: Array | None
) -> ArchivedRows:
    """Return rows that are samples, n of them.

    Args:
        labels: by name, shape ``(n, ...)``; the first is Y.
        x: shape ``(n, ...)``, None where the inputs are not at hand.
        ids: shape ``(n,)``, None for those of ``x``.
        split: shape ``(n,)``, None where nobody said.
    """
    info = RowInfo(label=next(iter(labels), DEFAULT_LABEL))
    further = dict(labels)
    return ArchivedRows(x, further.pop(info.label, None), further, ids, split, info)


def rows_of_positions(
    chosen: ChosenRows, wanted: WantedRows, samples: int, split: Array | None
) -> ArchivedRows:
    """Return rows that are positions of samples, or nodes.

    Args:
        chosen: which.
        wanted: which the user wanted.
        samples: of the probe.
        split: of the samples, shape ``(samples,)``, or of the rows; None where nobody said.
    """
    if split is not None and len(split) == samples:  # a position has that of its sample
        split = split[chosen.sample]
    info = chosen.info(wanted, samples)
    further = dict(chosen.labels)
    y = further.pop(info.label, None)
    places = np.stack([chosen.sample, chosen.position], axis=1)
    return ArchivedRows(chosen.x_values, y, further, chosen.x_ids, split, info, places)
