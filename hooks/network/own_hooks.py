"""Hooks of ours on the modules of a network, gone afterwards whatever interrupts the work."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

Hook = Callable[..., Any]  # Any: a hook returns None, or what replaces a layer's output


class OwnHooks:
    """The hooks of one pass; hooks of others are never touched.

    An interrupt (Ctrl-C) may come between any two lines, also while a hook is registered or
    removed. Therefore enter it twice: what an interrupt cuts short in the first removal, the second
    does.

    Example:
        >>> from torch import nn
        >>> layer = nn.Linear(2, 2)
        >>> hooks = OwnHooks()
        >>> with hooks, hooks:
        ...     hooks.after(layer, lambda module, args, output: None)
        >>> len(layer._forward_hooks)
        0
    """

    def __init__(self) -> None:
        self._wanted: list[tuple[nn.Module, Hook]] = []
        self._handles: list[RemovableHandle] = []

    def after(self, module: nn.Module, hook: Hook, *, first: bool = False) -> None:
        """Call ``hook(module, args, output)`` after each forward of ``module``.

        Args:
            module: the layer.
            hook: what it returns replaces the output, None leaves it.
            first: before all other hooks, so that these see what replaces the output.
        """
        self._wanted.append((module, hook))
        self._handles.append(module.register_forward_hook(hook, prepend=first))

    def before(self, module: nn.Module, hook: Hook) -> None:
        """Call ``hook(module, args, kwargs)`` before each forward.

        Only so an input is seen before an in-place module overwrites it.
        """
        self._wanted.append((module, hook))
        self._handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))

    def around(self, modules: Iterable[nn.Module], enter: Hook | None, leave: Hook) -> None:
        """Call hooks before and after each forward of these modules; scripted ones have none."""
        for module in modules:
            if isinstance(module, torch.jit.ScriptModule):
                continue
            if enter is not None:
                self.before(module, enter)
            self.after(module, leave)

    def remove(self) -> None:
        """Remove them all; repeating it changes nothing."""
        for handle in self._handles:
            handle.remove()
        if len(self._handles) < len(self._wanted):  # an interrupt came while torch registered one
            _remove_unhandled(*self._wanted[-1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def _remove_unhandled(module: nn.Module, hook: Hook) -> None:
    """Remove a hook for which torch had no time to give a handle."""
    for registry in (module._forward_hooks, module._forward_pre_hooks):
        for key in [key for key, other in registry.items() if other == hook]:
            del registry[key]
            module._forward_pre_hooks_with_kwargs.pop(key, None)
