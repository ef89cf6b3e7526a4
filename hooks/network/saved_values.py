"""Values that a forward may change.

Each saved in the way its kind needs so that it can be put back exactly.
"""

from __future__ import annotations

import collections
import enum
import types
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from infoplane.types.arrays import Array

IMMUTABLE_TYPES = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type,
    range,
    slice,
    frozenset,
    enum.Enum,
    np.generic,
    np.dtype,
    torch.dtype,
    torch.device,
    torch.Size,
    torch.layout,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.ModuleType,
)
"""Types of values that cannot change in place."""
_HOOKS = tuple(
    name for name, value in vars(nn.Module()).items() if "ward" in name and isinstance(value, dict)
)
"""Tables of hooks that run before and behind a forward and on the way back."""
Sequence = list[Any] | collections.deque[Any] | bytearray  # Any: whatever a network keeps


class SavedValue(Protocol):
    """One thing as it was."""

    def put_back(self) -> list[str]:
        """Put it back where it differs, and return the names of what did.

        Repeating it changes nothing.
        """
        ...


class SavedTable:
    """A dict, or the attributes of an object: which objects are in it.

    Args:
        live: the dict itself, ``vars(object)`` for attributes.
        name: how a change is named; names of the keys when it ends in a dot or is empty.
        without: keys that are not looked at.
    """

    def __init__(self, live: dict[Any, Any], name: str, without: Iterable[str] = ()) -> None:
        self._live, self._name, self._without = live, name, frozenset(without)
        self._before = self._now()

    def _now(self) -> dict[Any, Any]:
        return {key: value for key, value in self._live.items() if key not in self._without}

    def put_back(self) -> list[str]:
        now = self._now()
        added = [key for key in now if key not in self._before]
        other = [key for key, value in self._before.items() if now.get(key, self) is not value]
        if [*now] != [*self._before] and not self._without:  # also the order of keys says something
            self._live.clear()
            self._live.update(self._before)
        for key in added:
            self._live.pop(key, None)
        for key in other:
            self._live[key] = self._before[key]
        told = [key for key in other if not _equal_scalars(now.get(key, self), self._before[key])]
        return [self._named(key) for key in added + told]

    def _named(self, key: object) -> str:
        return f"{self._name}{key}" if not self._name or self._name.endswith(".") else self._name


class SavedHooks:
    """The hooks on a module.

    Networks of `transformers` put their own there when they first run, and note in an attribute
    that they did: the attribute and the hooks go back together.
    """

    def __init__(self, module: nn.Module, name: str) -> None:
        own = vars(module)
        self._name = name
        self._tables = [(own[key], dict(own[key])) for key in _HOOKS if key in own]

    def put_back(self) -> list[str]:
        changed = [(live, before) for live, before in self._tables if [*live] != [*before]]
        for live, before in changed:
            live.clear()
            live.update(before)
        return [self._name] if changed else []


class SavedSequence:
    """A list, deque or bytearray: which objects are in it, in which order."""

    def __init__(self, live: Sequence, name: str) -> None:
        self._live, self._name, self._before = live, name, list(live)

    def put_back(self) -> list[str]:
        same = len(self._live) == len(self._before)
        if same and all(a is b for a, b in zip(self._live, self._before, strict=True)):
            return []
        self._live.clear()
        self._live.extend(self._before)
        return [self._name]


class SavedSet:
    """A set: what is in it."""

    def __init__(self, live: set[Any], name: str) -> None:
        self._live, self._name, self._before = live, name, set(live)

    def put_back(self) -> list[str]:
        if self._live == self._before:
            return []
        self._live.clear()
        self._live.update(self._before)
        return [self._name]


class SavedTensor:
    """A tensor: its storage and its values.

    By value, for batch normalisation moves its statistics without a new version number. What was
    written into counts as changed, whatever was written.
    """

    def __init__(self, live: Tensor, name: str) -> None:
        self._live, self._name = live, name
        self._alias = live.detach()  # the same storage
        self._copy, self._version = self._alias.clone(), version_of(live)

    def put_back(self) -> list[str]:
        moved = not same_storage(self._live, self._alias)
        if moved:
            self._live.data = self._alias
        differs = not torch.equal(self._alias, self._copy)
        if differs:
            self._alias.data.copy_(
                self._copy
            )  # .data: a graph that uses it must not see a new version
        written = version_of(self._live) != self._version  # next time it may be other values
        return [self._name] if moved or differs or written else []


class SavedSlots:
    """The attributes of an object that has no ``__dict__``: which objects are in them.

    Args:
        live: the object.
        name: how a change is named.
    """

    def __init__(self, live: object, name: str) -> None:
        self._live, self._name, self._before = live, name, slots_of(live)

    def put_back(self) -> list[str]:
        now = slots_of(self._live)
        other = [
            key
            for key in {**now, **self._before}
            if now.get(key, self) is not self._before.get(key, self)
        ]
        for key in other:
            if key in self._before:
                object.__setattr__(self._live, key, self._before[key])  # frozen ones too
            else:
                object.__delattr__(self._live, key)
        return [self._name] if other else []


class SavedArray:
    """A numpy array: its values."""

    def __init__(self, live: Array, name: str) -> None:
        self._live, self._name, self._copy = live, name, live.copy()

    def put_back(self) -> list[str]:
        if self._live.tobytes() == self._copy.tobytes():
            return []
        self._live[...] = self._copy
        return [self._name]


def slots_of(value: object) -> dict[str, Any]:  # Any: whatever a network keeps
    """What the ``__slots__`` of an object hold, by name; those that are empty are left out."""
    names: list[str] = []
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    own = [name for name in names if name not in ("__dict__", "__weakref__")]
    return {name: getattr(value, name) for name in own if hasattr(value, name)}


def version_of(tensor: Tensor) -> int:
    """Return how often a tensor was written into; 0 where nobody counts."""
    return 0 if tensor.is_inference() else tensor._version


def can_be_copied(tensor: Tensor) -> bool:
    """Whether a tensor is its numbers and nothing else.

    Dense, no subclass that knows more, with values.
    """
    plain = type(tensor) in (Tensor, nn.Parameter, nn.Buffer)
    return plain and tensor.layout == torch.strided and not (tensor.is_meta or tensor.is_nested)


def same_storage(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors show the same values in memory."""
    same = a.dtype == b.dtype and a.device == b.device and a.shape == b.shape
    return same and a.data_ptr() == b.data_ptr() and a.stride() == b.stride()


def _equal_scalars(a: object, b: object) -> bool:
    return isinstance(a, (int, float, str)) and type(a) is type(b) and a == b
