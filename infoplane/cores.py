"""How much of the machine may be used.

Kernels use it, what a writer does beside its writing, measuring beside a training, and commands.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from typing import TypeVar

from infoplane.errors import InputError

SHARE = 0.02
"""Of one core, that measuring beside a training may use unless another share is given: less than 5
% of a training that keeps all cores busy.
"""


T = TypeVar("T")


def taken(rest: deque[T]) -> Iterator[T]:
    """Yield the items that are left, each once, whichever of several threads asks next."""
    while True:
        try:
            item = rest.popleft()
        except IndexError:
            return
        yield item


def at_hand() -> int:
    """Return cores that the system gives to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores() -> int:
    """Return ``INFOPLANE_THREADS``, ``OMP_NUM_THREADS``, all cores at hand.

    The first that says a number.

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
