"""The branch of a residual sum: whether it keeps the positions, and what only gates others."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import product

from torch import nn

from infoplane.hooks.choice.candidates import Candidate, Network
from infoplane.hooks.choice.dataflow import Dataflow, Node, Sum
from infoplane.types.arrays import Shape

_PRODUCTS = ("mul", "mul_", "__mul__", "__rmul__", "__imul__", "multiply")


def keeps_positions(total: Sum, layers: Sequence[Candidate], network: Network) -> bool:
    """Whether a branch can be gone through without leaving the positions of the sum.

    What pools and brings back is a part of the network, and no branch. Attention that pools its
    keys, or turns tokens into a map for a convolution, is one: its queries keep their positions.

    Args:
        total: the sum.
        layers: those of the branch.
        network: the network.
    """
    flow, data = network.flow, network.data
    there = _positions_of_sum(total, layers)
    first, second = flow.before([total.first]) & data, flow.before([total.second]) & data
    for end, side in ((total.first, first - second), (total.second, second - first)):
        own = [layer for layer in layers if network.node(layer) in side]
        elsewhere = [layer for layer in own if not _meet(_positions(layer), there)]
        if own and not _passes(end, side, network.nodes(elsewhere), network):
            return False
    return True


def _positions_of_sum(total: Sum, layers: Sequence[Candidate]) -> set[int]:
    """How many positions a sum may have; of a map, which a convolution gives too, it is one."""
    maps = [layer.shape for layer in layers if _is_convolution(layer.module)]
    is_map = any(len(shape) > 2 and shape[1:] == total.shape[1:] for shape in maps)
    return {math.prod(total.shape[1:])} if is_map else _counts(total.shape)


def _passes(end: Node, side: set[Node], closed: set[Node], network: Network) -> bool:
    """Whether a path leads from before one side of a sum to its end and avoids closed nodes.

    Args:
        end: what is added.
        side: nodes before it that are not before the other side.
        closed: nodes that the path avoids.
        network: of all of these.
    """
    left, seen = [end], {end}
    while left:
        node = left.pop()
        if node in closed:
            continue
        if node not in side:
            return True
        new = network.flow.parents[node] & network.data - seen
        seen |= new
        left.extend(new)
    return False


def _positions(candidate: Candidate) -> set[int]:
    """How many positions a layer may have: channels are the first or the last axis."""
    shape, module = candidate.shape, candidate.module
    if len(shape) < 2:
        return {1}
    if _is_convolution(module):
        return {math.prod(shape[1:])}
    if isinstance(module, (nn.Linear, nn.Embedding)):
        return {math.prod(shape[:-1])}
    if len(shape) == 2 and not any(map(_is_convolution, module.modules())):
        return {shape[0]}
    return _counts(shape)


def _is_convolution(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.conv._ConvNd)


def _meet(counts: set[int], there: set[int]) -> bool:
    """Whether numbers of positions agree, but for a class token or a border; one is everywhere."""
    pairs = product(counts, there)
    return 1 in counts or any(3 * own <= 4 * other <= 5.4 * own for own, other in pairs)


def _counts(shape: Shape) -> set[int]:
    return {math.prod(shape[1:]), math.prod(shape[:-1])} if len(shape) > 1 else {1}


def gates_of(layers: Sequence[Candidate], network: Network) -> set[Node]:
    """Layers whose output, up to functions of it alone, only multiplies what other layers give."""
    flow = network.flow
    children: dict[Node, list[Node]] = defaultdict(list)
    for child, parents in flow.parents.items():
        for parent in parents & network.data:
            children[parent].append(child)
    nodes = network.nodes(layers)
    computed = flow.after(nodes)
    return {node for node in nodes if _multiplies(node, nodes, computed, children, flow)}


def _multiplies(
    node: Node,
    layers: Collection[Node],
    computed: Collection[Node],
    children: Mapping[Node, Sequence[Node]],
    flow: Dataflow,
) -> bool:
    """Whether all that follows from a layer, up to the next layers, are such products."""
    left, passed, products = [node], {node}, 0
    while left:
        for child in children[left.pop()]:
            others = flow.parents[child] - passed
            if child in layers:
                return False
            if others.isdisjoint(computed):
                passed.add(child)
                left.append(child)
            elif flow.made_by.get(child, "") in _PRODUCTS:
                products += 1
            else:
                return False
    return products > 0
