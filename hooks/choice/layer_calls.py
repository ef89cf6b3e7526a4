"""What the ends of modules show in one forward over a few rows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from infoplane.errors import UnsupportedOutput
from infoplane.hooks.choice.dataflow import Dataflow
from infoplane.hooks.choice.named import ROOT, Named
from infoplane.hooks.choice.tracing import trace
from infoplane.hooks.network import outputs
from infoplane.hooks.network.outputs import Selector
from infoplane.hooks.network.own_hooks import OwnHooks
from infoplane.hooks.network.sites import End, Site, arguments
from infoplane.hooks.probing.inputs import Inputs, map_tensors
from infoplane.hooks.probing.probe import Forward, call
from infoplane.patterns import fits
from infoplane.types.arrays import Shape

Place = tuple[int, End]
"""The end of a module: the module's id, and which end."""


@dataclass(eq=False)
class LayerCall:
    """One call of one end of a module, and what it gave.

    Attributes:
        named: the module; of an operation, where it is.
        end: which end.
        call: which call of one forward, from 0; of an operation, which of all of its kind.
        calls: how many there are in one forward.
        op: kind of a functional operation; empty for a module.
        selector: which tensor of a structured output is taken.
        axis: the axis of the rows.
        shape: of the tensor; of one row once the axis is settled.
        dtype: torch dtype name.
        problem: why there is no tensor to store; None where there is one.
        guessed: whether one of several tensors was taken where nobody chose.
        vague: whether its structure leaves open which is meant.
        why: the reason for which ``layers="auto"`` took it.
    """

    named: Named
    end: End
    call: int
    calls: int = 1
    op: str = ""
    selector: Selector | None = None
    axis: int = 0
    shape: Shape = ()
    dtype: str = ""
    problem: UnsupportedOutput | None = None
    guessed: bool = False
    vague: bool = False
    why: str = ""

    @property
    def place(self) -> Place:
        """The end of the module."""
        return id(self.named.module), self.end

    @property
    def name(self) -> str:
        """As ``layers=`` takes it."""
        return self.named.name + (":input" if self.end == "input" else "")

    def read(self, value: Any, trial: Trial) -> None:  # Any: layer output
        """Note which tensor of ``value`` is taken, its shape and its dtype."""
        try:
            self.selector = self._rule(value, trial)
            tensor = outputs.pick(value, self.selector, self.name)
            self.shape = tuple(tensor.shape)
            self.dtype = str(tensor.dtype).removeprefix("torch.")
        except UnsupportedOutput as problem:
            self.problem = problem

    def _rule(self, value: Any, trial: Trial) -> Selector | None:  # Any: layer output
        try:
            return outputs.rule(self.named.module, value, self.name, trial.selector_for(self))
        except UnsupportedOutput:
            likely = outputs.likely(value) if trial.guess else None
            if likely is None:
                raise
            self.guessed, self.vague = True, hasattr(value, "to_tuple")
            return likely

    def settle_axis(self, n: int, twin: LayerCall | None, other_n: int) -> None:
        """Find the axis of the rows, from the shapes for two numbers of rows.

        Args:
            n: rows of the first forward.
            twin: the same call in a forward of another number of rows.
            other_n: rows of that forward.
        """
        try:
            self.axis = outputs.row_axis(
                self.named.module,
                self.name,
                outputs.Shown(n, self.shape),
                None if twin is None else outputs.Shown(other_n, twin.shape),
            )
            self.shape = self.shape[: self.axis] + self.shape[self.axis + 1 :]
        except UnsupportedOutput as problem:
            self.problem = problem

    def refuse_rows_by_rows(self, n: int, twin: LayerCall | None, other_n: int) -> None:
        """Note that a row has an entry for every row of the batch, so that no two batches agree.

        Args:
            n: rows of the first forward, after which the axis of the rows is settled.
            twin: the same call in a forward of another number of rows.
            other_n: rows of that forward.
        """
        if twin is None or n == other_n or self.problem is not None:
            return
        other = twin.shape[: self.axis] + twin.shape[self.axis + 1 :]
        pairs = list(zip(self.shape, other, strict=True))
        if (n, other_n) in pairs:
            self.problem = UnsupportedOutput(
                f"layer {self.name!r} is left out: every row of it has an entry for every row of "
                "the batch; to capture it, name it and give select= a function that makes equally "
                "many values of a row in every batch"
            )

    def site(self) -> Site:
        """Return the site to capture; calls of a module that runs several times are numbered."""
        number = f"#{self.call}" if self.calls > 1 and not self.op else ""
        end = ":input" if self.end == "input" else ""
        return Site(
            self.named.name + number + end,
            self.named.module,
            self.call,
            self.end,
            self.selector,
            self.calls,
            self.axis,
            self.shape,
            self.dtype,
            self.named.aliases,
            self.why,
            self.op,
        )


@dataclass(frozen=True, eq=False)
class Trial:
    """The network and the few rows on which it is tried.

    Attributes:
        model: the network.
        inputs: of ``n`` rows.
        n: how many.
        other: inputs of another number of rows, and that number.
        forward: as for the recorder.
        select: as for the recorder.
        guess: whether layers are chosen by a rule and not by the user: of several tensors of an
            output one is taken, and what depends on the number of rows is refused.
    """

    model: nn.Module
    inputs: Inputs
    n: int
    other: tuple[Inputs, int] | None
    forward: Forward | None
    select: Mapping[str, Selector]
    guess: bool = False

    def selector_for(self, layer: LayerCall) -> Selector | None:
        """Return what the user said about a layer's output."""
        for name, selector in self.select.items():
            if fits(layer.name, name) or name in layer.named.aliases:
                return selector
        return None

    def calls_of(self, ends: Sequence[tuple[Named, End]]) -> list[LayerCall]:
        """Return what these ends of modules show, with the axis of their rows."""
        return self.with_axes(lambda inputs: self._calls_with(ends, inputs))

    def with_axes(self, show: Callable[[Inputs], list[LayerCall]]) -> list[LayerCall]:
        """Return what ``show`` sees of the rows; another number of them tells their axis."""
        seen = show(self.inputs)
        twins: dict[tuple[Place, int, str], LayerCall] = {}
        other_n = 0
        if self.other is not None:
            inputs, other_n = self.other
            with contextlib.suppress(Exception):  # the network does not take this number of rows
                again = [layer for layer in show(inputs) if layer.problem is None]
                twins = {(layer.place, layer.call, layer.op): layer for layer in again}
        for layer in seen:
            if layer.problem is None:
                twin = twins.get((layer.place, layer.call, layer.op))
                layer.settle_axis(self.n, twin, other_n)
                if self.guess:
                    layer.refuse_rows_by_rows(self.n, twin, other_n)
        return seen

    def _calls_with(self, ends: Sequence[tuple[Named, End]], inputs: Inputs) -> list[LayerCall]:
        """Run one forward, and return what the ends of modules show."""
        once = {(id(named.module), end): (named, end) for named, end in ends}
        watch, hooks = _Watch(self), OwnHooks()
        with hooks, hooks:
            for named, end in once.values():
                watch.attach(hooks, named, end)
            call(self.model, inputs, self.forward)
        return watch.layers()

    def flow(self) -> Dataflow:
        """Return what flows where; empty where the network does not run under a function mode."""
        copies = map_tensors(lambda _, t: t.clone(), self.inputs)
        try:
            return trace(self.model, copies, self.forward, self._output_of)
        except Exception:
            return Dataflow()

    def _output_of(self, value: object) -> object:
        """Return what of the value that the network returns counts as its output."""
        try:
            return outputs.pick(value, outputs.rule(self.model, value, ROOT), ROOT)
        except UnsupportedOutput:
            likely = outputs.likely(value)
            return value if likely is None else outputs.pick(value, likely, ROOT)


class _Watch:
    """What the ends of modules show in one forward.

    Args:
        trial: says which tensor of a structure is read.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._seen: list[LayerCall] = []
        self._counts: dict[Place, int] = {}  # calls so far

    def attach(self, hooks: OwnHooks, named: Named, end: End) -> None:
        """Watch one end of a module; of a scripted one nothing is seen."""
        if isinstance(named.module, torch.jit.ScriptModule):
            return
        self._counts[id(named.module), end] = 0

        def before(_module: nn.Module, args: Any, kwargs: Any) -> None:  # Any: module arguments
            self._note(named, end, arguments(args, kwargs))

        def after(_module: nn.Module, _args: Any, output: Any) -> None:  # Any: layer output
            self._note(named, end, output)

        if end == "input":
            hooks.before(named.module, before)
        else:
            hooks.after(named.module, after)

    def _note(self, named: Named, end: End, value: Any) -> None:  # Any: layer output
        place = id(named.module), end
        layer = LayerCall(named, end, self._counts[place])
        self._counts[place] += 1
        layer.read(value, self._trial)
        self._seen.append(layer)

    def layers(self) -> list[LayerCall]:
        """Return the calls in order, each with how many there were."""
        for layer in self._seen:
            layer.calls = self._counts[layer.place]
        return self._seen
