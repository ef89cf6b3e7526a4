"""Residual sums that no module gives as its output.

What they add to is the stream, and what they add are branches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from infoplane.hooks.choice.branches import gates_of, is_layer, keeps_positions
from infoplane.hooks.choice.candidates import Candidate, Network, Pick
from infoplane.hooks.choice.dataflow import Dataflow, Node, Sum

ACTIVATIONS = ("relu", "gelu", "silu", "tanh", "sigmoid", "elu", "leaky_relu", "mish")
ATTENTION = ("softmax", "scaled_dot_product_attention")
_ON_THE_WAY = (*ACTIVATIONS, "dropout", "pad")
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
    gates = gates_of(layers, network, data)
    streams: list[Stream] = []
    taken: set[Node] = set()
    for total in flow.sums:
        if not closed.isdisjoint(total.scope):
            continue
        branch = branch_of(total, flow, data)
        inner = [c for c in layers if network.node(c) in branch]
        if not inner or branch & taken or not keeps_positions(total, inner, network, data):
            continue
        row = [c for c in inner if c.name in blocks]
        if _is_a_row(row, network):  # a way around a trunk: what is behind its last block counts
            ends = {node for node in map(network.node, row) if node is not None}
            branch &= flow.after([max(ends)]) - ends
            if not any(network.node(c) in branch for c in layers):
                continue
        before = flow.before([total.first]) & flow.before([total.second])
        branch |= {gate for gate in gates & before if gate > max(taken, default=-1)}
        if not any(network.node(c) in before for c in layers):
            continue  # it starts at the input: a whole network
        where = _where(total, network)
        if where is not None:
            pick, node = where
            streams.append(Stream(pick, node, frozenset(branch)))
            taken |= branch | {total.node}
            if flow.made_by.get(node) != "pad":
                taken.add(node)
            taken -= before
    return streams


def _is_a_row(blocks: Sequence[Candidate], network: Network) -> bool:
    """Whether two blocks of one class follow from each other."""
    flow = network.flow
    for first, second in pairwise(blocks):
        alike = type(first.module) is type(second.module) and first.module is not second.module
        after = [node for node in [network.node(second)] if node is not None]
        if flow is not None and alike and network.node(first) in flow.before(after):
            return True
    return False


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


def functions_of(node: Node, network: Network) -> set[Node]:
    """A node and all that functions make of it alone, and of what no layer gives."""
    flow = network.flow
    if flow is None:
        return {node}
    given = {n for n in (network.node(c) for c in network.candidates if is_layer(c, network)) if n}
    computed = flow.after(given)
    found = {node}
    for child in sorted(flow.parents):
        parents = flow.parents[child]
        if child not in given and parents & found and (parents - found).isdisjoint(computed):
            found.add(child)
    return found


def _where(total: Sum, network: Network) -> tuple[Pick, Node] | None:
    """The output of a module, or the input of the next one, that is the sum or a function of it."""
    flow = network.flow
    if flow is None:
        return None
    nodes = [total.node]
    for node, parents in flow.parents.items():
        if parents == {nodes[-1]} and flow.made_by.get(node, "").rstrip("_") in _ON_THE_WAY:
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
