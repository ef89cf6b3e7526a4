"""What is taken before the blocks, and what between them is left out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from infoplane.hooks.choice.blocks import kind_of
from infoplane.hooks.choice.branches import is_layer
from infoplane.hooks.choice.candidates import Candidate, Network, Pick
from infoplane.hooks.choice.dataflow import Node
from infoplane.hooks.choice.kinds import is_weighted_leaf
from infoplane.hooks.choice.segments import Segment
from infoplane.hooks.choice.sums import ACTIVATIONS, ATTENTION, Stream


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
    visit = network.visit(first)
    if first is None or first.name not in blocks or visit is None:
        return []
    flow, modules = network.flow, network.modules
    data = flow.after(flow.inputs)
    key = next((key for key, node in visit.reads.items() if node in data), None)
    if key is None:
        return []
    weighted = {id(module) for name, module in modules.items() if is_weighted_leaf(name, modules)}
    calls = [call.gives for call in flow.visits if call.module in weighted]
    if flow.before([visit.reads[key]]).isdisjoint(chain.from_iterable(calls)):
        return []
    selector = None if visit.lone else key
    pick = Pick(f"{first.name}:input", first.call, "what the first block reads", selector)
    return [Segment.of_stream(Stream(pick, visit.reads[key], frozenset()))]


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


def without_ways_between_blocks(segments: Sequence[Segment], network: Network) -> list[Segment]:
    """Leave out what only leads from one block to the next of its kind, at another shape.

    A merging of patches, a strided convolution, with their normalisations.
    """
    taken: list[Segment] = []
    for segment in segments:
        if segment.kind == "block" and segment.at is not None:
            behind = _behind_last_of_kind(segment.at, taken, network)
            if behind and _is_way(taken[behind - 1 :], segment.at, network):
                del taken[behind:]
        taken.append(segment)
    return taken


def _behind_last_of_kind(block: Candidate, taken: Sequence[Segment], network: Network) -> int:
    """Return the place behind the last block of the same kind; 0 where there is none."""
    kind = kind_of(block.name, network)
    for place in range(len(taken), 0, -1):
        before = taken[place - 1]
        if before.kind == "block" and before.at and kind_of(before.at.name, network) == kind:
            return place
    return 0


def _is_way(segments: Sequence[Segment], end: Candidate, network: Network) -> bool:
    """Whether layers do nothing but bring what one block gives into the shape of the next.

    They hold no activation and no attention; nothing goes around them, and nothing else reads them.

    Args:
        segments: the block before, and the layers behind it.
        end: the next block.
        network: all of these are of this one.
    """
    flow, visit = network.flow, network.visit(end)
    layers = [segment.at for segment in segments if segment.at is not None]
    nodes = [node for node in map(network.node, layers) if node is not None]
    if visit is None or not 1 < len(nodes) == len(segments):
        return False
    start, *way = nodes
    read = set(visit.reads.values())
    between = flow.after([start]) & flow.before(read) - {start}
    functions = {flow.made_by.get(node, "").rstrip("_") for node in between}
    if layers[0].shape == layers[-1].shape or not between.issuperset(way):
        return False
    if not functions.isdisjoint((*ACTIVATIONS, *ATTENTION)):
        return False
    for node in way:
        around = flow.after([start], closed={node})
        elsewhere = flow.after([node], closed=set(visit.gives))
        if around & read or elsewhere & flow.outputs:
            return False
    return True


def _is_read_by(layer: Candidate | None, node: Node | None, network: Network) -> bool:
    """Whether a layer with weights reads a node, and nothing else does."""
    visit = network.visit(layer)
    if layer is None or visit is None or not is_layer(layer, network):
        return False
    children = {child for child, parents in network.flow.parents.items() if node in parents}
    return node in visit.reads.values() and children <= set(visit.gives)
