"""What a module holds beside its parameters and buffers, followed value by value."""

from __future__ import annotations

import collections
from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from infoplane.hooks.network.saved_values import (
    IMMUTABLE_TYPES,
    SavedArray,
    SavedHooks,
    SavedSequence,
    SavedSet,
    SavedSlots,
    SavedTable,
    SavedTensor,
    SavedValue,
    can_be_copied,
    slots_of,
    version_of,
)
from infoplane.hooks.network.streams import STREAMS, SavedStream

MOST_VALUES = 2000
"""Values of one object that are followed: what holds more is part of the program around the
network.
"""
_OF_TORCH = frozenset(vars(nn.Module()))


class Holdings:
    """What one module holds, or one object in it.

    Args:
        seen: ids of what is remembered already.
        room: bytes that may still be copied.
        written: names of what is copied whatever its size.
        strict: whether a value of an unknown kind means that the object is no plain data.

    Attributes:
        plain: whether everything met so far is plain data.
    """

    def __init__(
        self, seen: set[int], room: int, written: Collection[str], *, strict: bool = False
    ) -> None:
        self.seen, self.room, self._written, self._strict = seen, room, written, strict
        self.things: list[SavedValue] = []
        self.watched: list[tuple[str, Tensor, int]] = []
        self.plain = True
        self._values = 0

    def module(self, prefix: str, module: nn.Module) -> None:
        """The attributes of a module, and which parameters, buffers and submodules it has."""
        own = vars(module)
        self.things.append(SavedTable(own, prefix, without=_OF_TORCH))
        tables: list[dict[str, Any]] = [module._buffers, module._modules]
        if all(
            parameter is None or parameter.is_meta or can_be_copied(parameter)
            for parameter in module._parameters.values()
        ):
            tables.append(module._parameters)  # sharded ones are exchanged by their owner
        for table in tables:
            self.things.append(SavedTable(table, prefix))
        self.things.append(SavedHooks(module, f"{prefix}hooks"))
        for name, value in own.items():
            if name not in _OF_TORCH:
                self.value(prefix + name, value)

    def value(self, name: str, value: Any) -> None:  # Any: whatever a network keeps
        """One value of an attribute, and what it holds."""
        if isinstance(value, IMMUTABLE_TYPES) or id(value) in self.seen or not self.plain:
            return
        self._values += 1
        if self._strict and self._values > MOST_VALUES:
            self.plain = False
        elif isinstance(value, Tensor):
            self._tensor(name, value)
        elif isinstance(value, np.ndarray):
            self._array(name, value)
        elif isinstance(value, STREAMS):
            self._add(value, SavedStream(value, name))
        elif isinstance(value, (list, collections.deque, bytearray)):
            self._add(value, SavedSequence(value, name))
            self._each(name, list(value))
        elif isinstance(value, dict):
            self._add(value, SavedTable(value, name))
            self._each(name, list(value.values()))
        elif isinstance(value, set):
            self._add(value, SavedSet(value, name))
        elif isinstance(value, tuple):
            self._each(name, list(value))
        elif isinstance(value, nn.Module) and not self._strict:
            self._unlisted(name, value)
        elif _may_be_plain(value):
            self._object(name, value)
        else:
            self.plain = not self._strict

    def _unlisted(self, name: str, module: nn.Module) -> None:
        """A module that none has among its own: a teacher in a list, so that nothing trains it."""
        for path, inner in module.named_modules():
            if id(inner) in self.seen or keeps_state_elsewhere(inner):
                continue
            self.seen.add(id(inner))
            prefix = f"{name}.{path}." if path else f"{name}."
            for key, tensor in [*inner._parameters.items(), *inner._buffers.items()]:
                self.value(prefix + key, tensor)
            self.module(prefix, inner)

    def _each(self, name: str, values: list[Any]) -> None:
        for value in values:
            self.value(name, value)

    def _add(self, value: object, thing: SavedValue) -> None:
        self.seen.add(id(value))
        self.things.append(thing)

    def _tensor(self, name: str, tensor: Tensor) -> None:
        if not can_be_copied(tensor):
            return
        if self._copied(name, tensor.nbytes):
            self._add(tensor, SavedTensor(tensor, name))
        else:
            self.watched.append((name, tensor, version_of(tensor)))

    def _array(self, name: str, array: np.ndarray[Any, Any]) -> None:
        if not array.dtype.hasobject and self._copied(name, array.nbytes):
            self._add(array, SavedArray(array, name))

    def _copied(self, name: str, size: int) -> bool:
        if name in self._written:
            return True
        fits = size <= self.room
        self.room -= size if fits else 0
        return fits

    def _object(self, name: str, value: object) -> None:
        """An object is followed as a whole or not at all."""
        inner = Holdings(self.seen | {id(value)}, self.room, self._written, strict=True)
        slots = slots_of(value)
        inner._add(value, SavedSlots(value, name))
        own = vars(value) if hasattr(value, "__dict__") else {}
        if own:
            inner._add(own, SavedTable(own, name))
        inner._each(name, [*slots.values(), *own.values()])
        if inner.plain:
            self.seen |= inner.seen
            self.things += inner.things
            self.watched += inner.watched
            self.room = inner.room
        else:
            self.seen.add(id(value))
            self.plain = not self._strict


def keeps_state_elsewhere(module: nn.Module) -> bool:
    """Whether a module keeps state that is no attribute of it.

    Wrappers of torch.distributed keep an exchange between processes, scripted modules their
    attributes in C++.
    """
    of_exchange = type(module).__module__.startswith("torch.distributed")
    return of_exchange or isinstance(module, torch.jit.ScriptModule)


def _may_be_plain(value: object) -> bool:
    kind = type(value)
    if kind.__module__.partition(".")[0] == "torch" or isinstance(value, nn.Module):
        return False
    return hasattr(value, "__dict__") or any("__slots__" in vars(base) for base in kind.__mro__)
