"""How much an interchange test may cost: a multiple of one forward."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

FORWARDS = 24
"""Forwards of the rows x after which ``chain="auto"`` begins no further exchange."""
SECONDS = 3.0
"""Seconds that it may spend in any case: a small network is tested whole."""


@dataclass(frozen=True)
class Budget:
    """What one test may spend.

    Attributes:
        forwards: forwards of the rows x.
        seconds: a test that has run no longer than this goes on whatever it has spent.
    """

    forwards: int = FORWARDS
    seconds: float = SECONDS

    def __str__(self) -> str:
        return f"{self.forwards} forwards of the test rows"


class Spending:
    """What a test has spent of its budget.

    Args:
        budget: None for a test of every pair, whatever it costs.
        rows: the rows x of one forward.
        clock: the time in seconds.
    """

    def __init__(
        self, budget: Budget | None, rows: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.budget, self._rows, self._clock = budget, rows, clock
        self._began, self._spent = clock(), 0

    def add(self, rows: int) -> None:
        """Count a forward of so many rows."""
        self._spent += rows

    @property
    def exhausted(self) -> bool:
        """Whether no further forward fits; an exchange that was begun ends."""
        if self.budget is None or self._clock() - self._began < self.budget.seconds:
            return False
        return self._spent + self._rows > self.budget.forwards * self._rows
