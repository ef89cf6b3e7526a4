"""Sites: where in a network something is captured.

Hooks live there only while a probe runs.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from infoplane.errors import CaptureError, LayerNotExecuted
from infoplane.hooks.network import outputs
from infoplane.hooks.network.isolate import dtype_named
from infoplane.hooks.network.operations import Operations
from infoplane.hooks.network.outputs import Selector
from infoplane.hooks.network.own_hooks import OwnHooks
from infoplane.types.arrays import Shape

End = Literal["output", "input"]


@dataclass(frozen=True, eq=False)
class Site:
    """One end of one call of one module.

    Attributes:
        name: what the archive calls it: dotted module name, ``#k`` for the k-th call of a reused
            module, ``:input`` for its input.
        module: the live module.
        call: which call of one forward, from 0.
        end: ``output`` or ``input``.
        select: how to find the tensor in a structured output, see `outputs.rule`.
        calls: how often the module runs in one forward.
        axis: the axis that runs over the rows.
        raw_shape: feature shape, rows removed.
        dtype: torch dtype name in which the layer computed.
        aliases: other names of the same module.
        why: the reason for which ``layers="auto"`` took it.
        op: kind of a functional operation inside of the module, which the call then numbers among
            all of its kind; empty for the module itself.
    """

    name: str
    module: nn.Module
    call: int = 0
    end: End = "output"
    select: Selector | None = None
    calls: int = 1
    axis: int = 0
    raw_shape: Shape = ()
    dtype: str = "float32"
    aliases: tuple[str, ...] = ()
    why: str = ""
    op: str = ""

    @property
    def torch_dtype(self) -> torch.dtype:
        """In which the layer computed."""
        return dtype_named(self.dtype)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row, as the layer gives it."""
        return math.prod(self.raw_shape) * self.torch_dtype.itemsize


def selectors(sites: Sequence[Site]) -> dict[str, Selector]:
    """Return by layer which tensor of a structure it stands for, as ``select=`` takes it."""
    return {
        site.name.replace(f"#{site.call}", ""): site.select
        for site in sites
        if isinstance(site.select, (int, str))
    }


def tensor_of(site: Site, value: Any) -> Tensor:  # Any: layer output
    """Return the tensor that a site stands for, rows first.

    The live one, to be copied by the caller.
    """
    tensor = outputs.pick(value, site.select, site.name)
    return tensor.movedim(site.axis, 0) if site.axis else tensor


Visit = Callable[[Site, Any], Any]


def arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # Any: module arguments
    """Return what a module was called with, as one value for the output rule.

    A lone argument is itself.
    """
    if len(args) == 1 and not any(isinstance(value, Tensor) for value in kwargs.values()):
        return args[0]
    return {**dict(enumerate(args)), **kwargs}


def with_argument(
    args: tuple[Any, ...], kwargs: dict[str, Any], value: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:  # Any: module arguments
    """Return module arguments with what `arguments` showed replaced by ``value``.

    Args:
        args, kwargs: as the module got them.
        value: takes the place of its input.
    """
    if len(args) == 1 and not any(isinstance(value, Tensor) for value in kwargs.values()):
        return (value,), kwargs
    return tuple(value[place] for place in range(len(args))), {key: value[key] for key in kwargs}


class _Counter:
    """The hook of one module end.

    Counts the calls of a forward and shows the wanted ones to ``visit``. Forwards of other threads,
    which act or evaluate with the same network, are none of the probe's.
    """

    def __init__(self, sites: Sequence[Site], visit: Visit) -> None:
        self.by_call = {site.call: site for site in sites}
        self.visit = visit
        self.seen = 0
        self._thread = threading.get_ident()

    def _next(self, value: Any) -> Any:  # Any: layer output
        if threading.get_ident() != self._thread:
            return None
        site, self.seen = self.by_call.get(self.seen), self.seen + 1
        if site is None:
            return None
        try:
            return self.visit(site, value)
        except CaptureError:
            raise
        except Exception as error:
            error.add_note(f"infoplane: inside the hook of layer {site.name!r}")
            raise

    def result(self, value: Any) -> Any:  # Any: what an operation gave
        return self._next(value)

    def after(
        self, module: nn.Module, args: tuple[Any, ...], output: Any
    ) -> Any:  # Any: layer output
        return self._next(output)

    def before(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:  # Any: module arguments
        value = self._next(arguments(args, kwargs))
        return None if value is None else with_argument(args, kwargs, value)


class SiteHooks(OwnHooks):
    """Own hooks on every site; enter it twice, see `OwnHooks`.

    Args:
        sites: where to look.
        visit: is shown every wanted call; what it returns replaces the layer's output, None leaves
            it.
        first: whether outputs are shown before other hooks see them: networks of `transformers`
            collect what their layers give by hooks.
    """

    def __init__(self, sites: Sequence[Site], visit: Visit, *, first: bool = False) -> None:
        super().__init__()
        self._sites, self._visit, self._first = sites, visit, first
        self._counters: list[tuple[_Counter, Site]] = []
        self._by_kind: dict[str, _Counter] = {}
        self._operations: Operations | None = None

    def attach(self) -> None:
        """Register one hook for each end of each module; watch operations where some are sites."""
        groups: dict[tuple[int, End, str], list[Site]] = {}
        for site in self._sites:
            owner = 0 if site.op else id(site.module)  # operations are counted over the network
            groups.setdefault((owner, site.end, site.op), []).append(site)
        if any(site.op for site in self._sites):
            self._operations = Operations(self._seen)
        for group in groups.values():
            counter = _Counter(group, self._visit_alone)
            self._counters.append((counter, group[0]))
            if group[0].op:
                self._by_kind[group[0].op] = counter
            elif group[0].end == "input":
                self.before(group[0].module, counter.before)
            else:
                self.after(group[0].module, counter.after, first=self._first)
        if self._operations is not None:
            self._operations.__enter__()  # type: ignore[no-untyped-call]  # torch

    def remove(self) -> None:
        """Remove all hooks, and watch no longer; repeating it changes nothing."""
        operations, self._operations = self._operations, None
        if operations is not None:
            operations.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # torch
        super().remove()

    def _seen(self, kind: str, number: int, value: Any) -> Any:  # Any: what an operation gave
        counter = self._by_kind.get(kind)
        return None if counter is None else counter.result(value)

    def _visit_alone(self, site: Site, value: Any) -> Any:  # Any: layer output
        """Visit, and take no operation of the visitor for one of the network."""
        if self._operations is None:
            return self._visit(site, value)
        with self._operations.not_watching():
            return self._visit(site, value)

    def next_forward(self) -> None:
        """Check that every site fired as often as in the survey, and start the next count.

        Raises:
            LayerNotExecuted: a layer ran another number of times.
        """
        for counter, site in self._counters:
            if counter.seen != site.calls:
                raise LayerNotExecuted(
                    f"layer {site.name!r} ran {counter.seen} times in this forward and "
                    f"{site.calls} times when the recorder attached; a network whose layers run a "
                    "varying number of times cannot be recorded at this layer"
                )
            counter.seen = 0


@contextlib.contextmanager
def attached(
    sites: Sequence[Site], visit: Visit, *, first: bool = False
) -> Iterator[Callable[[], None]]:
    """`SiteHooks` for what runs before training; yields `SiteHooks.next_forward`."""
    hooks = SiteHooks(sites, visit, first=first)
    with hooks, hooks:
        hooks.attach()
        yield hooks.next_forward
