"""Pictures that commands write in addition to their tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infoplane.display.terminal import say


def write(figure: Any, path: Path) -> None:  # Any: a matplotlib figure
    """Write a figure and print its path."""
    from infoplane.analysis.plot.save import write_figure

    say(write_figure(figure, path))
