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
_WHY = "residual stream: a sum outside of any module"


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
    closed = {id(network.modules[name]) for name in blocks}
    layers = [
        candidate
        for candidate in network.candidates
        if candidate.name in blocks or is_layer(candidate, network)
    ]
    nodes = network.nodes(layers)
    data = flow.after(flow.inputs)
    gates = gates_of(layers, network, data)
    streams: list[Stream] = []
    taken: set[Node] = set()
    for total in flow.sums:
        branch = branch_of(total, flow, data)
        inner = [layer for layer in layers if network.node(layer) in branch]
        if not inner or branch & taken or not closed.isdisjoint(total.scope):
            continue
        if not keeps_positions(total, inner, network, data):
            continue
        trunk = [layer for layer in inner if layer.name in blocks]
        if _is_a_row(trunk, network):  # of a way around it, what is behind its last block counts
            ends = network.nodes(trunk)
            branch &= flow.after([max(ends)]) - ends
        before = flow.before([total.first]) & flow.before([total.second])
        if nodes.isdisjoint(branch) or nodes.isdisjoint(before):
            continue  # nothing behind a trunk, or all from the input on: a whole network
        branch |= {gate for gate in gates & before if gate > max(taken, default=-1)}
        stream = _stream(total, branch, network)
        if stream is not None:
            streams.append(stream)
            taken |= branch | {total.node}
            if flow.made_by.get(stream.node) != "pad":
                taken.add(stream.node)
            taken -= before
    return streams


def _is_a_row(blocks: Sequence[Candidate], network: Network) -> bool:
    """Whether two blocks of one class follow from each other."""
    for first, second in pairwise(blocks):
        alike = type(first.module) is type(second.module) and first.module is not second.module
        if alike and network.node(first) in network.flow.before(network.nodes([second])):
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
    given = network.nodes(layer for layer in network.candidates if is_layer(layer, network))
    computed = flow.after(given)
    found = {node}
    for child in sorted(flow.parents):
        parents = flow.parents[child]
        if child not in given and parents & found and (parents - found).isdisjoint(computed):
            found.add(child)
    return found


def _stream(total: Sum, branch: set[Node], network: Network) -> Stream | None:
    """Where a sum, or a function of it, can be captured: behind a module, or before the next."""
    flow = network.flow
    nodes = [total.node]
    for node, parents in flow.parents.items():
        if parents == {nodes[-1]} and flow.made_by.get(node, "").rstrip("_") in _ON_THE_WAY:
            nodes.append(node)
    for node in reversed(nodes):
        pick = _giving(node, network) or _reading(node, network)
        if pick is not None:
            return Stream(pick, node, frozenset(branch))
    return None


def _giving(node: Node, network: Network) -> Pick | None:
    """The output of the innermost module that gives a node and is no layer of its own."""
    giving = [
        candidate
        for candidate in network.candidates
        if network.node(candidate) == node and not is_layer(candidate, network)
    ]
    inner = [candidate for candidate in giving if candidate.name != network.root]
    if not inner:
        return None
    innermost = max(inner, key=lambda candidate: candidate.name.count("."))
    return Pick(innermost.name, innermost.call, _WHY)


def _reading(node: Node, network: Network) -> Pick | None:
    """The input of the first module that reads a node."""
    names = {id(candidate.module): candidate.name for candidate in network.candidates}
    for visit in sorted(network.flow.visits, key=lambda visit: visit.entered):
        name = names.get(visit.module, network.root)
        keys = [key for key, read in visit.reads.items() if read == node]
        if keys and name != network.root:
            selector = None if visit.lone else keys[0]
            return Pick(f"{name}:input", visit.call, _WHY, selector)
    return None
