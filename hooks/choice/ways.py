"""Layers that only bring what one block gives into the shape of the next: they are left out.

A merging of patches, a strided convolution, with their normalisations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from infoplane.hooks.choice.candidates import Candidate, Network
from infoplane.hooks.choice.dataflow import Node
from infoplane.hooks.choice.segment_layers import Segment
from infoplane.hooks.choice.stacks import kind_of
from infoplane.hooks.choice.sums import ACTIVATIONS, ATTENTION


def without_ways(segments: Sequence[Segment], network: Network) -> list[Segment]:
    """Leave out layers between blocks that only change the shape."""
    taken: list[Segment] = []
    for segment in segments:
        if segment.kind == "block" and segment.at is not None:
            for start, way in _ways_to(segment.at, taken, network):
                if _changes_the_shape_only(start, way, segment.at, network):
                    taken = [other for other in taken if other not in way]
                    break
        taken.append(segment)
    return taken


def _changes_the_shape_only(
    start: Candidate, way: Sequence[Segment], end: Candidate, network: Network
) -> bool:
    """Whether the layers of a way bring a block into another shape, and do nothing else.

    They hold no activation, no attention and no sum; nothing goes around them, and nothing else
    reads them.

    Args:
        start: the block before.
        way: the layers.
        end: the block behind.
        network: of all of these.
    """
    layers = [segment.at for segment in way if segment.at is not None]
    visit = network.visit(end)
    if visit is None or not layers or start.shape == layers[-1].shape:
        return False
    flow, source, nodes = network.flow, network.nodes([start]), network.nodes(layers)
    reads = set(visit.reads.values())
    between = flow.after(source) & flow.before(reads) - source
    if len(nodes) != len(way) or not between.issuperset(nodes):
        return False
    for node in nodes:
        around = flow.after(source, closed={node}) & reads
        elsewhere = flow.after([node], closed=set(visit.gives)) & flow.outputs
        if around or elsewhere:
            return False
    return _is_linear(between, source, network)


def _is_linear(between: set[Node], source: set[Node], network: Network) -> bool:
    """Whether there is no activation, no attention and no sum between two blocks."""
    flow = network.flow
    functions = {flow.function_of(node) for node in between}
    sums = [total for total in flow.sums if total.node in between]
    adds = any({total.first, total.second} <= between | source for total in sums)
    return not adds and functions.isdisjoint((*ACTIVATIONS, *ATTENTION))


def _ways_to(
    end: Candidate, taken: Sequence[Segment], network: Network
) -> Iterator[tuple[Candidate, Sequence[Segment]]]:
    """Yield where ways to a block start, and their layers.

    They start at the last block of its kind, or lead to other positions from any one. There is none
    to the first of its kind.

    Args:
        end: the block.
        taken: segments before it.
        network: of all of these.
    """
    kind = kind_of(end.name, network)
    blocks = [
        (place, segment.at)
        for place, segment in enumerate(taken)
        if segment.kind == "block" and segment.at is not None
    ]
    alike = [(place, block) for place, block in blocks if kind_of(block.name, network) == kind]
    if not alike:
        return
    place, block = alike[-1]
    yield block, taken[place + 1 :]
    last, _ = blocks[-1]
    behind = taken[last + 1 :]
    first = network.node(behind[0].at) if behind else None
    if first is not None:
        before = network.flow.before([first])
        sources = [block for _, block in blocks if network.node(block) in before]
        if sources and _is_moved(sources[-1], behind[-1].at):
            yield sources[-1], behind


def _is_moved(block: Candidate, layer: Candidate | None) -> bool:
    """Whether more than the channels differ, so that these are other positions."""
    if layer is None or len(block.shape) != len(layer.shape):
        return True
    pairs = zip(block.shape, layer.shape, strict=True)
    return sum(before != behind for before, behind in pairs) > 1
