"""How two layers belong together: one follows, reads, or is added to the other.

Every function takes the later layer, what stands for the stretch before it (None where nothing
does), and the network of both.
"""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from infoplane.hooks.choice.candidates import Candidate, Network
from infoplane.hooks.choice.dataflow import Node
from infoplane.hooks.choice.kinds import GENERIC, has_own_weights, is_passive
from infoplane.hooks.choice.sums import functions_of
from infoplane.hooks.network.operations import OPERATIONS, SUMS


def follows(candidate: Candidate, last: Candidate | None, network: Network) -> bool:
    """Whether a layer follows from what stands for the stretch; a table of positions does not."""
    node, before = network.node(candidate), network.node(last)
    return node is None or before is None or before in network.flow.before([node])


def leads_elsewhere(layer: Candidate | None, candidate: Candidate, network: Network) -> bool:
    """Whether functions bring a layer to the output on a way that avoids a later one.

    What was made out of sight may be a constant, and is no way.
    """
    flow, node, visit = network.flow, network.node(layer), network.visit(candidate)
    if node is None or visit is None or node in visit.gives:
        return False
    closed = flow.parents.keys() - flow.made_by.keys() | set(visit.gives)
    return bool(flow.after([node], closed) & flow.answer)


def joins_others(layer: Candidate | None, candidate: Candidate, network: Network) -> bool:
    """Whether a layer reads another one side by side with what does not follow from that."""
    flow, node, visit = network.flow, network.node(layer), network.visit(candidate)
    if node is None or visit is None:
        return False
    follows = flow.after([node])
    between = follows & flow.before(visit.reads.values())
    joins = [join for join in between if OPERATIONS.get(flow.function_of(join)) == "cat"]
    return any(flow.parents[join] & network.data - follows for join in joins)


def differs_more(candidate: Candidate, last: Candidate | None, network: Network) -> bool:
    """Whether an embedding differs between rows where the one before it does not."""
    own, other = network.visit(candidate), network.visit(last)
    if last is None or own is None or other is None:
        return False
    return isinstance(last.module, nn.Embedding) and own.varies and not other.varies


def reads_alone(candidate: Candidate, block: Candidate | None, network: Network) -> bool:
    """Whether an activation reads a block, and nothing else does."""
    node, visit = network.node(block), network.visit(candidate)
    readers = [other for other in network.flow.visits if node in other.reads.values()]
    return node is not None and readers == [visit]


def are_added(first: Candidate | None, second: Candidate, network: Network) -> bool:
    """Whether two embeddings are parts of one: their outputs are added."""
    flow = network.flow
    if not flow.visits or first is None or first.module is second.module:
        return True
    pair = {network.node(first), network.node(second)}
    for total in flow.sums:
        left, right = flow.before([total.first]), flow.before([total.second])
        if pair & left and pair & right and pair.isdisjoint(left & right):
            return True
    return False


def summands_of(reader: Candidate, network: Network) -> set[Node]:
    """Nodes of the layers that are added to what a layer reads.

    Between them and the sum lie functions of one argument alone.
    """
    flow, visit = network.flow, network.visit(reader)
    found: set[Node] = set()
    left = [] if visit is None else list(visit.reads.values())
    while left:
        node = left.pop()
        parents = flow.parents[node] & network.data
        if node in network.layer_nodes:
            found.add(node)
        elif len(parents) == 1 or flow.made_by.get(node) in SUMS:
            left.extend(parents)
    return found


def is_in_stream(
    candidate: Candidate, stream: Node | None, network: Network, blocks: Collection[str]
) -> bool:
    """Whether the residual stream goes through a normalisation: a sum or a block reads it next.

    Args:
        candidate: the normalisation.
        stream: node of the residual stream before it.
        network: both are of this one.
        blocks: names of its blocks.
    """
    flow, node, visit = network.flow, network.node(candidate), network.visit(candidate)
    if stream is None or node is None or visit is None or stream not in visit.reads.values():
        return False
    closed = {id(network.modules[name]) for name in blocks}
    reads = [call.reads.values() for call in flow.visits if call.module in closed]
    read = {next(iter(nodes), None) for nodes in reads}
    for total in flow.sums:
        read |= {total.first, total.second}
    return not read.isdisjoint(functions_of(node, network))


def goes_on(candidate: Candidate, layer: Candidate, network: Network) -> bool:
    """Whether a module makes, by functions of its own, something else of its one layer.

    Views do not count, nor do parts of it: pooling, dropout, an activation.
    """
    flow, node, before = network.flow, network.node(candidate), network.node(layer)
    if node is None or before is None or candidate.name == network.root:
        return False
    if candidate.part is not None or isinstance(candidate.module, GENERIC):
        return False
    parts = [part for part in candidate.module.modules() if part is not candidate.module]
    if sum(map(has_own_weights, parts)) != 1:
        return False
    own = {id(part) for part in parts if not is_passive(part)}
    by_parts = any(node in visit.gives for visit in flow.visits if visit.module in own)
    return node != before and not by_parts and before in flow.before([node])
