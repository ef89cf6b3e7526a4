"""The rows of a layer that are stored: all, some samples, or positions inside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from infoplane.positions import ChosenRows
from infoplane.sources.rows import Rows
from infoplane.types.arrays import Array, Ids, Shape


class LayerRows(Protocol):
    """The rows of a layer that are stored: `Rows`, or some of them.

    Attributes:
        name: for messages.
        shape: ``(R, *units)``.
        store_dtype, own_dtype: as of `Rows`.
    """

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> Shape: ...

    @property
    def store_dtype(self) -> np.dtype[Any]: ...

    @property
    def own_dtype(self) -> str: ...

    def blocks(self) -> Iterator[Array]:
        """Return the rows in order, a few MiB at a time."""
        ...


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
        whole: all of them.
        samples: indices of those that are rows, ascending, shape ``(R,)``.
    """

    samples: Ids

    @property
    def shape(self) -> Shape:
        """``(R, *units)``."""
        return (len(self.samples), *self.whole.shape[1:])

    def blocks(self) -> Iterator[Array]:
        """Yield the rows in order."""
        start = 0
        for block in self.whole.blocks():
            first, last = np.searchsorted(self.samples, [start, start + len(block)])
            yield block[self.samples[first:last] - start]
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
    def shape(self) -> Shape:
        """``(R, *units)``."""
        units = {"token": self.whole.shape[2:], "pixel": self.whole.shape[1:2]}
        return (self.chosen.n, *units.get(self.chosen.kind, self.whole.shape[1:]))

    def blocks(self) -> Iterator[Array]:
        """Yield the rows in order of sample and position."""
        start = 0
        for block in self.whole.blocks():
            rows = self.chosen.span(start, start + len(block))
            if rows.stop > rows.start:
                yield self._rows_of(block, self.chosen.sample[rows] - start, rows)
            start += len(block)

    def _rows_of(self, block: Array, sample: Ids, rows: slice) -> Array:
        if self.chosen.kind == "node":
            return block[sample]
        if self.chosen.kind == "pixel":
            block = np.moveaxis(block, 1, -1)
        flat = block.reshape(len(block), -1, *self.shape[1:])
        return np.ascontiguousarray(flat[sample, self.chosen.position[rows]])
