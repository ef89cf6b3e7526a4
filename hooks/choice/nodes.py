"""Which state of which storage a tensor is: the nodes of the dataflow."""

from __future__ import annotations

import weakref
from collections import Counter
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
        self._alive: Counter[int] = Counter()  # tensors that were seen on every storage
        self._ends: dict[int, weakref.finalize[..., Tensor]] = {}  # by id of these tensors
        self._held = list(weights)  # a buffer that a forward replaces keeps its place in memory
        for node, tensor in enumerate(self._held):
            flow.parents[node] = frozenset()
            self._now[_storage(tensor)] = node
        self._weights = frozenset(flow.parents)

    def write(self, tensor: Tensor, parents: Iterable[Node]) -> Node:
        """Give the storage of a tensor a new node, made from these."""
        node = len(self._flow.parents)
        self._flow.parents[node] = frozenset(parents)
        self._now[_storage(tensor)] = node
        self._watch(tensor)
        return node

    def known(self, tensor: Tensor) -> Node | None:
        """Return the node of a tensor; None where nothing was written to its storage."""
        node = self._now.get(_storage(tensor))
        if node is not None:
            self._watch(tensor)
        return node

    def close(self) -> None:
        """Watch no tensor any more."""
        for end in self._ends.values():
            end.detach()

    def _watch(self, tensor: Tensor) -> None:
        """Forget a storage once no tensor is left on it: its place may be that of another then."""
        if id(tensor) not in self._ends and self._now.get(_storage(tensor)) not in self._weights:
            storage = _storage(tensor)
            self._alive[storage] += 1
            self._ends[id(tensor)] = weakref.finalize(tensor, self._forget, id(tensor), storage)

    def _forget(self, tensor: int, storage: int) -> None:
        del self._ends[tensor]
        self._alive[storage] -= 1
        if not self._alive[storage]:
            del self._alive[storage]
            self._now.pop(storage, None)

    def of(self, tensor: Tensor) -> Node:
        """Return the node of a tensor; one made out of sight follows from all data before it."""
        known = self.known(tensor)
        if known is not None:
            return known
        return self.write(tensor, self._flow.parents.keys() - self._weights)

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
