"""Layers that only bring what one block gives into the shape of the next: they are left out.

A merging of patches, a strided convolution, with their normalisations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
            for way in _ways_to(segment.at, taken, network):
                if way.changes_the_shape_only():
                    taken = [other for other in taken if other not in way.segments]
                    break
        taken.append(segment)
    return taken


@dataclass(frozen=True, eq=False)
class _Way:
    """Layers between two blocks.

    Attributes:
        start: the block before.
        segments: the layers.
        end: the block behind.
        network: all of these are of this one.
    """

    start: Candidate
    segments: Sequence[Segment]
    end: Candidate
    network: Network

    def changes_the_shape_only(self) -> bool:
        """Whether the layers bring the first block into another shape, and do nothing else.

        They hold no activation, no attention and no sum; nothing goes around them, and nothing else
        reads them.
        """
        layers = [segment.at for segment in self.segments if segment.at is not None]
        if not layers or self.start.shape == layers[-1].shape:
            return False
        nodes = self.network.nodes(layers)
        between = self._between()
        if len(nodes) != len(self.segments) or not between.issuperset(nodes):
            return False
        return self._is_linear(between) and not any(map(self._is_bypassed, nodes))

    def _between(self) -> set[Node]:
        """What follows from the first block and is read by the second."""
        flow, visit = self.network.flow, self.network.visit(self.end)
        source = self.network.nodes([self.start])
        if visit is None:
            return set()
        return flow.after(source) & flow.before(visit.reads.values()) - source

    def _is_linear(self, between: set[Node]) -> bool:
        """Whether there is no activation, no attention and no sum on the way."""
        flow = self.network.flow
        functions = {flow.function_of(node) for node in between}
        if not functions.isdisjoint((*ACTIVATIONS, *ATTENTION)):
            return False
        data = between | self.network.nodes([self.start])
        sums = [total for total in flow.sums if total.node in between]
        return not any({total.first, total.second} <= data for total in sums)

    def _is_bypassed(self, node: Node) -> bool:
        """Whether the second block reads the first on another way, or something else the layer."""
        flow, visit = self.network.flow, self.network.visit(self.end)
        if visit is None:
            return True
        around = flow.after(self.network.nodes([self.start]), closed={node})
        elsewhere = flow.after([node], closed=set(visit.gives))
        return bool(around & set(visit.reads.values()) or elsewhere & flow.outputs)


def _ways_to(end: Candidate, taken: Sequence[Segment], network: Network) -> Iterator[_Way]:
    """Yield ways to a block: from the last one of its kind, or to other positions from any one.

    None where it is the first of its kind.

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
    yield _Way(block, taken[place + 1 :], end, network)
    last, _ = blocks[-1]
    behind = taken[last + 1 :]
    first = network.node(behind[0].at) if behind else None
    if first is not None:
        before = network.flow.before([first])
        sources = [block for _, block in blocks if network.node(block) in before]
        if sources and _is_moved(sources[-1], behind[-1].at):
            yield _Way(sources[-1], behind, end, network)


def _is_moved(block: Candidate, layer: Candidate | None) -> bool:
    """Whether more than the channels differ, so that these are other positions."""
    if layer is None or len(block.shape) != len(layer.shape):
        return True
    pairs = zip(block.shape, layer.shape, strict=True)
    return sum(before != behind for before, behind in pairs) > 1
