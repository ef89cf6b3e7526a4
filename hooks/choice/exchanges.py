"""Sums of what blocks of several shapes give: the sum is taken, and not the ways to it.

Networks of several resolutions (HRNet, a U-Net that adds) bring one branch to the shape of another
and add it there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from infoplane.hooks.choice.candidates import Network
from infoplane.hooks.choice.dataflow import Node, Sum
from infoplane.hooks.choice.sums import Stream, capture_of


def find_exchanges(
    network: Network, blocks: Collection[str], streams: Sequence[Stream]
) -> list[Stream]:
    """Return the sums outside of blocks of what one block gives and a way from another.

    Args:
        network: what may be chosen.
        blocks: names of its blocks.
        streams: its residual sums, which are none of these.
    """
    search = _Search(network, blocks)
    residual = {stream.total for stream in streams}
    for total in network.flow.sums:
        if total not in residual:
            search.look_at(total)
    return [capture_of(total, way, network) for total, way in search.ways.items()]


class _Search:
    """A search for such sums, one after the other.

    Attributes:
        ways: what leads to each sum, with the ways to sums that it consists of.
    """

    def __init__(self, network: Network, blocks: Collection[str]) -> None:
        self.ways: dict[Sum, set[Node]] = {}
        self._flow = network.flow
        self._inside_blocks = {id(network.modules[name]) for name in blocks}
        candidates = network.candidates
        self._blocks = network.nodes(layer for layer in candidates if layer.name in blocks)
        self._layers, self._data = network.layer_nodes, network.data

    def look_at(self, total: Sum) -> None:
        """Note a sum of what a block gives and of what layers bring from another block."""
        if not self._inside_blocks.isdisjoint(total.scope):
            return
        parts = {known.node: known for known in self.ways}
        for own, other in ((total.first, total.second), (total.second, total.first)):
            if own not in self._blocks and own not in parts:
                continue
            way = self._way(other, total)
            if way:
                before = self.ways.pop(parts[own]) | {own} if own in parts else set()
                self.ways[total] = way | before
                return

    def _way(self, end: Node, total: Sum) -> set[Node]:
        """Nodes between blocks and one side of a sum; none where some of it leads elsewhere."""
        way: set[Node] = set()
        left = [end]
        while left:
            node = left.pop()
            if node in self._flow.inputs:
                return set()
            if node not in self._blocks and node not in way:
                way.add(node)
                left.extend(self._flow.parents[node] & self._data)
        elsewhere = self._flow.after(way, closed={total.node}) & self._flow.answer
        return set() if elsewhere or way.isdisjoint(self._layers) else way
