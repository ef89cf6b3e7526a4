"""The live page of a running training.

A small read-only server on this machine, and the run it follows.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "RunSource": "infoplane.analysis.live.follow",
    "measure_beside": "infoplane.analysis.live.follow",
    "application": "infoplane.analysis.live.server",
    "serve": "infoplane.analysis.live.server",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:  # Any: every public name passes here
    if name not in _PUBLIC:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; public names: {sorted(__all__)}"
        )
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
