"""Layers that are captured before an activation that is a function, and what reads its result."""

from __future__ import annotations

from collections.abc import Sequence

from infoplane.hooks.choice.candidates import Network
from infoplane.hooks.choice.dataflow import Node
from infoplane.hooks.choice.kinds import is_leaf
from infoplane.hooks.choice.layer_calls import LayerCall
from infoplane.hooks.choice.sums import ACTIVATIONS, reader_of

_MANY = 3


def note_on_functional_activations(taken: Sequence[LayerCall], network: Network) -> list[str]:
    """Return a sentence on the layers before a functional activation; none where there are none.

    Args:
        taken: the layers that are captured.
        network: of these.
    """
    given = {(layer.name, layer.call): network.node(layer) for layer in network.candidates}
    nodes = [given.get((layer.name, layer.call)) for layer in taken]
    modules = network.modules
    closed = network.given_by(name for name in modules if is_leaf(name, modules))
    closed |= {node for node in nodes if node is not None}
    names: dict[str, None] = {}
    functions: dict[str, None] = {}
    readers: dict[str, None] = {}
    for layer, node in zip(taken, nodes, strict=True):
        activation = None if node is None else _activation_behind(node, closed, network)
        if activation is None:
            continue
        names[layer.name] = None
        functions[network.flow.function_of(activation)] = None
        reader = reader_of(activation, network)
        if reader is not None:
            readers[reader.name] = None
    if not names:
        return []
    note = f"{_few(names)} are captured before a functional activation ({', '.join(functions)})"
    if readers:
        note += f"; what lies behind it is captured by layers=['auto', {_few(readers)[1:]}"
    return [note]


def _activation_behind(node: Node, closed: set[Node], network: Network) -> Node | None:
    """The first activation that functions make of a layer's output, before any other layer.

    An activation that ends a captured block belongs to that block, not to what the block adds to.
    """
    flow = network.flow
    for made in sorted(flow.after([node], closed=closed) - {node}):
        if flow.function_of(made) in ACTIVATIONS:
            return made
    return None


def _few(names: dict[str, None]) -> str:
    """The first names as a list, and that there are more."""
    shown = ", ".join(map(repr, list(names)[:_MANY]))
    return f"[{shown}, ...]" if len(names) > _MANY else f"[{shown}]"
