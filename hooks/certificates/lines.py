"""Layers in a row, each a function of the one before it, found in one forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import torch
from torch import Tensor

from infoplane.errors import UnsupportedOutput
from infoplane.hooks.certificates.bench import Bench, Patch
from infoplane.hooks.certificates.comparing import constant, same
from infoplane.hooks.certificates.layer_values import LayerValues
from infoplane.hooks.certificates.references import TestRows
from infoplane.hooks.network.sites import Site
from infoplane.types import Relation


@dataclass(frozen=True)
class Lines:
    """The layers that are not constant, cut into lines.

    In a line every layer is a function of the one before it, so all pairs are cut: a function of a
    function is one.

    Attributes:
        awake: names of these layers, in order.
        lines: the same, line by line.
    """

    awake: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]

    @property
    def single(self) -> bool:
        """Whether all layers are one line."""
        return len(self.lines) <= 1

    @cached_property
    def _line_of(self) -> dict[str, tuple[str, ...]]:
        lines = {}
        for line in self.lines:
            lines.update(dict.fromkeys(line, line))
        return lines

    def line_of(self, name: str) -> tuple[str, ...]:
        """Return the line of a layer; empty for a constant one."""
        return self._line_of.get(name, ())

    def known(self, name: str, place: Mapping[str, int]) -> dict[str, Relation]:
        """What follows for one layer without an exchange: its own line, and all that ran before it.

        Args:
            name: of the layer.
            place: of every layer in the order in which they run.
        """
        line = self.line_of(name)
        known: dict[str, Relation] = {}
        for other, where in place.items():
            if other == name:
                known[other] = "cut"
            elif other not in self._line_of:
                known[other] = "unknown"
            elif not line or where < place[name]:
                known[other] = "no-path"
            elif self._line_of[other] is line:
                known[other] = "cut"
        return known


def find_lines(bench: Bench, rows: TestRows, plain: LayerValues) -> Lines:
    """Return which layers follow from the one before them alone.

    Layer m of a window is given the values moved by m rows. No two layers, and not the input, carry
    the same rows, so that whatever enters a layer from elsewhere shows.

    Args:
        bench: the network and its layers.
        rows: of the test.
        plain: values of every layer on both sets of rows.
    """
    sites = [site for site in bench.sites if not constant(plain[site.name])]
    follows: list[bool] = []
    window = 2 * rows.count - 1
    for first in range(0, len(sites) - 1, window):
        members = sites[first : first + window + 1]
        follows += _follow(bench, rows, members, plain)
    lines: list[list[str]] = []
    for site, joined in zip(sites, [False, *follows], strict=False):
        if joined:
            lines[-1].append(site.name)
        else:
            lines.append([site.name])
    return Lines(tuple(site.name for site in sites), tuple(map(tuple, lines)))


def _follow(
    bench: Bench, rows: TestRows, members: Sequence[Site], plain: LayerValues
) -> list[bool]:
    """Whether each layer but the first is a function of the one before it."""
    patches: dict[str, Patch] = {}
    moved_by: dict[str, int] = {}
    for by, (site, next_site) in enumerate(pairwise(members), start=1):
        patches[site.name] = partial(_put_moved, plain, site.name, by)
        moved_by[next_site.name] = by
    follows: dict[str, bool] = {}

    def compare(name: str, value: Tensor) -> None:
        if name in moved_by:
            follows[name] = same(value, torch.roll(plain[name], moved_by[name], 0))

    try:
        bench.run(rows.both, patches=patches, see=compare)
    except UnsupportedOutput:
        return [False] * (len(members) - 1)
    return [follows[site.name] for site in members[1:]]


def _put_moved(values: LayerValues, name: str, rows: int, _arrived: Tensor) -> Tensor:
    return torch.roll(values[name], rows, 0)
