"""What of a layer's output is a row of the plane: whole samples, or positions inside them.

A pass hands every batch of a layer to `Rows.of`, which gives the rows that are stored. So what is
kept of a layer, how many rows a run has and what its batches look like is decided here, for capture
and certificate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from infoplane.errors import UnsupportedOutput
from infoplane.hooks.network.sites import Site
from infoplane.positions import ChosenRows
from infoplane.types.arrays import Ids, Shape


@dataclass(frozen=True, eq=False)
class Rows(ABC):
    """Which rows a run has.

    Attributes:
        samples: samples of the probe.
        together: whether the network must see all samples in one batch.
    """

    samples: int
    together: ClassVar[bool] = False

    @property
    @abstractmethod
    def n(self) -> int:
        """Rows of the plane, without draws."""

    def shape(self, site: Site) -> Shape:
        """Return the feature shape of a row of this site; all of a sample unless said otherwise."""
        return site.raw_shape

    @abstractmethod
    def of(self, site: Site, tensor: Tensor, batch: slice) -> Tensor:
        """Return the rows in a batch of samples: ``(samples, *raw_shape)`` to ``(rows, *shape)``.

        Args:
            site: the layer.
            tensor: its output for the batch.
            batch: which samples of the probe.
        """

    def valid(self, site: Site, batch: slice) -> Tensor | None:
        """Return which positions of these samples are real, shape ``(samples, T)``.

        None where a row has no positions, or nothing is known of them.
        """
        return None

    def require_real(self, site: Site, lengths: Sequence[int], batch: slice) -> None:
        """Refuse rows behind the end of a sample that a packed or nested output knows.

        Args:
            site: the layer.
            lengths: of the samples of the batch.
            batch: which samples of the probe.
        """
        return

    @abstractmethod
    def span(self, start: int, stop: int) -> slice:
        """Return the rows that come from samples ``start`` to ``stop``."""

    @abstractmethod
    def subset(self, samples: Ids) -> Rows:
        """Return the rows of these samples alone, which ascend."""


def check_shape(site: Site, tensor: Tensor, expected: Shape) -> None:
    """Refuse an output of another shape than when the recorder attached.

    Args:
        site: the layer.
        tensor: its output.
        expected: its shape, rows first.
    """
    if tuple(tensor.shape) != expected:
        raise UnsupportedOutput(
            f"layer {site.name!r} gave shape {tuple(tensor.shape)} for {expected[0]} rows, "
            f"expected {expected} as when the recorder attached; pad the probe to one length, or "
            "reduce the layer by a callable selector"
        )


@dataclass(frozen=True, eq=False)
class SampleRows(Rows):
    """A sample is a row.

    Attributes:
        masks: by layer name, real positions of padded samples ``(n, T)``, for reductions over
            positions.
    """

    masks: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Rows are samples."""
        return self.samples

    def of(self, site: Site, tensor: Tensor, batch: slice) -> Tensor:
        """Return the batch as it is."""
        check_shape(site, tensor, (batch.stop - batch.start, *site.raw_shape))
        return tensor

    def valid(self, site: Site, batch: slice) -> Tensor | None:
        """Return the mask of these samples at this layer."""
        mask = self.masks.get(site.name)
        return None if mask is None else mask[batch]

    def span(self, start: int, stop: int) -> slice:
        """Return the samples themselves."""
        return slice(start, stop)

    def subset(self, samples: Ids) -> Rows:
        """Return these samples with their masks."""
        index = torch.from_numpy(samples)
        return SampleRows(len(samples), {name: mask[index] for name, mask in self.masks.items()})


@dataclass(frozen=True, eq=False)
class RowsInside(Rows):
    """Rows that are chosen among the positions of samples, or among nodes.

    Attributes:
        chosen: which.
    """

    chosen: ChosenRows

    @property
    def n(self) -> int:
        """The chosen ones."""
        return self.chosen.n

    def span(self, start: int, stop: int) -> slice:
        """Return the chosen ones of these samples."""
        return self.chosen.span(start, stop)


@dataclass(frozen=True, eq=False)
class PositionRows(RowsInside):
    """A position of a sample is a row: a token, or a pixel.

    Attributes:
        axes: by layer name, the first axis of a sample (0 is the first after the samples) that runs
            over positions.
    """

    axes: Mapping[str, int]

    @property
    def _wide(self) -> int:
        """Axes that positions run over: 1, or 2 of a grid."""
        return len(self.chosen.grid)

    def shape(self, site: Site) -> Shape:
        """Return what the layer gives for one position."""
        first = self.axes[site.name]
        return site.raw_shape[:first] + site.raw_shape[first + self._wide :]

    def of(self, site: Site, tensor: Tensor, batch: slice) -> Tensor:
        """Return the valid positions of these samples, in order."""
        flat = self.flat(site, tensor)
        rows = self.span(batch.start, batch.stop)
        sample = torch.from_numpy(self.chosen.sample[rows] - batch.start).to(tensor.device)
        position = torch.from_numpy(self.chosen.position[rows]).to(tensor.device)
        if len(position) and int(position.max()) >= flat.shape[1]:
            raise UnsupportedOutput(
                f"layer {site.name!r} gave {flat.shape[1]} positions, and position "
                f"{int(position.max())} is a row: the network cut the padding off on the side "
                "where the mask says tokens are; pad on the right, or to one length"
            )
        return flat[sample, position]

    def flat(self, site: Site, tensor: Tensor, *, view: bool = False) -> Tensor:
        """Bring ``(b, ..., *grid, ...)`` to ``(b, positions, ...)``.

        A network may cut the padding of a batch off.

        Args:
            site: the layer.
            tensor: its output for b samples.
            view: whether it must share the memory of ``tensor``, to be written into.
        """
        first = self.axes[site.name] + 1
        last = first + self._wide
        shape = tuple(tensor.shape[1:first]) + tuple(tensor.shape[last:])
        grid = tuple(tensor.shape[first:last])
        fits = grid == self.chosen.grid or (self._wide == 1 and grid < self.chosen.grid)
        if tensor.ndim != len(site.raw_shape) + 1 or shape != self.shape(site) or not fits:
            raise UnsupportedOutput(
                f"layer {site.name!r} gave shape {tuple(tensor.shape)}, expected "
                f"{(len(tensor), *site.raw_shape)} as when the recorder attached"
            )
        moved = tensor.movedim(tuple(range(first, last)), tuple(range(1, 1 + self._wide)))
        sizes = (len(tensor), int(np.prod(grid)), *shape)
        return moved.view(sizes) if view else moved.reshape(sizes)

    def require_real(self, site: Site, lengths: Sequence[int], batch: slice) -> None:
        """Refuse rows that this layer fills up with zeros."""
        rows = self.span(batch.start, batch.stop)
        ends = np.asarray(lengths)[self.chosen.sample[rows] - batch.start]
        behind = int((self.chosen.position[rows] >= ends).sum())
        if behind:
            raise UnsupportedOutput(
                f"layer {site.name!r} is packed or nested and ends before {behind} of "
                f"{len(ends)} rows of this batch, which are padding: give mask=, an array that is "
                "true where a position is real, e.g. np.arange(T) < lengths[:, None]"
            )

    def subset(self, samples: Ids) -> Rows:
        """Return the rows of these samples."""
        return replace(self, chosen=self.chosen.of_samples(samples), samples=len(samples))


@dataclass(frozen=True, eq=False)
class NodeRows(RowsInside):
    """A node of one graph is a row; the network sees all nodes at once."""

    together: ClassVar[bool] = True

    def of(self, site: Site, tensor: Tensor, batch: slice) -> Tensor:
        """Return the chosen nodes."""
        check_shape(site, tensor, (self.samples, *site.raw_shape))
        return tensor[torch.from_numpy(self.chosen.sample).to(tensor.device)]

    def subset(self, samples: Ids) -> Rows:
        """Return all of them: a node cannot be computed without the others."""
        return self
