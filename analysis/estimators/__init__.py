"""Estimators of mutual information in bits: one family per file.

Their classes load on first use, so that reading a table imports nothing heavy.
"""

from __future__ import annotations

from typing import Any

from infoplane.analysis.estimators.spec import FAMILIES, catalogue, load, parse

_TARGETS = {target.partition(":")[2]: target for target in FAMILIES.values()}

__all__ = [*_TARGETS, "catalogue", "parse"]


def __getattr__(name: str) -> Any:  # Any: every public name passes here
    if name not in _TARGETS:
        raise AttributeError(f"no estimator {name!r}; there are {sorted(_TARGETS)}")
    value = load(_TARGETS[name])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
