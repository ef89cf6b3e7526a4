"""Capture: attaches to a live model and copies activations into an archive.

It computes no information quantity.

Names are loaded on first use, so that schedules and the command line need no torch.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "CaptureOptions": "infoplane.hooks.options",
    "Recorder": "infoplane.hooks.recorder",
    "Schedule": "infoplane.hooks.schedule",
    "at": "infoplane.hooks.schedule",
    "every": "infoplane.hooks.schedule",
    "interchange": "infoplane.hooks.chain",
    "log_spaced": "infoplane.hooks.schedule",
    "reduction": "infoplane.hooks.reduce",
    "replay": "infoplane.hooks.replay",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:  # Any: every public name passes here
    if name not in _PUBLIC:
        raise AttributeError(
            f"module 'infoplane.hooks' has no attribute {name!r}; public names: {sorted(__all__)}"
        )
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
