"""Residual sums that no module gives as its output.

What they add to is the stream, and what they add are branches.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from infoplane.hooks.choice.candidates import Candidate, Network, Pick
from infoplane.hooks.choice.dataflow import Dataflow, Node, Sum
from infoplane.hooks.choice.kinds import is_leaf, is_weighted
from infoplane.types.arrays import Shape

_ACTIVATIONS = ("relu", "gelu", "silu", "tanh", "sigmoid", "elu", "leaky_relu", "mish", "dropout")
"""What may stand behind a sum and still be the stream."""


@dataclass(frozen=True, eq=False)
class Stream:
    """The residual stream behind one sum.

    Attributes:
        pick: where it can be captured.
        node: of the stream there.
        covered: nodes of the branch.
    """

    pick: Pick
    node: Node
    covered: frozenset[Node]


def find_streams(network: Network, blocks: set[str]) -> list[Stream]:
    """Return the residual sums outside of blocks, in order."""
    flow = network.flow
    if flow is None:
        return []
    closed = {id(network.modules[name]) for name in blocks}
    layers = [c for c in network.candidates if c.name in blocks or is_layer(c, network)]
    data = flow.after(flow.inputs)
    streams: list[Stream] = []
    taken: set[Node] = set()
    for total in flow.sums:
        if not closed.isdisjoint(total.scope):
            continue
        branch = branch_of(total, flow, data)
        inner = [c for c in layers if network.node(c) in branch]
        if not inner or branch & taken or not keeps_positions(inner):
            continue
        before = flow.before([total.first]) & flow.before([total.second])
        if not any(network.node(c) in before for c in layers):
            continue  # it starts at the input: a whole network
        where = _where(total, network)
        if where is not None:
            pick, node = where
            streams.append(Stream(pick, node, frozenset(branch)))
            taken |= branch | {total.node, node}
            taken -= before
    return streams


def is_layer(candidate: Candidate, network: Network) -> bool:
    """Whether it is a layer of its own, with weights."""
    return is_leaf(candidate.name, network.modules) and is_weighted(candidate.module)


def branch_of(total: Sum, flow: Dataflow, data: set[Node]) -> set[Node]:
    """Return what lies between the stream before and the sum.

    Args:
        total: the sum.
        flow: the graph of one forward.
        data: nodes that follow from the input.
    """
    if total.first not in data or total.second not in data:
        return set()
    first, second = flow.before([total.first]), flow.before([total.second])
    return (first ^ second) & data


def keeps_positions(layers: Iterable[Candidate]) -> bool:
    """Whether these layers have the same positions.

    What pools and brings back is a part of the network, and no branch.
    """
    positions = {_positions(c.shape) for c in layers}
    return len({p for p in positions if math.prod(p) > 1}) <= 1


def _positions(shape: Shape) -> Shape:
    return shape[1:] if len(shape) == 3 else shape[:1] if len(shape) == 2 else ()


def _where(total: Sum, network: Network) -> tuple[Pick, Node] | None:
    """The output of a module, or the input of the next one, that is the sum or a function of it."""
    flow = network.flow
    if flow is None:
        return None
    nodes = [total.node]
    for node, parents in flow.parents.items():
        if parents == {nodes[-1]} and flow.made_by.get(node, "").rstrip("_") in _ACTIVATIONS:
            nodes.append(node)
    why = "residual stream: a sum outside of any module"
    for node in reversed(nodes):
        giving = [
            c
            for c in network.candidates
            if network.node(c) == node and c.name != network.root and not is_layer(c, network)
        ]
        if giving:
            inner = max(giving, key=lambda c: c.name.count("."))
            return Pick(inner.name, inner.call, why), node
        names = {id(c.module): c.name for c in network.candidates}
        readers = sorted(
            (v for v in flow.visits if node in v.reads.values() and v.module in names),
            key=lambda v: v.entered,
        )
        for visit in readers:
            key = next(k for k, read in visit.reads.items() if read == node)
            if names[visit.module] != network.root:
                name = f"{names[visit.module]}:input"
                return Pick(name, visit.call, why, None if visit.lone else key), node
    return None
