"""Options held to the types that are declared for them: a mistyped one says what was expected."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from numbers import Integral, Real
from os import PathLike
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import torch

from infoplane.errors import InputError

_NUMBERS: dict[object, type] = {int: Integral, float: Real}
_WORDS: dict[object, str] = {
    NoneType: "None",
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Callable: "a function",
    Mapping: "a mapping",
    Sequence: "a list",
    torch.dtype: "a dtype of torch",
    PathLike: "a path",
}


def check_options(options: object, without: Collection[str] = ()) -> None:
    """Hold every attribute of an object to the type that its class declares.

    Args:
        options: the object.
        without: names that are not looked at.

    Raises:
        InputError: one has another type; it says which, and what was expected.
    """
    for name, declared in get_type_hints(type(options)).items():
        if name not in without:
            check_option(name, getattr(options, name), declared)


def check_option(name: str, value: object, declared: object) -> None:
    """Hold one option to its declared type.

    Args:
        name: of the option, for the message.
        value: as it was given.
        declared: its type; parts that cannot be looked at, such as arrays, let every value pass.

    Raises:
        InputError: it has another type.
    """
    kinds = _alternatives(declared)
    if _fits_one(value, kinds):
        return
    if all(get_origin(kind) is Literal or kind is NoneType for kind in kinds):
        choices = tuple(chain.from_iterable(get_args(kind) or (None,) for kind in kinds))
        raise InputError(f"{name} must be one of {choices}, got {value!r}")
    hint = f"; did you mean {value.__name__}()?" if isinstance(value, type) else ""
    expected = " or ".join(map(_described, kinds))
    raise InputError(f"{name} must be {expected}, got {value!r} ({type(value).__name__}){hint}")


def _alternatives(declared: object) -> list[object]:
    """The members of a union, in order; a type that is none is its only member."""
    if get_origin(declared) not in (Union, UnionType):
        return [declared]
    return list(chain.from_iterable(map(_alternatives, get_args(declared))))


def _fits_one(value: object, kinds: Iterable[object]) -> bool:
    return any(_fits(value, kind) for kind in kinds)


def _fits(value: object, kind: object) -> bool:
    """Whether a value is of one kind, or nothing can be said of it."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind is bool:
        return isinstance(value, (bool, np.bool_))
    if kind in _NUMBERS:
        return isinstance(value, _NUMBERS[kind]) and not isinstance(value, bool)
    if origin is Literal:
        return any(isinstance(value, type(choice)) and value == choice for choice in parts)
    if origin is Callable:
        return callable(value) and not isinstance(value, type)
    if origin is Mapping:
        if not isinstance(value, Mapping):
            return False
        members = _alternatives(parts[1])
        return all(_fits_one(item, members) for item in value.values())
    if origin is Sequence:
        return isinstance(value, Sequence) and not isinstance(value, str)
    return not isinstance(kind, type) or origin is not None or isinstance(value, kind)


def _described(kind: Any) -> str:  # Any: a type
    """Say what a kind is in a sentence."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin is Mapping and parts[1] is not object:
        return f"a mapping of names to {' or '.join(map(_described, _alternatives(parts[1])))}"
    return _WORDS.get(origin or kind, getattr(kind, "__name__", str(kind)))
