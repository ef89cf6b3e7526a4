"""Which modules hold blocks in a row: stacks and stages, whose blocks are taken in their place."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from infoplane.hooks.choice.candidates import Network
from infoplane.hooks.choice.dataflow import Node
from infoplane.hooks.choice.kinds import holds_one_layer, inside

Kind = tuple[str, type]
"""The class of a module and where it stands, whatever its number."""


def kind_of(name: str, network: Network) -> Kind:
    """Return the class of a module and where it stands, whatever its number."""
    return _unnumbered(name), type(network.modules[name])


def parent_of(name: str) -> str:
    """Return the name of the module that holds this one."""
    return name.rpartition(".")[0]


def is_item(name: str, network: Network) -> bool:
    """Whether a module is an item of a ``ModuleList``."""
    return isinstance(network.modules.get(parent_of(name)), nn.ModuleList)


def count_alike(name: str, composites: Sequence[str], network: Network) -> int:
    """Return how many composites of its class there are, itself and none of its parts counted."""
    modules = network.modules
    apart = [other for other in composites if not (inside(other, name) or inside(name, other))]
    return sum(type(modules[other]) is type(modules[name]) for other in apart)


def nodes_of(name: str, network: Network) -> list[Node]:
    """Return what the calls of a module give, in order."""
    calls = [candidate for candidate in network.candidates if candidate.name == name]
    return [node for node in map(network.node, calls) if node is not None]


def are_a_row(names: Sequence[str], network: Network) -> bool:
    """Whether one of these modules follows from the one before it."""
    return any(_follows(second, first, network) for first, second in pairwise(names))


def _follows(second: str, first: str, network: Network) -> bool:
    """Whether the second follows from the first; granted where the dataflow is unknown."""
    if not network.flow.visits:
        return True
    before = nodes_of(first, network)[:1]
    after = nodes_of(second, network)[:1]
    return bool(before and after) and before[0] in network.flow.before(after)


def _unnumbered(name: str) -> str:
    """The name with ``#`` for every number: what stands at one place of alike lists is alike."""
    return re.sub(r"\d+", "#", name)


class Stacks:
    """The stacks of a network.

    Args:
        network: what may be chosen.
        composites: names of its composite modules.

    Attributes:
        names: of those that hold blocks in a row.
    """

    def __init__(self, network: Network, composites: Sequence[str]) -> None:
        self._network, self._composites = network, composites
        self.names = {name for name in composites if self._holds_a_row(name)}
        self._kinds = {kind_of(name, network) for name in self.names}
        self._classes = self._classes_of_items_in_rows()

    def __contains__(self, name: str) -> bool:
        """Whether a module is a stack, or a stage of one block where others hold a row of it."""
        if kind_of(name, self._network) in self._kinds:
            return True
        if self._is_one_block(name):
            return False
        classes = {type(self._network.modules[item]) for item in self._items_of(name)}
        return not classes.isdisjoint(self._classes)

    def _holds_a_row(self, name: str) -> bool:
        """Whether a module holds composites of one class in a row.

        A row of single layers, each with its normalisation, is no row of blocks.
        """
        if self._is_one_block(name):
            return False
        modules = self._network.modules
        parts = [part for part in self._composites if inside(part, name)]
        parts = [part for part in parts if not holds_one_layer(modules[part])]
        if self._goes_on(name):
            parts = [part for part in parts if parent_of(part) != name]
        alike: dict[Kind, list[str]] = defaultdict(list)
        for part in parts:
            alike[parent_of(part), type(modules[part])].append(part)
            alike[kind_of(part, self._network)].append(part)
        return any(are_a_row(row, self._network) for row in alike.values())

    def _goes_on(self, name: str) -> bool:
        """Whether one of three of its class makes its output of its parts by functions of its own.

        Such a block may run two of its parts one after the other.
        """
        network = self._network
        given = network.given_by(part for part in network.modules if inside(part, name))
        alike = count_alike(name, self._composites, network)
        return alike > 2 and given.isdisjoint(nodes_of(name, network))

    def _is_one_block(self, name: str) -> bool:
        """Whether it is an item of a list with several composites, which are its parts."""
        network = self._network
        own = [part for part in self._composites if parent_of(part) == name]
        own = [part for part in own if not holds_one_layer(network.modules[part])]
        return len(own) > 1 and is_item(name, network)

    def _items_of(self, name: str) -> list[str]:
        """Composites in the lists that a module holds itself."""
        parts = [part for part in self._composites if parent_of(parent_of(part)) == name]
        return [part for part in parts if is_item(part, self._network)]

    def _classes_of_items_in_rows(self) -> set[type]:
        """Classes of which a stack holds a row in one list."""
        found: set[type] = set()
        for name in self.names:
            alike: dict[Kind, list[str]] = defaultdict(list)
            for item in self._items_of(name):
                alike[parent_of(item), type(self._network.modules[item])].append(item)
            for (_, kind), row in alike.items():
                if are_a_row(row, self._network):
                    found.add(kind)
        return found
