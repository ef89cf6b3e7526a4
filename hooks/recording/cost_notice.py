"""What a capture will cost and can show, said before it: time, and layers too wide."""

from __future__ import annotations

from collections.abc import Sequence

from infoplane.display.progress import duration
from infoplane.display.saturation import saturation_sentence
from infoplane.types import LayerInfo

_LEAST_SECONDS = 1.0
"""A capture that is faster is not spoken of."""


def outlook(
    infos: Sequence[LayerInfo], rows: int, seconds: float, captures: int | None
) -> tuple[str, ...]:
    """Return sentences for the user, printed below the table of layers.

    Args:
        infos: the layer table.
        rows: stored rows per capture.
        seconds: that one pass of the probe takes, judged by a few rows.
        captures: how many are scheduled; None for an endless schedule.
    """
    said = [_time(seconds, captures), saturation_sentence(infos, rows)]
    return tuple(text for text in said if text)


def _time(seconds: float, captures: int | None) -> str:
    if seconds < _LEAST_SECONDS:
        return ""
    whole = f", {duration(seconds * captures)} in all" if captures and captures > 1 else ""
    return f"time: about {duration(seconds)} per capture{whole}, beside the interchange test"
