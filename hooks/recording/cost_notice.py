"""What captures will cost, said before them: bytes and time."""

from __future__ import annotations

import shutil
from pathlib import Path

from infoplane.display.progress import duration
from infoplane.display.sizes import size_text
from infoplane.errors import BudgetExceeded
from infoplane.hooks.options import Options
from infoplane.user_warning import warn_user

_LEAST_SECONDS = 1.0
"""A capture that is faster is not spoken of."""
_LESS = "take fewer steps, fewer layers, fewer probe rows, or reduce= (gap, sample:k, pca:k)"


def check_budget(bytes_per_capture: int, options: Options) -> None:
    """Refuse a schedule beyond ``max_bytes``, and warn of one beyond the disk.

    Raises:
        BudgetExceeded: with what to take less of.
    """
    count = options.schedule.count() or 1
    need = bytes_per_capture * count
    takes = f"{count} captures of {size_text(bytes_per_capture)} take {size_text(need)}"
    most = options.max_bytes
    if most is not None and need > most:
        raise BudgetExceeded(f"{takes}, more than max_bytes={size_text(most)}; {_LESS}")
    free = _free_bytes(options.to)
    if options.store == "activations" and need > free:
        warn_user(f"{takes}, and {options.to} has {size_text(free)} free; {_LESS}", RuntimeWarning)


def _free_bytes(folder: Path) -> int:
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


def expected_time(seconds: float, captures: int | None) -> str:
    """Return what captures will take; empty where it is short.

    Args:
        seconds: that one pass of the probe takes, judged by a few rows; batches are faster.
        captures: how many are scheduled; None for an endless schedule.
    """
    if seconds < _LEAST_SECONDS:
        return ""
    whole = f", {duration(seconds * captures)} in all" if captures and captures > 1 else ""
    return (
        f"time: at most about {duration(seconds)} per capture{whole} (judged by a few rows), "
        "the interchange test not counted"
    )


def measured_time(seconds: float, captures: int | None) -> str:
    """Return what all captures will take, known from the first; empty where it is short.

    Args:
        seconds: that the first capture took.
        captures: how many are scheduled; None for an endless schedule.
    """
    if seconds < _LEAST_SECONDS:
        return ""
    first = f"time: the first capture took {duration(seconds)}"
    if not captures or captures < 2:
        return first
    return f"{first}; all {captures} take about {duration(seconds * captures)}"
