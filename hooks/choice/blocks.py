"""Which modules are blocks, so that their output is taken and nothing inside of them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import chain, pairwise

from torch import nn

from infoplane.hooks.choice.branches import is_layer, keeps_positions
from infoplane.hooks.choice.candidates import Candidate, Network
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
    names = [name for name in network.names if name != network.root]
    composites = [name for name in names if is_composite(modules[name])]
    adding = _adding(network, composites) | _holding_folded_blocks(network, composites)
    stacks = {kind_of(name, network) for name in composites if _is_stack(name, composites, network)}
    chosen: set[str] = set()
    for name in sorted(composites, key=lambda name: name.count(".")):
        if any(inside(name, block) for block in chosen):
            continue
        if name not in adding and kind_of(name, network) in stacks:
            continue  # a stage of one block is a stage as the others are
        if name in adding or _is_block(name, composites, network):
            chosen.add(name)
    return chosen


def _holding_folded_blocks(network: Network, composites: list[str]) -> set[str]:
    """Composites around a row of blocks in which nothing has an axis of the rows.

    Where a network folds positions into the batch it can be captured around that only.
    """
    ran = {visit.module for visit in network.flow.visits}
    folded: Counter[tuple[str, type]] = Counter()
    names = network.names
    for name, module in network.modules.items():
        if id(module) not in ran or not is_composite(module):
            continue
        if not any(other == name or inside(other, name) for other in names):
            folded[_parent(name), type(module)] += 1
    found: set[str] = set()
    for (parent, _), count in folded.items():
        around = [name for name in composites if name == parent or inside(parent, name)]
        if count > 1 and around:
            found.add(max(around, key=len))
    return found


def kind_of(name: str, network: Network) -> tuple[str, type]:
    """Return the class of a module and where it stands, whatever its number."""
    return _unnumbered(name), type(network.modules[name])


def _is_block(name: str, composites: list[str], network: Network) -> bool:
    module = network.modules[name]
    apart = [other for other in composites if not (inside(other, name) or inside(name, other))]
    alike = [other for other in apart if type(network.modules[other]) is type(module)]
    return (
        isinstance(module, _TRANSFORMER)
        or len(alike) >= 2
        or _is_item(name, network)
        or _feeds_itself(name, network)
    )


def _is_item(name: str, network: Network) -> bool:
    """Whether a module is an item of a ``ModuleList``."""
    return isinstance(network.modules.get(_parent(name)), nn.ModuleList)


def _is_stack(name: str, composites: list[str], network: Network) -> bool:
    """Whether a module holds blocks in a row."""
    parts = [part for part in composites if inside(part, name)]
    items = {part for part in parts if _is_item(part, network)}
    others = [part for part in parts if part not in items and _parent(part) == name]
    if items and not _is_item(name, network):
        return True
    if len(others) > 1 and _is_item(name, network):
        return False  # a row of parts among others: still one block
    siblings: dict[tuple[str, type], list[str]] = defaultdict(list)
    for part in parts:
        kind = type(network.modules[part])
        siblings[_parent(part), kind].append(part)
        siblings[_unnumbered(part), kind].append(part)
    pairs = chain.from_iterable(map(pairwise, siblings.values()))
    return any(_follow(first, second, network) for first, second in pairs)


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _unnumbered(name: str) -> str:
    """The name with ``#`` for every number: what stands at one place of alike lists is alike."""
    return re.sub(r"\d+", "#", name)


def _follow(first: str, second: str, network: Network) -> bool:
    """Whether the second follows from the first.

    Taken for granted where the dataflow is unknown.
    """
    if not network.flow.visits:
        return True
    before = _nodes(first, network)[:1]
    after = _nodes(second, network)[:1]
    return bool(before and after) and before[0] in network.flow.before(after)


def _feeds_itself(name: str, network: Network) -> bool:
    """Whether a module is run on what follows from its own output, as a whole."""
    nodes = _nodes(name, network)
    return len(nodes) > 1 and nodes[0] in network.flow.before([nodes[1]])


def _nodes(name: str, network: Network) -> list[Node]:
    """What the calls of a module give, in order."""
    calls = [candidate for candidate in network.candidates if candidate.name == name]
    return [node for node in map(network.node, calls) if node is not None]


def _adding(network: Network, composites: list[str]) -> set[str]:
    """Modules whose own forward adds two things that follow from their input, layers between.

    And those of their kind that do not add, where the width changes.
    """
    modules, flow = network.modules, network.flow
    names = {id(modules[name]): name for name in composites}
    data = flow.after(flow.inputs)
    adding: set[str] = set()
    sums: Counter[str] = Counter()
    for total in flow.sums:
        name = names.get(total.scope[-1]) if total.scope else None
        layers = [] if name is None else _layers_added(name, total, network, data)
        if name is not None and layers:
            sums[name] += 1
            if keeps_positions(total, layers, network, data):
                adding.add(name)
    classes = {type(modules[name]) for name in adding}
    adding |= {name for name in sums if type(modules[name]) in classes}
    kinds = {kind_of(name, network) for name in adding}
    adding |= {name for name in composites if kind_of(name, network) in kinds}
    rows = {name for name in adding if sums[name] >= _ROW_OF_SUMS}
    stacks = {name for name in rows if _is_stack(name, composites, network)}
    return {name for name in adding - stacks if not _holds_a_row_of(name, adding, network)}


def _layers_added(name: str, total: Sum, network: Network, data: set[Node]) -> list[Candidate]:
    """Layers of a module that lie between what it was given and a sum of it and of what they made.

    Args:
        name: of the module.
        total: a sum in its own forward.
        network: the network.
        data: nodes that follow from the inputs.
    """
    flow = network.flow
    reads = [visit.reads.values() for visit in flow.visits if visit.module == total.scope[-1]]
    both = flow.before([total.first]) & flow.before([total.second])
    if (data & both).isdisjoint(chain.from_iterable(reads)):
        return []
    branch = branch_of(total, flow, data)
    parts = [part for part in network.candidates if inside(part.name, name)]
    return [part for part in parts if is_layer(part, network) and network.node(part) in branch]


def _holds_a_row_of(name: str, adding: set[str], network: Network) -> bool:
    """Whether a module that adds holds others of one class that do, in a row."""
    modules = network.modules
    parts = [part for part in network.names if part in adding and inside(part, name)]
    return any(
        type(modules[first]) is type(modules[second]) and _follow(first, second, network)
        for first, second in pairwise(parts)
    )
