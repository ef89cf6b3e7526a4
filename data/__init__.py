"""The tasks, each with `load`, `network` and `train`, deterministic given a seed.

`szt` (Shwartz-Ziv & Tishby's 12 bits), `digits` (scikit-learn's 8x8 images), `gaussian` (linear,
known information).
"""

from __future__ import annotations

import importlib
from types import ModuleType

_TASKS = ("digits", "gaussian", "szt")

__all__ = [*_TASKS]


def __getattr__(name: str) -> ModuleType:
    if name not in _TASKS:
        raise AttributeError(f"no task {name!r}; there are {', '.join(_TASKS)}")
    return importlib.import_module(f"infoplane.data.{name}")
