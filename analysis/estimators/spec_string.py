"""How an estimator writes its spec string, which `spec.parse` reads."""

from __future__ import annotations

from dataclasses import fields
from typing import Any


class SpecString:
    """An estimator whose name is its spec string, written from its parameters.

    Attributes:
        _PREFIX: of the family.
        _ALWAYS: parameters that are written even where they have their defaults.
    """

    _PREFIX = ""
    _ALWAYS: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The spec string."""
        return str(self)

    def __str__(self) -> str:
        given = []
        for field in fields(self):  # type: ignore[arg-type]  # every estimator is a dataclass
            value = getattr(self, field.name)
            if field.name in self._ALWAYS or value != field.default:
                given.append(f"{field.name}={_written(value)}")
        return self._PREFIX + (":" + ",".join(given) if given else "")


def _written(value: Any) -> str:  # Any: a parameter
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
