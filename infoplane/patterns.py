"""Names by pattern: ``*`` matches any letters but dots, ``**`` also dots; likely names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from functools import lru_cache

from infoplane.errors import InputError


def fits(name: str, pattern: str) -> bool:
    """Return whether a dotted name matches a pattern.

    Example:
        >>> pairs = ("h.0", "h.*"), ("h.0.mlp", "h.*"), ("h.0.mlp", "h.**"), ("fc1", "fc[12]")
        >>> tuple(fits(name, pattern) for name, pattern in pairs)
        (True, False, True, True)
    """
    return _compiled(pattern).fullmatch(name) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = []
    for token in re.findall(r"\*\*|\*|\?|\[[^\]]+\]|.", pattern, flags=re.DOTALL):
        if token == "**":
            parts.append(".*")
        elif token == "*":
            parts.append(r"[^.]*")
        elif token == "?":
            parts.append(r"[^.]")
        elif token.startswith("[") and len(token) > 1:
            inside = token[1:-1].replace("\\", r"\\")
            if inside.startswith("!"):
                inside = f"^{inside[1:]}"
            parts.append(f"[{inside}]")
        else:
            parts.append(re.escape(token))
    return re.compile("".join(parts), flags=re.DOTALL)


def plain_name(layer: str) -> str:
    """Return a layer's name without its call and its end.

    Example:
        >>> plain_name("rnn#1:input")
        'rnn'
    """
    return layer.partition(":")[0].partition("#")[0]


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return ``; did you mean 'x'?`` for the known name that is most like this one, or nothing.

    Example:
        >>> did_you_mean("atc1", ["act1", "fc2"])
        "; did you mean 'act1'?"
    """
    like = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {like[0]!r}?" if like else ""


def names_like(patterns: Sequence[str] | None, known: Sequence[str]) -> list[str] | None:
    """Return the known names, in their order, that match a name or pattern; None for all.

    Args:
        patterns: names and patterns; None or empty for every name.
        known: all names.

    Raises:
        InputError: a pattern that no name has, with the one that was perhaps meant.

    Example:
        >>> names_like(["fc*"], ["fc1", "act1", "fc2"])
        ['fc1', 'fc2']
    """
    if not patterns:
        return None
    matched: set[str] = set()
    for pattern in patterns:
        found = {name for name in known if name == pattern or fits(name, pattern)}
        if not found:
            raise InputError(
                f"no such layer: {pattern!r}; there are {_few(known)}{did_you_mean(pattern, known)}"
            )
        matched |= found
    return [name for name in known if name in matched]


def _few(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
