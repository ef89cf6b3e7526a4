"""What flows where in one forward.

Which tensors follow from the inputs, which reach the output, which are sums.

The order in which modules run does not tell it: position tables and poolers run among the others. A
function mode sees every call of a torch function during one forward of a few rows, and nothing of
it stays behind. What it cannot see (scripted code, own autograd functions) counts as following from
everything before it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode

from infoplane.hooks.network.outputs import parts
from infoplane.hooks.network.own_hooks import OwnHooks
from infoplane.hooks.probing.inputs import Inputs
from infoplane.hooks.probing.probe import Forward, call

Node = int
"""A state of a storage: another one after every write into it."""
_MAKERS = ("zeros", "ones", "empty", "full", "rand", "randn", "randint")
_VALUES_UNUSED = {f"{name}_like" for name in _MAKERS} | {f"new_{name}" for name in _MAKERS}
_SUMS = ("add", "add_", "__add__", "__radd__", "__iadd__")


@dataclass(frozen=True)
class Sum:
    """A sum of two tensors of one shape.

    Attributes:
        node: of the sum.
        first, second: of what is added.
        scope: path of modules that were running, outermost first.
    """

    node: Node
    first: Node
    second: Node
    scope: tuple[int, ...]


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

    def before(self, nodes: Iterable[Node]) -> set[Node]:
        """These nodes and all that they follow from."""
        found: set[Node] = set()
        left = list(nodes)
        while left:
            node = left.pop()
            if node not in found:
                found.add(node)
                left.extend(self.parents.get(node, ()))
        return found

    def after(self, nodes: Iterable[Node]) -> set[Node]:
        """These nodes and all that follow from them."""
        found = set(nodes)
        for node in sorted(self.parents):  # parents have smaller numbers
            if not self.parents[node].isdisjoint(found):
                found.add(node)
        return found


class Tracer(TorchFunctionMode):
    """Builds a `Dataflow` while a network runs; enter it only around one forward.

    Args:
        model: its parameters and buffers are known to be no data.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.flow = Dataflow()
        self._now: dict[int, Node] = {}  # by storage
        self._held: list[Tensor] = []  # so that no storage is used again for another tensor
        self._scope: list[int] = []
        self._entered: list[tuple[int, dict[int | str, Node], bool]] = []
        self._watching = True
        self._clock = 0
        self._calls: dict[int, int] = {}
        for tensor in [*model.parameters(), *model.buffers()]:
            self._write(tensor, ())
        self._weights = frozenset(self._now.values())

    # ---- tensors ---------------------------------------------------------------------------------

    def give_inputs(self, inputs: Sequence[tuple[Tensor, bool]]) -> None:
        """Say what the inputs are, and whether each differs between rows."""
        varying = [self._write(tensor, ()) for tensor, varies in inputs if varies]
        for tensor, varies in inputs:
            if not varies:
                self._write(tensor, ())
        self.flow.inputs = frozenset(varying)

    def _write(self, tensor: Tensor, parents: Iterable[Node]) -> Node:
        node = len(self.flow.parents)
        self.flow.parents[node] = frozenset(parents)
        self._now[_storage(tensor)] = node
        self._held.append(tensor)
        return node

    def _node(self, tensor: Tensor) -> Node:
        known = self._now.get(_storage(tensor))
        if known is not None:
            return known
        return self._write(tensor, set(self._now.values()) - self._weights)  # made out of sight

    def nodes(self, value: object) -> tuple[Node, ...]:
        """Nodes of the tensors in a value, in order."""
        return tuple(self._node(t) for t in tensors_in(value))

    def __torch_function__(
        self,
        func: Callable[..., Any],  # Any: a torch function
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the function, and note what it made from what."""
        given = dict(kwargs or {})
        result = func(*args, **given)
        if not self._watching:
            return result
        name = func.__name__ if hasattr(func, "__name__") else str(func)
        read = self.nodes((list(args), given))
        self._note(name, args, read, result)
        return result

    def _note(
        self,
        name: str,
        args: Sequence[Any],
        read: tuple[Node, ...],
        result: object,
    ) -> None:
        made = list(tensors_in(result))
        parents = () if name in _VALUES_UNUSED else read
        if name == "__setitem__" and isinstance(args[0], Tensor):
            self._write(args[0], read)
        writes = name in ("__setitem__", "__iadd__") or (
            name.endswith("_") and not name.endswith("__")
        )
        for tensor in made:
            known = self._now.get(_storage(tensor))
            if known is None or writes:
                node = self._write(tensor, parents)
                self.flow.made_by[node] = name
            else:
                node = known  # a view
            pair = [t for t in args[:2] if isinstance(t, Tensor)]
            if name in _SUMS and len(pair) == 2 and pair[0].shape == pair[1].shape:
                first, second = read[0], read[1]
                if node not in (first, second):
                    self.flow.sums.append(Sum(node, first, second, tuple(self._scope)))

    # ---- modules
    # ----------------------------------------------------------------------------------------------

    def attach(self, hooks: OwnHooks, modules: Iterable[nn.Module]) -> None:
        """Watch the calls of these modules."""
        for module in modules:
            if not isinstance(module, torch.jit.ScriptModule):
                hooks.before(module, self._enter)
                hooks.after(module, self._leave)

    @contextlib.contextmanager
    def _not_watching(self) -> Iterator[None]:
        """For what the tracer itself asks of tensors."""
        self._watching = False
        try:
            yield
        finally:
            self._watching = True

    def _enter(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:  # Any: module arguments
        with self._not_watching():
            given: dict[int | str, Any] = dict(enumerate(args))
            given.update(kwargs)
            reads = {key: self._node(v) for key, v in given.items() if isinstance(v, Tensor)}
            lone = len(args) == 1 and not any(isinstance(v, Tensor) for v in kwargs.values())
            self._clock += 1
            self._entered.append((self._clock, reads, lone))
            self._scope.append(id(module))

    def _leave(self, module: nn.Module, args: object, output: object) -> None:
        with self._not_watching():
            self._clock += 1
            self._scope.pop()
            began, reads, lone = self._entered.pop()
            number = self._calls.get(id(module), 0)
            self._calls[id(module)] = number + 1
            gives = self.nodes(output)
            first = next(iter(tensors_in(output)), None)
            varies = first is not None and differs_by_row(first)
            named = {k: self.nodes(v)[0] for k, v in parts(output).items() if self.nodes(v)}
            self.flow.visits.append(
                Visit(id(module), number, began, self._clock, reads, lone, gives, named, varies)
            )

    def give_outputs(self, returned: object, answer: object) -> None:
        """Say what the network returned, and what of it counts as its output."""
        with self._not_watching():
            self.flow.outputs = frozenset(self.nodes(returned))
            self.flow.answer = frozenset(self.nodes(answer))


def _storage(tensor: Tensor) -> int:
    if tensor.layout != torch.strided or tensor.is_nested or not tensor.numel():
        return -id(tensor)
    return tensor.untyped_storage().data_ptr() or -id(tensor)


def tensors_in(value: object) -> Iterable[Tensor]:
    """Every tensor in a value, through containers."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, PackedSequence):
        yield value.data
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        for name in value.__dataclass_fields__:
            yield from tensors_in(vars(value).get(name))


def differs_by_row(tensor: Tensor) -> bool:
    """Whether the rows of a tensor are not all the same."""
    if tensor.is_nested or tensor.layout != torch.strided or tensor.ndim == 0 or len(tensor) < 2:
        return True
    return not bool((tensor == tensor[:1]).all())


def trace(
    model: nn.Module,
    inputs: Inputs,
    forward: Forward | None = None,
    output: Callable[[object], object] | None = None,
) -> Dataflow:
    """The dataflow of one forward. The caller isolates the model.

    Args:
        model: the bare network.
        inputs: of a few rows that differ.
        forward: as for the recorder.
        output: takes from what the network returns what counts as its output; all of it when left
            out.
    """
    tracer, hooks = Tracer(model), OwnHooks()
    tensors = list(tensors_in(inputs))
    varying = [differs_by_row(t) for t in tensors]
    if not any(varying):
        varying = [True] * len(tensors)
    tracer.give_inputs(list(zip(tensors, varying, strict=True)))
    with hooks, hooks:
        tracer.attach(hooks, model.modules())
        with tracer:
            returned = call(model, inputs, forward)
        tracer.give_outputs(returned, returned if output is None else output(returned))
    return tracer.flow
