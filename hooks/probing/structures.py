"""Structures that a network is called with: taken apart and put together as what they were.

A network that reads ``inputs.last_hidden_state`` needs the object that has it, and no plain dict.
"""

from __future__ import annotations

import copy
import dataclasses
import enum
import functools
import types
from collections.abc import Mapping, MutableMapping
from typing import Any

import torch

PASSED_ON_TYPES = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    range,
    slice,
    set,
    frozenset,
    enum.Enum,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    functools.partial,
    torch.dtype,
    torch.device,
    torch.layout,
    torch.memory_format,
)
"""Types of values that hold for all rows, and are passed on as they are."""


def is_structure(value: object) -> bool:
    """Whether a value consists of others: a mapping, tuple, list or dataclass."""
    holds = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return holds or isinstance(value, (Mapping, tuple, list))


def parts_of(value: Any) -> dict[Any, Any]:  # Any: a structure, its keys and values
    """Return the values that a structure consists of, by key, place or field.

    Example:
        >>> parts_of(("a", 2))
        {0: 'a', 1: 2}
    """
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (tuple, list)):
        return dict(enumerate(value))
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def rebuilt(value: Any, parts: dict[Any, Any]) -> Any:  # Any: a structure, its keys and values
    """Return a structure of the kind of ``value`` that consists of ``parts``.

    Example:
        >>> rebuilt(("a", 2), {0: "b", 1: 3})
        ('b', 3)
    """
    if isinstance(value, (tuple, list)):  # a named tuple takes its fields one by one
        make = getattr(value, "_make", type(value))
        return make(parts.values())
    if type(value) is dict or (
        isinstance(value, Mapping) and not isinstance(value, MutableMapping)
    ):
        return dict(parts)
    made = copy.copy(value)
    for key, part in parts.items():
        if isinstance(value, Mapping):
            made[key] = part
        else:
            object.__setattr__(made, key, part)  # of frozen dataclasses too
    return made
