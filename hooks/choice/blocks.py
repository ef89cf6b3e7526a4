"""Which modules are blocks, so that their output is taken and nothing inside of them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from infoplane.hooks.choice.branches import is_layer, keeps_positions
from infoplane.hooks.choice.candidates import Network
from infoplane.hooks.choice.dataflow import Node, Sum
from infoplane.hooks.choice.kinds import inside, is_composite
from infoplane.hooks.choice.sums import branch_of

_ROW_OF_SUMS = 3
"""Sums in one forward from which on a module that holds blocks is a stack of them: a block alone
has one or two.
"""
_TRANSFORMER = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)


def find_blocks(network: Network) -> set[str]:
    """Return names of the outermost composite modules that are blocks and no stacks of blocks.

    A block is a layer of ``nn.Transformer``, an item of a ``ModuleList``, of a class that occurs
    twice, run several times on its own output, or adds what it was given to what it made of it. A
    stack holds blocks of one class that follow from each other, or items of a ``ModuleList`` whose
    outputs it adds one after another.
    """
    modules = network.modules
    composites = [n for n in network.names if n != network.root and is_composite(modules[n])]
    adding = _adding(network, composites)
    stacks = {kind_of(n, network) for n in composites if _is_stack(n, composites, network)}
    chosen: set[str] = set()
    for name in sorted(composites, key=lambda n: n.count(".")):
        if any(inside(name, block) for block in chosen):
            continue
        if name not in adding and kind_of(name, network) in stacks:
            continue  # a stage of one block is a stage as the others are
        if name in adding or _is_block(name, composites, network):
            chosen.add(name)
    return chosen


def kind_of(name: str, network: Network) -> tuple[str, type]:
    """Return the class of a module and where it stands, whatever its number."""
    return _unnumbered(name), type(network.modules[name])


def _is_block(name: str, composites: list[str], network: Network) -> bool:
    module = network.modules[name]
    alike = Counter(
        type(network.modules[n]) for n in composites if not (inside(n, name) or inside(name, n))
    )
    return (
        isinstance(module, _TRANSFORMER)
        or alike[type(module)] >= 2
        or _is_item(name, network)
        or _feeds_itself(name, network)
    )


def _is_item(name: str, network: Network) -> bool:
    """Whether a module is an item of a ``ModuleList``."""
    parent = network.modules.get(_parent(name))
    return isinstance(parent, nn.ModuleList)


def _is_stack(name: str, composites: list[str], network: Network) -> bool:
    """Whether a module holds blocks in a row."""
    parts = [n for n in composites if inside(n, name)]
    items = [n for n in parts if _is_item(n, network)]
    if items and not _is_item(name, network):
        return True
    others = [n for n in parts if not _is_item(n, network) and _parent(n) == name]
    if _is_item(name, network) and len(others) > 1:
        return False  # a row of parts among others: still one block
    siblings: dict[tuple[str, type], list[str]] = defaultdict(list)
    for part in parts:
        kind = type(network.modules[part])
        siblings[_parent(part), kind].append(part)
        siblings[_unnumbered(part), kind].append(part)
    return any(
        _follow(first, second, network)
        for group in siblings.values()
        for first, second in pairwise(group)
    )


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _unnumbered(name: str) -> str:
    """The name with ``#`` for every number: what stands at one place of alike lists is alike."""
    return re.sub(r"\d+", "#", name)


def _follow(first: str, second: str, network: Network) -> bool:
    """Whether the second follows from the first.

    Taken for granted where the dataflow is unknown.
    """
    if network.flow is None:
        return True
    before = _nodes(first, network)[:1]
    after = _nodes(second, network)[:1]
    return bool(before and after) and before[0] in network.flow.before(after)


def _feeds_itself(name: str, network: Network) -> bool:
    """Whether a module is run on what follows from its own output, as a whole."""
    nodes = _nodes(name, network)
    if network.flow is None or len(nodes) < 2:
        return False
    return nodes[0] in network.flow.before([nodes[1]])


def _nodes(name: str, network: Network) -> list[int]:
    nodes = [network.node(c) for c in network.candidates if c.name == name]
    return [node for node in nodes if node is not None]


def _adding(network: Network, composites: list[str]) -> set[str]:
    """Modules whose own forward adds two things that follow from their input, layers between.

    And those of their kind that do not add, where the width changes.
    """
    if network.flow is None:
        return set()
    flow = network.flow
    names = {id(network.modules[n]): n for n in composites}
    data = flow.after(flow.inputs)
    sums: dict[str, list[_OwnSum]] = defaultdict(list)
    for total in flow.sums:
        name = names.get(total.scope[-1]) if total.scope else None
        own = None if name is None else _own_sum(name, total, network, data)
        if name is not None and own is not None:
            sums[name].append(own)
    adding = {name for name, own in sums.items() if any(one.keeps_positions for one in own)}
    classes = {type(network.modules[name]) for name in adding}
    adding |= {name for name in sums if type(network.modules[name]) in classes}
    kinds = {kind_of(name, network) for name in adding}
    adding |= {name for name in composites if kind_of(name, network) in kinds}
    return {
        name
        for name in adding
        if not _holds_a_row_of(name, adding, network)
        and not (len(sums[name]) >= _ROW_OF_SUMS and _is_stack(name, composites, network))
    }


@dataclass(frozen=True)
class _OwnSum:
    """A sum in the forward of a module itself: what it was given, and what it made of that.

    Attributes:
        keeps_positions: whether the layers between keep the positions; those that go to another
            resolution do not.
    """

    keeps_positions: bool


def _own_sum(name: str, total: Sum, network: Network, data: set[Node]) -> _OwnSum | None:
    flow = network.flow
    if flow is None:
        return None
    visits = [v for v in flow.visits if v.module == total.scope[-1]]
    given = {node for visit in visits for node in visit.reads.values()} & data
    both = flow.before([total.first]) & flow.before([total.second])
    branch = branch_of(total, flow, data)
    layers = [
        c
        for c in network.candidates
        if inside(c.name, name) and is_layer(c, network) and network.node(c) in branch
    ]
    if not (given & both and layers):
        return None
    return _OwnSum(keeps_positions(total, layers, network, data))


def _holds_a_row_of(name: str, adding: set[str], network: Network) -> bool:
    """Whether a module that adds holds others of one class that do, in a row."""
    parts = [n for n in network.names if n in adding and inside(n, name)]
    return any(
        type(network.modules[first]) is type(network.modules[second])
        and _follow(first, second, network)
        for first, second in pairwise(parts)
    )
