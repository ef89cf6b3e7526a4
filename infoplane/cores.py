"""How many cores kernels, writers, measuring during a training, and commands may use."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from typing import TypeVar

from infoplane.errors import InputError

SHARE = 0.02
"""Share of one core that measuring during a training may use: less than 5 % of a training that
uses all cores.
"""


T = TypeVar("T")


def taken(rest: deque[T]) -> Iterator[T]:
    """Yield the items that are left; several threads may take from them, each item once."""
    while True:
        try:
            item = rest.popleft()
        except IndexError:
            return
        yield item


def at_hand() -> int:
    """Return how many cores the system gives to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores() -> int:
    """Return ``INFOPLANE_THREADS``, else ``OMP_NUM_THREADS``, else `at_hand`.

    Raises:
        InputError: ``INFOPLANE_THREADS`` is no positive number.
    """
    for name in ("INFOPLANE_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").partition(",")[0].strip()
        if text.isdigit() and int(text) > 0:
            return int(text)
        if text and name == "INFOPLANE_THREADS":
            raise InputError(f"INFOPLANE_THREADS: expected a positive number, got {text!r}")
    return at_hand()
