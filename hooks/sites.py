"""Sites: where in a network something is captured, and the hooks that live there only while a probe runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from infoplane.errors import CaptureError, LayerNotExecuted
from infoplane.hooks.outputs import Selector
from infoplane.hooks.own_hooks import OwnHooks

End = Literal["output", "input"]


@dataclass(frozen=True, eq=False)
class Site:
    """One end of one call of one module.

    Attributes:
        name: what the archive calls it: dotted module name, ``#k`` for the k-th call of a reused module, ``:input`` for its input.
        module: the live module.
        call: which call of one forward, from 0.
        end: ``output`` or ``input``.
        select: how to find the tensor in a structured output, see `outputs.rule`.
        calls: how often the module runs in one forward.
        axis: the axis that runs over the rows.
        raw_shape: feature shape, rows removed.
        dtype: torch dtype name in which the layer computed.
        aliases: other names of the same module.
    """

    name: str
    module: nn.Module
    call: int = 0
    end: End = "output"
    select: Selector | None = None
    calls: int = 1
    axis: int = 0
    raw_shape: tuple[int, ...] = ()
    dtype: str = "float32"
    aliases: tuple[str, ...] = ()


Visit = Callable[
    [Site, Any], Any
]  # Any: layer outputs; a visit returns None, or the value that replaces what it saw


def arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # Any: module arguments
    """What a module was called with, as one value for the output rule: a lone argument is itself."""
    if len(args) == 1 and not any(isinstance(v, Tensor) for v in kwargs.values()):
        return args[0]
    return {**dict(enumerate(args)), **kwargs}


def with_argument(
    args: tuple[Any, ...], kwargs: dict[str, Any], value: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:  # Any: module arguments
    """Module arguments with what `arguments` showed replaced by ``value``."""
    if len(args) == 1 and not any(isinstance(v, Tensor) for v in kwargs.values()):
        return (value,), kwargs
    return tuple(value[i] for i in range(len(args))), {k: value[k] for k in kwargs}


class _Counter:
    """The hook of one module end: counts the calls of a forward and shows the wanted ones to ``visit``."""

    def __init__(self, sites: Sequence[Site], visit: Visit) -> None:
        self.by_call = {site.call: site for site in sites}
        self.visit = visit
        self.seen = 0

    def _next(self, value: Any) -> Any:  # Any: layer output
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
        visit: is shown every wanted call; what it returns replaces the layer's output, None leaves it.
    """

    def __init__(self, sites: Sequence[Site], visit: Visit) -> None:
        super().__init__()
        self._sites, self._visit = sites, visit
        self._counters: list[tuple[_Counter, Site]] = []

    def attach(self) -> None:
        """Register one hook for each end of each module."""
        groups: dict[tuple[int, End], list[Site]] = {}
        for site in self._sites:
            groups.setdefault((id(site.module), site.end), []).append(site)
        for group in groups.values():
            counter = _Counter(group, self._visit)
            self._counters.append((counter, group[0]))
            if group[0].end == "input":
                self.before(group[0].module, counter.before)
            else:
                self.after(group[0].module, counter.after)

    def next_forward(self) -> None:
        """Check that every site fired as often as in the survey, and start the next count.

        Raises:
            LayerNotExecuted: a layer ran another number of times.
        """
        for counter, site in self._counters:
            if counter.seen != site.calls:
                raise LayerNotExecuted(
                    f"layer {site.name!r} ran {counter.seen} times in this forward and {site.calls} times when the recorder attached; "
                    "a network whose layers run a varying number of times cannot be recorded at this layer"
                )
            counter.seen = 0


@contextlib.contextmanager
def attached(sites: Sequence[Site], visit: Visit) -> Iterator[Callable[[], None]]:
    """`SiteHooks` for what runs before training; yields `SiteHooks.next_forward`."""
    hooks = SiteHooks(sites, visit)
    with hooks, hooks:
        hooks.attach()
        yield hooks.next_forward
