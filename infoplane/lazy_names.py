"""Public names of a package that are loaded on first use, so that importing it costs nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(
    package: str, names: Mapping[str, str], modules: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: its name.
        names: public name to the module that defines it.
        modules: public name to the module that it stands for.

    Example:
        >>> get, names = lazy_names("infoplane.lazy_names", {"sqrt": "math"})
        >>> get("sqrt")(9.0)
        3.0
    """
    stand_for = modules or {}

    def get(name: str) -> Any:  # Any: every public name passes here
        if name in names:
            value = getattr(importlib.import_module(names[name]), name)
        elif name in stand_for:
            value = importlib.import_module(stand_for[name])
        else:
            public = sorted([*names, *stand_for])
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}; public names: {public}"
            )
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names, *stand_for})

    return get, listed
