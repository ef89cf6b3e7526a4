"""Watch one forward, and note what flows where.

The order in which modules run does not tell it: position tables and poolers run among the others.
A function mode sees every call of a torch function during one forward of a few rows, and nothing of
it stays behind. What it cannot see (scripted code, own autograd functions) counts as following from
everything before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from infoplane.hooks.choice.dataflow import Dataflow, Node, Sum, Visit
from infoplane.hooks.choice.nodes import Nodes, differs_by_row, tensors_in
from infoplane.hooks.network.operations import SUMS
from infoplane.hooks.network.outputs import parts
from infoplane.hooks.network.own_hooks import OwnHooks
from infoplane.hooks.network.watching_mode import WatchingMode
from infoplane.hooks.probing.inputs import Inputs
from infoplane.hooks.probing.probe import Forward, call

_MAKERS = ("zeros", "ones", "empty", "full", "rand", "randn", "randint")
_VALUES_UNUSED = {f"{name}_like" for name in _MAKERS} | {f"new_{name}" for name in _MAKERS}


def trace(
    model: nn.Module,
    inputs: Inputs,
    forward: Forward | None = None,
    output: Callable[[object], object] | None = None,
) -> Dataflow:
    """Return the dataflow of one forward. The caller isolates the model.

    Args:
        model: the bare network.
        inputs: of a few rows that differ.
        forward: as for the recorder.
        output: takes from what the network returns what counts as its output; all of it when left
            out.
    """
    tracer, hooks = _Tracer(model), OwnHooks()
    tracer.give_inputs(list(tensors_in(inputs)))
    try:
        with hooks, hooks:
            hooks.around(model.modules(), tracer.enter, tracer.leave)
            with tracer:
                returned = call(model, inputs, forward)
            tracer.give_outputs(returned, returned if output is None else output(returned))
    finally:
        tracer.nodes.close()
    return tracer.flow


class _Tracer(WatchingMode):
    """Builds a `Dataflow` while a network runs; entered only around one forward."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.flow = Dataflow()
        self.nodes = Nodes(self.flow, [*model.parameters(), *model.buffers()])
        self._scope: list[int] = []
        self._entered: list[tuple[int, dict[int | str, Node], bool]] = []
        self._clock = 0
        self._calls: dict[int, int] = {}

    def give_inputs(self, tensors: Sequence[Tensor]) -> None:
        """Say what the inputs are; those that differ between rows are the data, else all are."""
        nodes = [self.nodes.write(tensor, ()) for tensor in tensors]
        pairs = zip(nodes, tensors, strict=True)
        varying = [node for node, tensor in pairs if differs_by_row(tensor)]
        self.flow.inputs = frozenset(varying or nodes)

    def give_outputs(self, returned: object, answer: object) -> None:
        """Say what the network returned, and what of it counts as its output."""
        with self.not_watching():
            self.flow.outputs = frozenset(self.nodes.of_all(returned))
            self.flow.answer = frozenset(self.nodes.of_all(answer))

    # ---- functions -------------------------------------------------------------------------------

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
        if self.watching:
            name = func.__name__ if hasattr(func, "__name__") else str(func)
            if given.get("inplace") is True and not name.endswith("_"):
                name += "_"
            self._note(name, args, self.nodes.of_all((list(args), given)), result)
        return result

    def _note(
        self, name: str, args: Sequence[Any], read: tuple[Node, ...], result: object
    ) -> None:  # Any: arguments of a torch function
        if name == "__setitem__" and isinstance(args[0], Tensor):
            self.nodes.write(args[0], read)
        adds = name in SUMS and _are_alike(args[:2])
        for tensor in tensors_in(result):
            node = self._made(name, tensor, read)
            if adds and node not in read[:2]:
                row = tuple(tensor.shape[1:])
                self.flow.sums.append(Sum(node, read[0], read[1], tuple(self._scope), row))

    def _made(self, name: str, tensor: Tensor, read: tuple[Node, ...]) -> Node:
        """The node of what a function gave: a new one, but for a view."""
        known = self.nodes.known(tensor)
        in_place = name.endswith("_") and not name.endswith("__")
        if known is not None and not in_place and name not in ("__setitem__", "__iadd__"):
            return known
        node = self.nodes.write(tensor, () if name in _VALUES_UNUSED else read)
        self.flow.made_by[node] = name
        return node

    # ---- modules ---------------------------------------------------------------------------------

    def enter(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:  # Any: module arguments
        """Note what a module reads."""
        with self.not_watching():
            given: dict[int | str, Any] = dict(enumerate(args))
            given.update(kwargs)
            reads = {
                key: self.nodes.of(value)
                for key, value in given.items()
                if isinstance(value, Tensor)
            }
            lone = len(args) == 1 and not any(
                isinstance(value, Tensor) for value in kwargs.values()
            )
            self._clock += 1
            self._entered.append((self._clock, reads, lone))
            self._scope.append(id(module))

    def leave(self, module: nn.Module, args: object, output: object) -> None:
        """Note what a module gives."""
        with self.not_watching():
            self._clock += 1
            self._scope.pop()
            entered, reads, lone = self._entered.pop()
            call_number = self._calls.get(id(module), 0)
            self._calls[id(module)] = call_number + 1
            first = next(tensors_in(output), None)
            visit = Visit(
                module=id(module),
                call=call_number,
                entered=entered,
                left=self._clock,
                reads=reads,
                lone=lone,
                gives=self.nodes.of_all(output),
                parts=self._first_of_each(output),
                varies=first is not None and differs_by_row(first),
            )
            self.flow.visits.append(visit)

    def _first_of_each(self, output: object) -> dict[int | str, Node]:
        """The node of the first tensor in each part of a structured output."""
        nodes = {key: self.nodes.of_all(value) for key, value in parts(output).items()}
        return {key: found[0] for key, found in nodes.items() if found}


def _are_alike(pair: Sequence[object]) -> bool:
    """Whether these are two tensors of one shape."""
    shapes = [tensor.shape for tensor in pair if isinstance(tensor, Tensor)]
    return len(shapes) == 2 and shapes[0] == shapes[1]
