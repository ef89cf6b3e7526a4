"""Which modules are blocks, so that their output is taken and nothing inside of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from infoplane.hooks.choice.branches import keeps_positions
from infoplane.hooks.choice.candidates import Candidate, Network
from infoplane.hooks.choice.dataflow import Node, Sum
from infoplane.hooks.choice.kinds import inside, is_composite
from infoplane.hooks.choice.stacks import (
    Stacks,
    are_a_row,
    count_alike,
    is_item,
    kind_of,
    nodes_of,
    parent_of,
)
from infoplane.hooks.choice.sums import branch_of

_ROW_OF_SUMS = 3
"""A module that holds blocks and adds so often in one forward is a stack of them: a block alone
adds once or twice.
"""
_TRANSFORMER = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)


def find_blocks(network: Network) -> set[str]:
    """Return names of the outermost composite modules that are blocks and no stacks of blocks.

    A block is a layer of ``nn.Transformer``, an item of a ``ModuleList``, of a class that occurs
    twice, run several times on its own output, or adds what it was given to what it made of it. A
    stack holds blocks of one class that follow from each other.
    """
    names = [name for name in network.names if name != network.root]
    composites = [name for name in names if is_composite(network.modules[name])]
    stacks = Stacks(network, composites)
    adding = _adding(network, composites, stacks) | _holding_folded_blocks(network, composites)
    chosen: set[str] = set()
    for name in sorted(composites, key=lambda name: name.count(".")):
        if any(inside(name, block) for block in chosen):
            continue
        if name in adding or (name not in stacks and _is_block(name, composites, network)):
            chosen.add(name)
    return chosen - _shared_by(chosen, network)


def _shared_by(blocks: set[str], network: Network) -> set[str]:
    """Blocks that run within others alone, which share them."""
    outside = {call.name for call in network.candidates if not network.runs_within(call, blocks)}
    return blocks - outside


def _is_block(name: str, composites: Sequence[str], network: Network) -> bool:
    """Whether a composite is a block by its class, its place or its calls."""
    module = network.modules[name]
    if isinstance(module, _TRANSFORMER) or is_item(name, network):
        return True
    return count_alike(name, composites, network) >= 2 or _feeds_itself(name, network)


def _feeds_itself(name: str, network: Network) -> bool:
    """Whether a module is run on what follows from its own output, as a whole."""
    nodes = nodes_of(name, network)
    return len(nodes) > 1 and nodes[0] in network.flow.before([nodes[1]])


def _holding_folded_blocks(network: Network, composites: Sequence[str]) -> set[str]:
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
            folded[parent_of(name), type(module)] += 1
    found: set[str] = set()
    for (parent, _), count in folded.items():
        around = [name for name in composites if name == parent or inside(parent, name)]
        if count > 1 and around:
            found.add(max(around, key=len))
    return found


def _adding(network: Network, composites: Sequence[str], stacks: Stacks) -> set[str]:
    """Modules whose own forward adds two things that follow from their input, layers between.

    And those of their kind that do not add, where the width changes.
    """
    sums = _residual_sums(network, composites)
    adding = {name for name, kept in sums.items() if any(kept)}
    kinds = {kind_of(name, network) for name in adding}
    adding |= {name for name in composites if kind_of(name, network) in kinds}
    rows = {name for name in stacks.names if len(sums.get(name, ())) >= _ROW_OF_SUMS}
    return {name for name in adding - rows if not _holds_a_row_of(adding, name, network)}


def _residual_sums(network: Network, composites: Sequence[str]) -> dict[str, list[bool]]:
    """By name of a module, its residual sums: whether each branch keeps the positions."""
    names = {id(network.modules[name]): name for name in composites}
    sums: dict[str, list[bool]] = {}
    for total in network.flow.sums:
        name = names.get(total.scope[-1]) if total.scope else None
        if name is None:
            continue
        layers = _layers_added(name, total, network)
        if layers:
            kept = keeps_positions(total, layers, network)
            sums.setdefault(name, []).append(kept)
    return sums


def _layers_added(name: str, total: Sum, network: Network) -> list[Candidate]:
    """Layers of a module that lie between what it was given and a sum of it and of what they made.

    Args:
        name: of the module.
        total: a sum in its own forward.
        network: the network.
    """
    flow = network.flow
    given: set[Node] = set()
    for visit in flow.visits:
        if visit.module == total.scope[-1]:
            given |= set(visit.reads.values())
    both = flow.before([total.first]) & flow.before([total.second])
    if given.isdisjoint(both & network.data):
        return []
    branch = branch_of(total, network)
    parts = [part for part in network.candidates if inside(part.name, name)]
    return [part for part in parts if network.is_layer(part) and network.node(part) in branch]


def _holds_a_row_of(adding: set[str], name: str, network: Network) -> bool:
    """Whether a module that adds holds others of one class that do, in a row."""
    parts = [part for part in network.names if part in adding and inside(part, name)]
    for first, second in pairwise(parts):
        alike = type(network.modules[first]) is type(network.modules[second])
        if alike and are_a_row([first, second], network):
            return True
    return False
