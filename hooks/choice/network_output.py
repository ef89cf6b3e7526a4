"""The layer that gives the output of the network, where nothing chosen gives it already."""

from __future__ import annotations

from collections.abc import Sequence

from infoplane.hooks.choice.candidates import Network
from infoplane.hooks.choice.dataflow import Node
from infoplane.hooks.choice.segment_layers import Segment

_LAYERS = ("linear", "conv1d", "conv2d", "conv3d", "matmul", "__matmul__", "bmm", "einsum")
"""Functions that are layers where weights are given to them."""


def output_segment(segments: Sequence[Segment], network: Network) -> list[Segment]:
    """Return the module that gives the output, or nothing."""
    flow = network.flow
    chosen = {network.node(segment.at) for segment in segments}
    chosen |= {segment.stream.node for segment in segments if segment.stream is not None}
    if any(_is_given(node, chosen, network) for node in flow.answer):
        return []
    giving = [
        candidate
        for candidate in network.candidates
        if network.node(candidate) in flow.answer and not candidate.guessed
    ]
    if not giving:
        return []
    inner = [candidate for candidate in giving if candidate.name != network.root] or giving
    outermost = min(inner, key=lambda candidate: candidate.name.count("."))
    why = f"output of the network ({type(outermost.module).__name__})"
    return [Segment("output", outermost, why)]


def _is_given(node: Node, chosen: set[Node | None], network: Network) -> bool:
    """Whether what is chosen gives a node, up to functions of it alone: a scale, a softmax."""
    flow = network.flow
    while node not in chosen:
        parents = flow.parents[node] & network.data
        if len(parents) != 1 or flow.function_of(node) in _LAYERS:
            return False
        node = next(iter(parents))
        if any(node in visit.gives for visit in flow.visits) and node not in chosen:
            return False
    return True
