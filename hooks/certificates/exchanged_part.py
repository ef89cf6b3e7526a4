"""What of a layer the interchange test looks at and exchanges.

All of a sample, or one position of it.

A token row of one layer cuts X off from that of a later layer only where nothing between them
brings other positions in. So for rows that are positions one position is exchanged and the same one
is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from infoplane.hooks.certificates.chosen_rows import evenly_spread, two_sets
from infoplane.hooks.network.sites import Site
from infoplane.hooks.probing.probe import Probe
from infoplane.hooks.rows.rows import NodeRows, PositionRows, Rows

Numbers = NDArray[np.int64]
"""Of samples of the probe, shape ``(k,)``."""


class Focus(Protocol):
    """The part of a layer that a row of the plane is.

    Attributes:
        movable: whether a row may be given what another row has, wherever that is.
        separate: whether the samples of a batch do not belong together, so that others may take
            their place.
    """

    movable: ClassVar[bool]
    separate: ClassVar[bool]

    def samples(self, probe: Probe, rows: int) -> tuple[Numbers, Numbers]:
        """Return numbers of two sets of samples that differ, about ``rows`` of each."""
        ...

    def look(self, site: Site, tensor: Tensor, count: int) -> Tensor:
        """Return the rows in ``(samples, *raw_shape)``.

        Args:
            site: the layer.
            tensor: its own, of all samples shown.
            count: samples of the run, before they are repeated to fill a batch; those of a pair
                stand side by side.
        """
        ...

    def put(self, site: Site, tensor: Tensor, rows: Tensor, count: int) -> Tensor:
        """Return the layer's own ``tensor`` with these rows in place of its own; see `look`."""
        ...


class WholeSamples:
    """A row is all of a sample."""

    movable: ClassVar[bool] = True
    separate: ClassVar[bool] = True

    def samples(self, probe: Probe, rows: int) -> tuple[Numbers, Numbers]:
        """Return rows that differ in every input wherever the probe allows.

        See `infoplane.hooks.certificates.chosen_rows`.
        """
        return two_sets(probe, rows)

    def look(self, site: Site, tensor: Tensor, count: int) -> Tensor:
        """Return all rows."""
        return tensor

    def put(self, site: Site, tensor: Tensor, rows: Tensor, count: int) -> Tensor:
        """Return all rows."""
        return rows


@dataclass(frozen=True, eq=False)
class OnePosition:
    """A row is one position; of every pair of samples the last that is a row in both.

    Attributes:
        rows: those of the run.
        first, second: samples of the two sets.
        position: of each pair.
    """

    movable: ClassVar[bool] = False
    separate: ClassVar[bool] = True

    rows: PositionRows
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    position: Tensor

    def samples(self, probe: Probe, rows: int) -> tuple[Numbers, Numbers]:
        """Return the pairs that have a position in common."""
        return self.first, self.second

    def look(self, site: Site, tensor: Tensor, count: int) -> Tensor:
        """Return the one position of every sample."""
        flat = self.rows.flat(site, tensor)
        return flat[torch.arange(len(flat)), self._places(len(flat), count)]

    def put(self, site: Site, tensor: Tensor, rows: Tensor, count: int) -> Tensor:
        """Put rows in their places; the other positions stay."""
        changed = tensor.clone()
        flat = self.rows.flat(site, changed, view=True)
        flat[torch.arange(len(rows)), self._places(len(rows), count)] = rows
        return changed

    def _places(self, shown: int, count: int) -> Tensor:
        """Return the position of every sample shown, shape ``(shown,)``: both of a pair have one.

        Args:
            shown: samples of the forward; they repeat those of the run where a batch is to be full.
            count: samples of the run: one or both of every pair.
        """
        each = count // len(self.position)
        return self.position[torch.arange(shown) % count // each]


@dataclass(frozen=True, eq=False)
class SomeNodes:
    """A row is one node: some nodes are exchanged, the others stay.

    Attributes:
        nodes: which.
    """

    movable: ClassVar[bool] = False
    separate: ClassVar[bool] = False

    nodes: Tensor

    def samples(self, probe: Probe, rows: int) -> tuple[Numbers, Numbers]:
        """Return the graph, and the same graph with the features of its nodes in another order."""
        return np.arange(probe.n), np.roll(np.arange(probe.n), 1)[::-1].copy()

    def look(self, site: Site, tensor: Tensor, count: int) -> Tensor:
        """Return these nodes."""
        return tensor[self.nodes]

    def put(self, site: Site, tensor: Tensor, rows: Tensor, count: int) -> Tensor:
        """Put rows in their places; the other nodes stay."""
        changed = tensor.clone()
        changed[self.nodes] = rows
        return changed


def focus_of(rows: Rows, count: int = 8) -> Focus:
    """Return what the interchange test exchanges for these rows, on about ``count`` of them."""
    if isinstance(rows, NodeRows):
        return SomeNodes(torch.from_numpy(rows.chosen.sample[:: max(1, rows.n // count)][:count]))
    if not isinstance(rows, PositionRows):
        return WholeSamples()
    spread = evenly_spread(2 * count, rows.samples).tolist()
    first, second, position = [], [], []
    for ours, theirs in zip(spread[: len(spread) // 2], reversed(spread), strict=False):
        common = _positions(rows, ours) & _positions(rows, theirs)
        if common:
            first.append(ours)
            second.append(theirs)
            position.append(max(common))
    if not first:
        return WholeSamples()
    places = torch.from_numpy(np.array(position))
    return OnePosition(rows, np.array(first), np.array(second), places)


def _positions(rows: PositionRows, sample: int) -> set[int]:
    """The positions of a sample that are rows."""
    return set(rows.chosen.position[rows.span(sample, sample + 1)].tolist())
