"""What flows where in one forward, as a graph: `tracing` makes it.

It says which tensors follow from the inputs, which reach the output, which are sums.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from infoplane.types.arrays import Shape

Node = int
"""A state of a storage: another one after every write into it."""


@dataclass(frozen=True)
class Sum:
    """A sum of two tensors of one shape.

    Attributes:
        node: of the sum.
        first, second: of what is added.
        scope: path of modules that were running, outermost first.
        shape: of one row of the sum.
    """

    node: Node
    first: Node
    second: Node
    scope: tuple[int, ...]
    shape: Shape


@dataclass(frozen=True)
class Visit:
    """One call of one module.

    Attributes:
        module: ``id`` of it.
        call: which call of the forward, from 0.
        entered, left: numbers of events at its beginning and end.
        reads: nodes of its arguments that are tensors, by place or keyword.
        lone: whether it has one argument and no keyword that is a tensor.
        gives: nodes of what it returned.
        parts: the same by place or key, where it returned a structure.
        varies: whether its first tensor differs between rows.
    """

    module: int
    call: int
    entered: int
    left: int
    reads: Mapping[int | str, Node]
    lone: bool
    gives: tuple[Node, ...]
    parts: Mapping[int | str, Node]
    varies: bool


@dataclass(eq=False)
class Dataflow:
    """The graph of one forward.

    Attributes:
        parents: of every node.
        visits: calls of modules, in the order in which they end.
        sums: in order.
        made_by: name of the function that made a node.
        inputs: nodes of the inputs that differ between rows.
        outputs: nodes of all that the network returned.
        answer: nodes of what counts as its output.
    """

    parents: dict[Node, frozenset[Node]] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    sums: list[Sum] = field(default_factory=list)
    made_by: dict[Node, str] = field(default_factory=dict)
    inputs: frozenset[Node] = frozenset()
    outputs: frozenset[Node] = frozenset()
    answer: frozenset[Node] = frozenset()

    def function_of(self, node: Node) -> str:
        """Return the function that made a node, in place or not; empty where none is known."""
        return self.made_by.get(node, "").rstrip("_")

    def before(self, nodes: Iterable[Node]) -> set[Node]:
        """Return these nodes and all that they follow from."""
        found: set[Node] = set()
        left = list(nodes)
        while left:
            node = left.pop()
            if node not in found:
                found.add(node)
                left.extend(self.parents.get(node, ()))
        return found

    def after(self, nodes: Iterable[Node], closed: Collection[Node] = ()) -> set[Node]:
        """Return these nodes and all that follow from them, on ways that avoid the closed ones."""
        found = set(nodes)
        for node in sorted(self.parents):  # parents have smaller numbers
            if node not in closed and not self.parents[node].isdisjoint(found):
                found.add(node)
        return found
