"""The exchange of one layer: it returns what it did for x while other inputs run."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from infoplane.hooks.certificates.bench import (
    AFTER,
    AFTER_OTHER,
    OTHER,
    Bench,
    Patch,
)
from infoplane.hooks.certificates.comparing import same
from infoplane.hooks.certificates.layer_values import LayerValues
from infoplane.hooks.certificates.references import (
    AT_THEIR_PLACES,
    IN_TURNS,
    References,
    TestRows,
)
from infoplane.hooks.network.sites import Site
from infoplane.types import Relation

LayerPairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Exchanged:
    """What the exchange of one layer showed.

    Attributes:
        row: how it relates to every layer.
        shared, fresh: pairs of it and the layers behind it that depend, given it, on noise that it
            has or has not.
    """

    row: dict[str, Relation]
    shared: LayerPairs
    fresh: LayerPairs


class Exchange:
    """Exchanges one layer after another: one forward each; of a network with noise up to five.

    Args:
        bench: the network and its layers.
        rows: of the test.
        found: what the layers give without an exchange.
        far: what they give on the rows x'.
    """

    def __init__(
        self,
        bench: Bench,
        rows: TestRows,
        found: References,
        far: LayerValues,
    ) -> None:
        self._bench, self._rows, self._found = bench, rows, found
        self._plain, self._far = found.plain, far

    def of(self, site: Site) -> Exchanged:
        """Return how one layer relates to all, and with which it shares noise or has fresh noise.

        Raises:
            UnsupportedOutput: nothing can be put into this layer.
        """
        put_back: dict[str, Patch] = {site.name: partial(_put, self._plain[site.name])}
        near = self._near(put_back)
        row = self._row(site, put_back, near)
        shared, fresh = self._noise_of(site, put_back, near)
        return Exchanged(row, self._on_a_path(site, row, shared), self._on_a_path(site, row, fresh))

    def _near(self, put_back: Mapping[str, Patch]) -> LayerValues:
        """The layers on x with one of them as it is there; noise restarts at it."""
        if not self._found.random:
            return self._plain
        return self._bench.values(self._rows.x, patches=put_back, after=AFTER)

    def _row(
        self, site: Site, put_back: Mapping[str, Patch], near: LayerValues
    ) -> dict[str, Relation]:
        """How one layer relates to all."""
        after = AFTER if self._found.random else None
        away = self._far
        if self._found.random:
            own: dict[str, Patch] = {site.name: _same_again}
            away = self._bench.values(self._rows.other, patches=own, after=after)
        row: dict[str, Relation] = {}

        def compare(name: str, value: Tensor) -> None:
            if name == site.name or same(value, near[name]):
                row[name] = "cut"
            elif same(value, away[name]):
                row[name] = "no-path"
            else:
                row[name] = "partial"

        self._bench.run(self._rows.other, patches=put_back, after=after, see=compare)
        return {other.name: row[other.name] for other in self._bench.sites}

    def _noise_of(
        self, site: Site, put_back: Mapping[str, Patch], near: LayerValues
    ) -> tuple[set[str], set[str]]:
        """Layers that depend, given this one, on noise that it has (shared) or has not (fresh).

        A layer without noise shares none, wherever the noise of the others was drawn.
        """
        found, name = self._found, site.name
        rows = self._rows.x
        differing = partial(self._bench.differing, near)
        after = AFTER if found.random else None
        shared, fresh = set[str](), set[str]()
        if name in found.random:  # noise before this layer, then noise behind it
            shared |= differing(rows, OTHER, put_back, after=after)
            fresh |= differing(rows, patches=put_back, after=AFTER_OTHER)
        elif found.random:
            fresh |= differing(rows, OTHER, put_back, after=AFTER_OTHER)
        if found.carried:  # what another batch left in the network
            moved = differing(rows, patches=put_back, after=after, carry=True)
            noise = shared if name in found.carried else fresh
            noise |= moved
        if found.coupled:  # other rows in the batch
            moved = self._in_other_company(name, differing, after)
            noise = shared if name in found.coupled else fresh
            noise |= moved
        return shared, fresh

    def _in_other_company(
        self, name: str, differing: Callable[..., set[str]], after: int | None
    ) -> set[str]:
        """Layers that differ, given this one, where other rows stand in the batch."""
        rows, own, away = self._rows, self._plain[name], self._far[name]
        if self._found.random:  # noise has its place in the batch
            mixed = own.clone()
            mixed[1::2] = away[1::2]
            patches = {name: partial(_put, mixed)}
            return differing(rows.mixed, patches=patches, after=after, places=AT_THEIR_PLACES)
        patches = {name: partial(_put, torch.stack([away, own], 1).flatten(0, 1))}
        return differing(rows.both, patches=patches, after=after, places=IN_TURNS)

    def _on_a_path(
        self, site: Site, row: Mapping[str, Relation], names: Container[str]
    ) -> LayerPairs:
        """Pairs of this layer and those of some layers that lie on a path from it."""
        reached = [name for name in row if name != site.name and row[name] != "no-path"]
        return [(site.name, name) for name in reached if name in names]


def _put(new: Tensor, _arrived: Tensor) -> Tensor:
    return new


def _same_again(value: Tensor) -> Tensor:
    return value.clone()
