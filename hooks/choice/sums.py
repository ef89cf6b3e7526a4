"""Residual sums that no module gives as its output.

In ``x = x + attention(x)`` the stream is ``x``, and what is added to it is the branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from infoplane.hooks.choice.branches import gates_of, keeps_positions
from infoplane.hooks.choice.candidates import Candidate, Network, Pick
from infoplane.hooks.choice.dataflow import Node, Sum
from infoplane.hooks.choice.kinds import inside

ACTIVATIONS = ("relu", "gelu", "silu", "tanh", "sigmoid", "elu", "leaky_relu", "mish")
ATTENTION = ("softmax", "scaled_dot_product_attention")
_ON_THE_WAY = (*ACTIVATIONS, "dropout", "pad")
"""What may follow a sum and still be the stream."""
_WHY = "residual stream: a sum outside of any module"


@dataclass(frozen=True, eq=False)
class Stream:
    """The residual stream behind one sum.

    Attributes:
        pick: where it can be captured; None where no module gives it and none reads it.
        node: of the stream there.
        covered: nodes of the branch, which is left out.
        total: the sum; None of what no sum gives.
    """

    pick: Pick | None
    node: Node
    covered: frozenset[Node]
    total: Sum | None = None


def find_streams(network: Network, blocks: set[str]) -> list[Stream]:
    """Return the residual sums outside of blocks, in order."""
    search = _Search(network, blocks)
    for total in network.flow.sums:
        search.look_at(total)
    return search.streams


class _Search:
    """A search for residual sums, one sum after the other.

    Args:
        network: it is searched.
        blocks: names of its blocks; sums inside of them are passed by.

    Attributes:
        streams: found so far.
    """

    def __init__(self, network: Network, blocks: set[str]) -> None:
        self.streams: list[Stream] = []
        self._network, self._blocks = network, blocks
        self._inside_blocks = {id(network.modules[name]) for name in blocks}
        self._layers = [
            candidate
            for candidate in network.candidates
            if candidate.name in blocks or network.is_layer(candidate)
        ]
        self._nodes = network.nodes(self._layers)
        self._gates = gates_of(self._layers, network)
        self._taken: set[Node] = set()  # by the streams so far, with their branches

    def look_at(self, total: Sum) -> None:
        """Take the stream of a sum, unless it is no residual sum."""
        network, flow = self._network, self._network.flow
        branch = branch_of(total, network)
        layers = [layer for layer in self._layers if network.node(layer) in branch]
        if not layers or branch & self._taken or not self._inside_blocks.isdisjoint(total.scope):
            return
        if not keeps_positions(total, layers, network):
            return
        branch = self._behind_trunk(branch, total, layers)
        before = flow.before([total.first]) & flow.before([total.second])
        branch -= self._begun_before(layers, before)
        if self._nodes.isdisjoint(branch) or self._nodes.isdisjoint(before):
            return  # no layer behind a trunk, or a branch that begins at the input
        last = max(self._taken, default=-1)
        branch |= {gate for gate in self._gates & before if gate > last}
        stream = capture_of(total, branch, network)
        if stream.pick is None:
            return
        self.streams.append(stream)
        self._taken |= branch | {total.node}
        if flow.function_of(stream.node) != "pad":
            self._taken.add(stream.node)

    def _behind_trunk(
        self, branch: set[Node], total: Sum, layers: Sequence[Candidate]
    ) -> set[Node]:
        """The branch without a row of blocks, or blocks on both sides: what follows the last."""
        flow = self._network.flow
        trunk = [layer for layer in layers if layer.name in self._blocks]
        ends = self._network.nodes(trunk)
        sides = [ends & flow.before([end]) for end in (total.first, total.second)]
        apart = sides[0] - sides[1] and sides[1] - sides[0]
        if not apart and not _is_a_row(trunk, self._network):
            return branch
        return branch & flow.after([max(ends)]) - ends

    def _begun_before(self, layers: Sequence[Candidate], before: set[Node]) -> set[Node]:
        """Blocks in the middle of which a branch begins, at what they give besides."""
        begun: set[Node] = set()
        for block in [layer for layer in layers if layer.name in self._blocks]:
            parts = [part for part in self._network.candidates if inside(part.name, block.name)]
            if self._network.nodes(parts) & before:
                begun |= self._network.nodes([block])
        return begun


def _is_a_row(blocks: Sequence[Candidate], network: Network) -> bool:
    """Whether two blocks of one class follow from each other."""
    for first, second in pairwise(blocks):
        alike = type(first.module) is type(second.module) and first.module is not second.module
        if alike and network.node(first) in network.flow.before(network.nodes([second])):
            return True
    return False


def branch_of(total: Sum, network: Network) -> set[Node]:
    """Return what follows from the stream before and leads to the sum."""
    flow = network.flow
    first, second = flow.before([total.first]), flow.before([total.second])
    shared = first & second & network.data
    stream = {total.first, total.second} & shared or shared
    return (first ^ second) & flow.after(stream)


def functions_of(node: Node, network: Network) -> set[Node]:
    """A node and all that functions make of it alone, and of what no layer gives."""
    flow = network.flow
    given = network.layer_nodes
    computed = flow.after(given)
    found = {node}
    for child in sorted(flow.parents):
        parents = flow.parents[child]
        if child not in given and parents & found and (parents - found).isdisjoint(computed):
            found.add(child)
    return found


def capture_of(total: Sum, branch: set[Node], network: Network) -> Stream:
    """Return the stream of a sum: captured behind the module that gives it, or before a reader.

    Args:
        total: the sum.
        branch: nodes of what is added, for which the sum stands.
        network: of both.
    """
    flow = network.flow
    nodes = [total.node]
    for node, parents in flow.parents.items():
        if parents == {nodes[-1]} and flow.function_of(node) in _ON_THE_WAY:
            nodes.append(node)
    for node in reversed(nodes):
        pick = _giving(node, network) or reader_of(node, network)
        if pick is not None:
            return Stream(pick, node, frozenset(branch), total)
    return Stream(None, total.node, frozenset(branch), total)


def _giving(node: Node, network: Network) -> Pick | None:
    """The output of the innermost module that gives a node and is no layer of its own."""
    giving = [
        candidate
        for candidate in network.candidates
        if network.node(candidate) == node and not network.is_layer(candidate)
    ]
    inner = [candidate for candidate in giving if candidate.name != network.root]
    if not inner:
        return None
    innermost = max(inner, key=lambda candidate: candidate.name.count("."))
    return Pick(innermost.name, innermost.call, _WHY)


def input_of(reader: Candidate, network: Network, why: str) -> Stream | None:
    """Return what a module reads; of several inputs the first that follows from the data."""
    visit = network.visit(reader)
    reads = {} if visit is None else visit.reads
    keys = [key for key, node in reads.items() if node in network.data]
    if visit is None or not keys:
        return None
    selector = None if visit.lone else keys[0]
    pick = Pick(f"{reader.name}:input", reader.call, why, selector)
    return Stream(pick, reads[keys[0]], frozenset())


def reader_of(node: Node, network: Network) -> Pick | None:
    """Return the input of the first module that reads a node."""
    names = {id(candidate.module): candidate.name for candidate in network.candidates}
    for visit in sorted(network.flow.visits, key=lambda visit: visit.entered):
        name = names.get(visit.module, network.root)
        keys = [key for key, read in visit.reads.items() if read == node]
        if keys and name != network.root:
            selector = None if visit.lone else keys[0]
            return Pick(f"{name}:input", visit.call, _WHY, selector)
    return None
