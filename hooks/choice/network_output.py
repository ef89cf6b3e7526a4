"""The layer that gives the output of the network, where nothing chosen gives it already."""

from __future__ import annotations

from collections.abc import Sequence

from infoplane.hooks.choice.candidates import Network
from infoplane.hooks.choice.dataflow import Dataflow, Node
from infoplane.hooks.choice.segments import Segment


def output_segment(segments: Sequence[Segment], network: Network) -> list[Segment]:
    """Return the module that gives the output, or nothing."""
    flow = network.flow
    if flow is None or not flow.answer:
        return []
    chosen = {network.node(s.at) for s in segments if s.at is not None}
    chosen |= {s.stream.node for s in segments if s.stream is not None}
    if any(_is_given(node, chosen, flow) for node in flow.answer):
        return []
    giving = [c for c in network.candidates if network.node(c) in flow.answer and not c.guessed]
    if not giving:
        return []
    inner = [c for c in giving if c.name != network.root] or giving
    outermost = min(inner, key=lambda c: c.name.count("."))
    why = f"output of the network ({type(outermost.module).__name__})"
    return [Segment("output", outermost, why)]


def _is_given(node: Node, chosen: set[Node | None], flow: Dataflow) -> bool:
    """Whether what is chosen gives a node, up to functions of it alone: a scale, a softmax."""
    data = flow.after(flow.inputs)
    while node not in chosen:
        parents = flow.parents[node] & data
        if len(parents) != 1:
            return False
        node = next(iter(parents))
        if any(node in visit.gives for visit in flow.visits) and node not in chosen:
            return False
    return True
