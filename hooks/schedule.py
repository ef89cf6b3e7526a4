"""When to capture: schedules are frozen nouns that answer one question, `due(step)`."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral
from typing import Protocol, runtime_checkable

from infoplane.errors import InputError


@runtime_checkable
class Schedule(Protocol):
    """What a recorder asks of a schedule."""

    def due(self, step: int) -> bool:
        """Whether ``step`` is to be captured."""
        ...

    def count(self) -> int | None:
        """Return the number of captures, or None when the schedule has no end."""
        ...


@dataclass(frozen=True)
class At:
    """Capture at these steps.

    Build it with `at` or `log_spaced`; ``spec`` is what is written to the archive.
    """

    steps: tuple[int, ...]
    spec: str = ""
    _due: frozenset[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        bad = [
            step
            for step in self.steps
            if not isinstance(step, Integral) or isinstance(step, bool) or step < 0
        ]
        if bad:
            raise InputError(f"a schedule holds whole steps >= 0, got {bad[:3]}")
        object.__setattr__(self, "steps", tuple(sorted(set(map(int, self.steps)))))
        object.__setattr__(self, "_due", frozenset(self.steps))

    def due(self, step: int) -> bool:
        """Whether ``step`` is in the list."""
        return step in self._due

    def count(self) -> int | None:
        """Return the number of captures."""
        return len(self.steps)

    def __str__(self) -> str:
        return self.spec or f"at({', '.join(map(str, self.steps))})"


@dataclass(frozen=True)
class Every:
    """Capture every ``k``-th step, step 0 included."""

    k: int

    def __post_init__(self) -> None:
        if not isinstance(self.k, int) or self.k < 1:
            raise InputError(f"every(k) needs a whole k >= 1, got {self.k!r}")

    def due(self, step: int) -> bool:
        """Whether ``step`` is a multiple of ``k``."""
        return step % self.k == 0

    def count(self) -> int | None:
        """Return None: it has no end."""
        return None

    def __str__(self) -> str:
        return f"every({self.k})"


def at(*steps: int) -> At:
    """Return a schedule of exactly these steps.

    Example:
        >>> at(0, 10, 100).due(10)
        True
    """
    return At(steps)


def every(k: int) -> Every:
    """Return a schedule of every ``k``-th step.

    Example:
        >>> [s for s in range(10) if every(4).due(s)]
        [0, 4, 8]
    """
    return Every(k)


def log_spaced(last: int, n: int = 60) -> At:
    """Return about ``n`` steps from 0 to ``last``, equally spaced in log(step).

    The first steps are dense because rounding makes them coincide; the largest grid that leaves at
    most ``n`` distinct steps is taken, so small ``last`` gives every step and large ``last`` gives
    exactly ``n``, or one or two fewer.

    Raises:
        InputError: ``last`` < 1 or ``n`` < 2.

    Example:
        >>> log_spaced(1000, 8).steps
        (0, 1, 3, 10, 32, 100, 316, 1000)
    """
    if not isinstance(last, int) or not isinstance(n, int) or last < 1 or n < 2:
        raise InputError(
            f"log_spaced(last, n) needs whole numbers last >= 1 and n >= 2, got last={last!r}, "
            f"n={n!r}"
        )
    if n > last:
        return At(tuple(range(last + 1)), f"log_spaced({last}, {n})")
    best: set[int] = {0, last}
    # more grid points never give fewer distinct steps by much: bisect the largest that still fits
    low, high = n - 1, 64 * n
    while low <= high:
        middle = (low + high) // 2
        points = {0, last} | {
            round(last ** (index / max(middle - 1, 1))) for index in range(middle)
        }
        if len(points) <= n:
            best = points if len(points) >= len(best) else best
            low = middle + 1
        else:
            high = middle - 1
    return At(tuple(best), f"log_spaced({last}, {n})")
