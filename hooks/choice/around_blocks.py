"""What is taken before the first block, and which normalisations between blocks are left out."""

from __future__ import annotations

from collections.abc import Sequence

from infoplane.hooks.choice.candidates import Candidate, Network
from infoplane.hooks.choice.dataflow import Node
from infoplane.hooks.choice.kinds import is_leaf, is_weighted
from infoplane.hooks.choice.segment_layers import Segment
from infoplane.hooks.choice.sums import input_of


def before_first_block(
    segments: Sequence[Segment], network: Network, blocks: set[str]
) -> list[Segment]:
    """What the first block reads, where layers before it give nothing that can be captured.

    Args:
        segments: the stretches found, in order.
        network: of these.
        blocks: names of the blocks.
    """
    first = segments[0].at if segments else None
    if first is None or first.name not in blocks:
        return []
    stream = input_of(first, network, "what the first block reads")
    modules = network.modules
    weighted = [name for name, module in modules.items() if is_weighted(module)]
    of_layers = network.given_by(name for name in weighted if is_leaf(name, modules))
    if stream is None or network.flow.before([stream.node]).isdisjoint(of_layers):
        return []
    return [Segment.of_stream(stream)]


def without_norms_of_layers(segments: list[Segment], network: Network) -> list[Segment]:
    """Leave out a normalisation that one layer alone reads and that leads to further blocks."""
    flow = network.flow
    later: set[Node] = set()
    kept: list[Segment] = []
    for segment in reversed(segments):
        node = network.node(segment.at)
        inner = node is not None and not later.isdisjoint(flow.after([node]))
        behind = kept[-1].at if kept and segment.kind == "norm behind" else None
        if inner and _is_read_by(behind, node, network):
            continue
        if segment.kind == "block" and node is not None:
            later.add(node)
        elif segment.stream is not None:
            later.add(segment.stream.node)
        kept.append(segment)
    return kept[::-1]


def _is_read_by(layer: Candidate | None, node: Node | None, network: Network) -> bool:
    """Whether a layer with weights reads a node, and nothing else does."""
    visit = network.visit(layer)
    if layer is None or visit is None or not network.is_layer(layer):
        return False
    children = {child for child, parents in network.flow.parents.items() if node in parents}
    return node in visit.reads.values() and children <= set(visit.gives)
