"""Every spec that the registry can name: each family, and each of its options by itself."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.spec import families
from infoplane.errors import SpecError

SMALL = {"epochs": 2, "seeds": 1, "batch": 16, "hidden": 4, "slices": 8, "draws": 2}
"""Sizes at which networks and slices are quick; a law holds at any size."""
REQUIRED = {"kde": ("relative=0.3", "variance=0.5")}
"""Parameters without which a family is refused."""


def every_spec() -> list[str]:
    """Return the specs of every family: as it is, and with one option changed."""
    found: list[str] = []
    for prefix, cls in families().items():
        known = {f.name: f for f in fields(cls) if f.init and f.repr}
        small = [f"{name}={value}" for name, value in SMALL.items() if name in known]
        hints = get_type_hints(cls)
        changes = [
            f"{name}={_text(value)}"
            for name, field in known.items()
            for value in _other_values(hints[name], field)
        ]
        for required in REQUIRED.get(prefix, ("",)):
            base = [required, *small] if required else small
            found += filter(_is_a_spec, (_spec(prefix, [*base, c]) for c in ("", *changes)))
    return found


def _spec(prefix: str, options: list[str]) -> str:
    return ":".join(filter(None, (prefix, ",".join(filter(None, options)))))


def _other_values(hint: Any, field: Field[Any]) -> list[Any]:  # Any: values of an option
    """Return the values of a closed choice other than its default."""
    values: list[Any] = []
    for part in (hint, *get_args(hint)):
        if get_origin(part) is Literal:
            values += get_args(part)
        if part is bool:
            values += [True, False]
    default = None if field.default is MISSING else field.default
    return [value for value in values if value != default]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_a_spec(spec: str) -> bool:
    try:
        parse(spec)
    except SpecError:
        return False
    return True
