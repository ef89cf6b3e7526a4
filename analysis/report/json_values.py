"""Values that a page takes as JSON."""

from __future__ import annotations

import math
from typing import Any


def number(value: float | None, digits: int = 6) -> float | None:
    """Return a number with so many significant digits, None for what JSON lacks: NaN, infinity."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def numbers(values: Any, digits: int = 6) -> list[float | None]:  # Any: an array or a sequence
    """Return `number` of every value."""
    return [number(value, digits) for value in values]
