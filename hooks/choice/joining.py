"""How two candidates belong together: one follows, reads, or is added to the other."""

from __future__ import annotations

from torch import nn

from infoplane.hooks.choice.candidates import Candidate, Network
from infoplane.hooks.choice.dataflow import Node
from infoplane.hooks.choice.kinds import GENERIC, has_own_weights, is_passive
from infoplane.hooks.choice.sums import functions_of


def follows(candidate: Candidate, last: Candidate | None, network: Network) -> bool:
    """Whether a layer follows from what stands for the stretch; a table of positions does not."""
    if network.flow is None or last is None:
        return True
    node, before = network.node(candidate), network.node(last)
    return node is None or before is None or before in network.flow.before([node])


def differs_more(candidate: Candidate, last: Candidate | None, network: Network) -> bool:
    """Whether an embedding differs between rows where the one before it does not."""
    if last is None or not isinstance(last.module, nn.Embedding):
        return False
    own, other = network.visit(candidate), network.visit(last)
    return own is not None and other is not None and own.varies and not other.varies


def reads_alone(candidate: Candidate, block: Candidate | None, network: Network) -> bool:
    """Whether an activation reads a block, and nothing else does."""
    if network.flow is None or block is None:
        return False
    node, visit = network.node(block), network.visit(candidate)
    readers = [v for v in network.flow.visits if node in v.reads.values()]
    return visit is not None and node in visit.reads.values() and len(readers) == 1


def are_added(first: Candidate | None, second: Candidate, network: Network) -> bool:
    """Whether two embeddings are parts of one: their outputs are added."""
    if network.flow is None or first is None or first.module is second.module:
        return True
    flow, a, b = network.flow, network.node(first), network.node(second)
    for total in flow.sums:
        left, right = flow.before([total.first]), flow.before([total.second])
        if {a, b} & left and {a, b} & right and {a, b}.isdisjoint(left & right):
            return True
    return False


def is_in_stream(
    candidate: Candidate, stream: Node | None, network: Network, blocks: set[str]
) -> bool:
    """Whether the residual stream goes through a normalisation: a sum or a block reads it next."""
    flow, node = network.flow, network.node(candidate)
    visit = network.visit(candidate)
    if stream is None or flow is None or node is None or visit is None:
        return False
    if stream not in visit.reads.values():
        return False
    same = functions_of(node, network)
    closed = {id(network.modules[name]) for name in blocks}
    read = [next(iter(v.reads.values()), None) for v in flow.visits if v.module in closed]
    added = {node for total in flow.sums for node in (total.first, total.second)}
    return bool(same & (added | set(read)))


def goes_on(candidate: Candidate, layer: Candidate, network: Network) -> bool:
    """Whether a module makes, by functions of its own, something else of its one layer.

    Views do not count, nor do parts of it: pooling, dropout, an activation.
    """
    flow, node, before = network.flow, network.node(candidate), network.node(layer)
    if flow is None or node is None or before is None or candidate.name == network.root:
        return False
    parts = [m for m in candidate.module.modules() if m is not candidate.module]
    if candidate.part is not None or isinstance(candidate.module, GENERIC):
        return False
    if sum(has_own_weights(part) for part in parts) != 1:
        return False
    own = {id(part) for part in parts if not is_passive(part)}
    by_parts = any(node in visit.gives for visit in flow.visits if visit.module in own)
    return node != before and not by_parts and before in flow.before([node])
