"""How an estimator writes its spec string, which `spec.parse` reads."""

from __future__ import annotations

from dataclasses import fields
from typing import Any


class SpecString:
    """An estimator whose name is its spec string, written from its parameters.

    Attributes:
        _PREFIX: of the family.
        _ALWAYS: parameters that are written even where they have their defaults.
        _AXIS: text of an axis, with ``pair`` (X;Z or Z;Y), ``n`` and ``self``.
    """

    _PREFIX = ""
    _ALWAYS: tuple[str, ...] = ()
    _AXIS = "I({pair}) [bits], {self}, N={n}"

    @property
    def name(self) -> str:
        """The spec string."""
        return str(self)

    def axis_label(self, quantity: str, n: int) -> str:
        """Return the text of an axis, e.g. ``I(Z;Y) [bits], KSG k=5, N=4096``."""
        pair = "Z;Y" if quantity == "i_zy" else "X;Z"
        return self._AXIS.format(self=self, pair=pair, n=n)

    def __str__(self) -> str:
        given = []
        for field in fields(self):  # type: ignore[arg-type]  # every estimator is a dataclass
            value = getattr(self, field.name)
            if field.name in self._ALWAYS or value != field.default:
                given.append(f"{field.name}={written(value)}")
        return self._PREFIX + (":" + ",".join(given) if given else "")


def written(value: Any) -> str:  # Any: a parameter
    """Return a parameter as `spec.parse` reads it back, numbers with all digits that they need."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
