"""One interchange test of a network: references, neighbours, pairs, noise.

`infoplane.hooks.certificates.chain` says what it is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from infoplane.errors import UnsupportedOutput
from infoplane.hooks.certificates.bench import (
    AFTER,
    AFTER_OTHER,
    OTHER,
    Bench,
    Patch,
    Values,
    constant,
    relative_change,
    rounded,
    same,
)
from infoplane.hooks.network.sites import Site
from infoplane.hooks.probing.probe import Probe
from infoplane.types import ROUNDING_MARGIN, Chain, Relation

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class References:
    """What the layers give when nothing is put into them.

    Attributes:
        plain: on the rows x.
        random: layers that other noise changes.
        coupled: layers whose rows the other rows of the batch change.
        carried: layers that what the batch before left in the network changes.
        rounding: by layer, the relative change by other last bits.
    """

    plain: Values
    random: frozenset[str]
    coupled: frozenset[str]
    carried: frozenset[str]
    rounding: dict[str, float]


class Interchange:
    """One interchange test.

    Args:
        bench: the network and its layers.
        probe: the rows that ``x`` and ``other`` number.
        x: numbers of the rows whose values are put back, shape ``(k,)``.
        other: numbers of the rows that run meanwhile, shape ``(k,)``.
        tolerance: relative, see `certify`.
    """

    def __init__(
        self,
        bench: Bench,
        probe: Probe,
        x: NDArray[np.int64],
        other: NDArray[np.int64],
        tolerance: float,
    ) -> None:
        self.bench, self.tolerance = bench, tolerance
        self.k, self.half = len(x), max(1, len(x) // 2)
        self.x, self.other = probe.take(x), probe.take(other)
        self.both = probe.take(np.concatenate([x, other]))
        self.mixed = probe.take(np.concatenate([x[: self.half], other[self.half :]]))

    def certificate(self, blank: Chain) -> Chain:
        """The chain of all pairs."""
        found = self.references()
        unsteady = found.random | found.coupled | found.carried
        noisy = tuple(s.name for s in self.bench.sites if s.name in unsteady)
        coupled = tuple(n for n in noisy if n not in found.random | found.carried)
        certain = replace(blank, rows=self.k, rounding=found.rounding, noisy=noisy, coupled=coupled)
        if not noisy and self.bench.focus.movable:
            plain = self.bench.run(self.both)
            awake = [s for s in self.bench.sites if not constant(plain[s.name], self.tolerance)]
            if self.neighbours_cut(awake, plain):
                return replace(certain, matrix=self.of_a_line(awake), reason=self.asleep(awake))
        return self.pair_by_pair(certain, found)

    def references(self) -> References:
        """Run the network without interchange.

        As it is, with other noise, in other company, with other last bits.
        """
        run, tolerance = self.bench.run, self.tolerance
        plain, again = run(self.x), run(self.x, OTHER, carry=True)
        names = [s.name for s in self.bench.sites]
        random = {name for name in names if not same(plain[name], again[name], tolerance)}
        carried = set[str]()
        if random:  # by noise, or by what the first batch left?
            later, again = run(self.x, carry=True), run(self.x, OTHER)
            carried = {name for name in names if not same(plain[name], later[name], tolerance)}
            random = {name for name in names if not same(plain[name], again[name], tolerance)}
        company = run(self.mixed) if self.bench.focus.separate else plain
        rounding = self.rounding(plain)
        coupled = set()
        for name in names:
            allowed = max(tolerance, ROUNDING_MARGIN * rounding.get(name, 0.0))
            if not same(company[name][: self.half], plain[name][: self.half], allowed):
                coupled.add(name)
        return References(
            plain, frozenset(random), frozenset(coupled), frozenset(carried), rounding
        )

    def rounding(self, plain: Values) -> dict[str, float]:
        """Change the last bits of every layer at once, and see how far that grows."""
        patches: dict[str, Patch] = {
            s.name: rounded for s in self.bench.sites if not callable(s.select)
        }
        try:
            shaken = self.bench.run(self.x, patches=patches)
        except UnsupportedOutput:
            return {}
        changes = {name: relative_change(plain[name], value) for name, value in shaken.items()}
        return {name: change for name, change in changes.items() if change > 0}

    def neighbours_cut(self, sites: Sequence[Site], plain: Values) -> bool:
        """Whether each of these layers is a function of the one before it.

        Layer m of a window is given the values moved by m rows. No two layers, and not the input, carry the same rows, so that
        whatever enters a layer from elsewhere shows.

        Args:
            sites: layers that are not constant, in order.
            plain: values on the rows x and x'.
        """
        window = 2 * self.k - 1
        for first in range(0, len(sites) - 1, window):
            members = sites[first : first + window + 1]
            patches: dict[str, Patch] = {
                s.name: partial(_put_moved, plain[s.name], m + 1)
                for m, s in enumerate(members[:-1])
            }
            try:
                arrived = self.bench.run(self.both, patches=patches)
            except UnsupportedOutput:
                return False
            for m, site in enumerate(members[1:]):
                expected = torch.roll(plain[site.name], m + 1, 0)
                if not same(arrived[site.name], expected, self.tolerance):
                    return False
        return True

    def of_a_line(self, awake: Sequence[Site]) -> tuple[tuple[Relation, ...], ...]:
        """The relations where every layer follows from the one before it.

        A constant one shows nothing.
        """
        names = {s.name for s in awake}
        sites, matrix = self.bench.sites, []
        for i, up in enumerate(sites):
            row: list[Relation] = []
            for j, down in enumerate(sites):
                if i == j:
                    row.append("cut")
                elif down.name not in names:
                    row.append("unknown")
                else:
                    row.append("cut" if i < j and up.name in names else "no-path")
            matrix.append(tuple(row))
        return tuple(matrix)

    def asleep(self, awake: Sequence[Site]) -> str:
        """Say which layers gave the same for all rows."""
        names = {s.name for s in awake}
        blind = [s.name for s in self.bench.sites if s.name not in names]
        return f"{blind} gave the same output for all test rows" if blind else ""

    def pair_by_pair(self, certain: Chain, found: References) -> Chain:
        """One forward for every layer; of a network with noise up to five."""
        far = self.bench.run(self.other)
        awake = [
            s
            for s in self.bench.sites
            if not same(found.plain[s.name], far[s.name], self.tolerance)
        ]
        names = {s.name for s in awake}
        reasons = [self.asleep(awake)]
        matrix: list[tuple[Relation, ...]] = []
        shared: Pairs = []
        fresh: Pairs = []
        for site in self.bench.sites:
            try:
                near = self.near(site, found)
                row = self.row(site, near, found, far)
                own_shared, own_fresh = self.noise_of(site, row, near, found, far)
                shared += own_shared
                fresh += own_fresh
            except UnsupportedOutput as error:
                row = {s.name: "unknown" for s in self.bench.sites}
                reasons.append(f"{site.name}: {error}")
            matrix.append(
                tuple(
                    "unknown" if name not in names and name != site.name else relation
                    for name, relation in row.items()
                )
            )
        return replace(
            certain,
            matrix=tuple(matrix),
            shared_noise=tuple(shared),
            fresh_noise=tuple(fresh),
            reason="; ".join(reason for reason in reasons if reason),
        )

    def near(self, site: Site, found: References) -> Values:
        """The layers on x with this one as it is there; noise restarts at it."""
        if not found.random:
            return found.plain
        put_back: dict[str, Patch] = {site.name: partial(_put, found.plain[site.name])}
        return self.bench.run(self.x, patches=put_back, after=AFTER)

    def row(self, site: Site, near: Values, found: References, far: Values) -> dict[str, Relation]:
        """How one layer relates to all."""
        put_back: dict[str, Patch] = {site.name: partial(_put, found.plain[site.name])}
        own: dict[str, Patch] = {site.name: _same_again}
        after = AFTER if found.random else None
        away = self.bench.run(self.other, patches=own, after=after) if found.random else far
        swapped = self.bench.run(self.other, patches=put_back, after=after)
        row: dict[str, Relation] = {}
        for s in self.bench.sites:
            name = s.name
            if s is site or same(swapped[name], near[name], self.tolerance):
                row[name] = "cut"
            elif same(swapped[name], away[name], self.tolerance):
                row[name] = "no-path"
            else:
                row[name] = "partial"
        return row

    def noise_of(
        self, site: Site, row: dict[str, Relation], near: Values, found: References, far: Values
    ) -> tuple[Pairs, Pairs]:
        """The layers that depend, given this one, on the noise before and behind it.

        Before it the noise is shared, behind it fresh.
        """
        name, after = site.name, AFTER if found.random else None
        value = found.plain[name]
        put_back: dict[str, Patch] = {name: partial(_put, value)}
        shared: Pairs = []
        fresh: Pairs = []
        if name in found.random:  # a layer without noise shares none
            redrawn = self.bench.run(self.x, OTHER, put_back, after=after)
            shared += self.differing(site, row, redrawn, near, self.k)
        if found.random:
            redrawn = self.bench.run(self.x, patches=put_back, after=AFTER_OTHER)
            fresh += self.differing(site, row, redrawn, near, self.k)
        if found.carried:
            later = self.bench.run(self.x, patches=put_back, after=after, carry=True)
            moved = self.differing(site, row, later, near, self.k)
            if name in found.carried:
                shared += moved
            else:
                fresh += moved
        if found.coupled:
            value = torch.cat([value[: self.half], far[name][self.half :]])
            patches: dict[str, Patch] = {name: partial(_put, value)}
            company = self.bench.run(self.mixed, patches=patches, after=after)
            moved = self.differing(site, row, company, near, self.half)
            if name in found.coupled:
                shared += moved
            else:
                fresh += moved
        return list(dict.fromkeys(shared)), list(dict.fromkeys(fresh))

    def differing(
        self, site: Site, row: dict[str, Relation], one: Values, two: Values, count: int
    ) -> Pairs:
        """Pairs of this layer and those on a path from it whose first ``count`` rows differ."""
        return [
            (site.name, s.name)
            for s in self.bench.sites
            if s is not site
            and row[s.name] != "no-path"
            and not same(one[s.name][:count], two[s.name][:count], self.tolerance)
        ]


def _put(new: Tensor, value: Tensor) -> Tensor:
    return new


def _put_moved(values: Tensor, rows: int, value: Tensor) -> Tensor:
    return torch.roll(values, rows, 0)


def _same_again(value: Tensor) -> Tensor:
    return value
