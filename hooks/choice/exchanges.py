"""Sums of what blocks of several shapes give: the sum is taken, and not the ways to it.

Networks of several resolutions (HRNet, a U-Net that adds) bring one branch to the shape of another
and add it there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from infoplane.hooks.choice.candidates import Network
from infoplane.hooks.choice.dataflow import Node
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
    inside_blocks = {id(network.modules[name]) for name in blocks}
    given = network.nodes(layer for layer in network.candidates if layer.name in blocks)
    ends = set(given)
    residual = {stream.total for stream in streams}
    found: list[Stream] = []
    for total in network.flow.sums:
        if total in residual or not inside_blocks.isdisjoint(total.scope):
            continue
        other = total.second if total.first in ends else total.first
        way = _way_between(given, other, network) if {total.first, total.second} & ends else set()
        if not way.isdisjoint(network.layer_nodes):
            ends.add(total.node)
            found.append(capture_of(total, way, network))
    return found


def _way_between(blocks: Collection[Node], end: Node, network: Network) -> set[Node]:
    """Nodes between what blocks give and one side of a sum; none where it begins at the input."""
    way: set[Node] = set()
    left = [end]
    while left:
        node = left.pop()
        if node in network.flow.inputs:
            return set()
        if node not in blocks and node not in way:
            way.add(node)
            left.extend(network.flow.parents[node] & network.data)
    return way
