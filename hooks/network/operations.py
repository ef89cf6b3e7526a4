"""Functional operations as places to capture.

Sums, activations, attention that no module stands for.

A function mode sees every call of a torch function while a probe runs, and only then: between
captures nothing of it is there. An operation is called ``block3/add``, after the innermost module
that was running, with ``#1`` for the second of its kind there. It is found again by its number
among all operations of its kind in one forward.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from infoplane.hooks.network.own_hooks import OwnHooks
from infoplane.hooks.network.watching_mode import WatchingMode
from infoplane.patterns import fits

SUMS = ("add", "add_", "__add__", "__radd__", "__iadd__")
"""Names of torch functions that add."""
_NAMES = {
    "add": SUMS,
    "cat": ("cat", "concat", "concatenate"),
    "tanh": ("tanh", "tanh_"),
    "sigmoid": ("sigmoid", "sigmoid_"),
    "relu": ("relu", "relu_"),
    "gelu": ("gelu",),
    "silu": ("silu",),
    "elu": ("elu", "elu_"),
    "leaky_relu": ("leaky_relu", "leaky_relu_"),
    "softmax": ("softmax",),
    "log_softmax": ("log_softmax",),
    "scaled_dot_product_attention": ("scaled_dot_product_attention",),
    "layer_norm": ("layer_norm",),
}
OPERATIONS: dict[str, str] = {}
for _kind, _calls in _NAMES.items():
    OPERATIONS |= dict.fromkeys(_calls, _kind)
"""Names of torch functions, and the kind of operation that each is."""
Seen = Callable[[str, int, Any], Any]
"""Is shown kind, number and result; what it returns replaces the result, None leaves it."""


def kind_of(func: Callable[..., Any], args: Sequence[Any]) -> str | None:  # Any: a torch function
    """Return what kind of operation a call is; None where it is none to capture.

    A sum has two tensors of one shape.
    """
    kind = OPERATIONS.get(getattr(func, "__name__", ""))
    if kind == "add":
        pair = [tensor for tensor in args[:2] if isinstance(tensor, Tensor)]
        if len(pair) < 2 or pair[0].shape != pair[1].shape:
            return None
    return kind


class Operations(WatchingMode):
    """Shows the operations of one forward.

    Args:
        seen: is shown every operation.
    """

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen
        self.counts: Counter[str] = Counter()

    def __torch_function__(
        self,
        func: Callable[..., Any],  # Any: a torch function
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the function, and show what it gave."""
        result = func(*args, **dict(kwargs or {}))
        kind = kind_of(func, args) if self.watching else None
        if kind is None or not isinstance(result, Tensor):
            return result
        number = self.counts[kind]
        self.counts[kind] += 1
        other = self._seen(kind, number, result)
        if other is None:
            return result
        in_place = result is args[0] if args else False
        return result.copy_(other) if in_place else other


class Scope:
    """Which module runs, innermost last."""

    def __init__(self) -> None:
        self.running: list[nn.Module] = []

    def attach(self, hooks: OwnHooks, modules: Sequence[nn.Module]) -> None:
        """Follow these modules."""
        hooks.around(modules, self._enter, self._leave)

    def _enter(self, module: nn.Module, args: object, kwargs: object) -> None:
        self.running.append(module)

    def _leave(self, module: nn.Module, args: object, output: object) -> None:
        self.running.pop()


def means_operation(pattern: str, modules: Sequence[str]) -> bool:
    """Whether a pattern asks for operations: names of modules may hold a slash too."""
    if pattern == "ops":
        return "ops" not in modules
    bare = pattern.removesuffix(":input").partition("#")[0]
    return "/" in bare and not any(name == bare or fits(name, bare) for name in modules)


def is_wanted(name: str, patterns: Sequence[str]) -> bool:
    """Whether an operation's name is among those asked for.

    Exactly, by a glob, or without its number.
    """
    return any(
        pattern in ("ops", name) or fits(name, pattern) or name.partition("#")[0] == pattern
        for pattern in patterns
    )
