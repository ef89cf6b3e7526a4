"""The bank: cases to tune on, and others kept aside to judge by."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch

from infoplane.analysis.calibrate import (
    continuous_cases,
    discrete_cases,
    label_cases,
    network_cases,
)
from infoplane.analysis.calibrate.case import FAMILIES, Case
from infoplane.errors import InputError

_MODULES = (discrete_cases, continuous_cases, label_cases, network_cases)


def _sorted(cases: Sequence[Case]) -> tuple[Case, ...]:
    return tuple(sorted(cases, key=lambda c: FAMILIES.index(c.family)))


CASES: tuple[Case, ...] = _sorted([case for module in _MODULES for case in module.CASES])
"""The bank that our own tuning may look at."""

JUDGES: tuple[Case, ...] = _sorted([case for module in _MODULES for case in module.JUDGES])
"""Cases of the same families that no parameter was ever chosen on."""


def choose(names: Sequence[str] | None = None, *, judges: bool = False) -> tuple[Case, ...]:
    """Cases by family, name or glob, from the bank or from the judges; all of them by default.

    Raises:
        InputError: a name that fits no case.

    Example:
        >>> [c.name for c in choose(["binary*"])]
        ['binary symmetric channel, flip 0.1']
    """
    pool = JUDGES if judges else CASES
    if not names:
        return pool
    chosen: dict[str, Case] = {}
    for name in names:
        found = {c.name: c for c in pool if name in (c.family, c.name) or fnmatch(c.name, name)}
        if not found:
            raise InputError(
                f"no such case or family: {name!r}; families are {', '.join(FAMILIES)}; see `infoplane calibrate --list`"
            )
        chosen |= found
    return tuple(c for c in pool if c.name in chosen)
