"""Which state of which storage a tensor is: the nodes of the dataflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from infoplane.hooks.choice.dataflow import Dataflow, Node
from infoplane.hooks.network.outputs import parts


class Nodes:
    """The node of every tensor that is alive, by its storage; adds new ones to a graph.

    Args:
        flow: the graph.
        weights: parameters and buffers, which are known to be no data.
    """

    def __init__(self, flow: Dataflow, weights: Iterable[Tensor]) -> None:
        self._flow = flow
        self._now: dict[int, Node] = {}  # by storage
        self._held: list[Tensor] = []  # so that no storage is used again for another tensor
        for tensor in weights:
            self.write(tensor, ())
        self._weights = frozenset(self._now.values())

    def write(self, tensor: Tensor, parents: Iterable[Node]) -> Node:
        """Give the storage of a tensor a new node, made from these."""
        node = len(self._flow.parents)
        self._flow.parents[node] = frozenset(parents)
        self._now[_storage(tensor)] = node
        self._held.append(tensor)
        return node

    def known(self, tensor: Tensor) -> Node | None:
        """Return the node of a tensor; None where nothing was written to its storage."""
        return self._now.get(_storage(tensor))

    def of(self, tensor: Tensor) -> Node:
        """Return the node of a tensor; one made out of sight follows from all data before it."""
        known = self.known(tensor)
        if known is not None:
            return known
        return self.write(tensor, set(self._now.values()) - self._weights)

    def of_all(self, value: object) -> tuple[Node, ...]:
        """Return the nodes of the tensors in a value, in order."""
        return tuple(self.of(tensor) for tensor in tensors_in(value))


def _storage(tensor: Tensor) -> int:
    if tensor.layout != torch.strided or tensor.is_nested or not tensor.numel():
        return -id(tensor)
    return tensor.untyped_storage().data_ptr() or -id(tensor)


def tensors_in(value: object) -> Iterator[Tensor]:
    """Yield every tensor in a value, through containers."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, PackedSequence):
        yield value.data
    else:
        for item in parts(value).values():
            yield from tensors_in(item)


def differs_by_row(tensor: Tensor) -> bool:
    """Whether the rows of a tensor are not all the same."""
    if tensor.is_nested or tensor.layout != torch.strided or tensor.ndim == 0 or len(tensor) < 2:
        return True
    return any(not torch.equal(row, tensor[0]) for row in tensor[1:])
