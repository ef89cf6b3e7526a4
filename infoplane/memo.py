"""The one cache in memory: values derived from an object, for as long as the object lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

_memo: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()  # Any: of any owner and kind


def remembered(owner: object, what: str, make: Callable[[], T]) -> T:
    """Return ``make()``, called once for an owner; the value goes when the owner goes.

    Args:
        owner: a frozen object that is compared by identity, such as a `Variable` or an `Archive`.
        what: names the value among those of the owner; the owner and this name are its key.
        make: computes the value.

    Example:
        >>> from infoplane.types import discrete
        >>> labels = discrete([1, 2, 1])
        >>> remembered(labels, "rows", lambda: labels.n), remembered(labels, "rows", lambda: 0)
        (3, 3)
    """
    known = _memo.setdefault(owner, {})
    if what not in known:
        known[what] = make()
    return known[what]
