"""Names that share their start: the start is printed once, and what differs stays legible."""

from __future__ import annotations

from collections.abc import Sequence

LEAST = 6
"""Letters that a common start must have to be worth saying once."""


def fold_names(names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return words on the dotted start that all names share, empty for a short one, and the rest.

    Example:
        >>> fold_names(["transformer.h.0", "transformer.h.1"])
        ('; layers of transformer.h.', {'transformer.h.0': '.0', 'transformer.h.1': '.1'})
        >>> fold_names(["fc1", "fc2"])
        ('', {'fc1': 'fc1', 'fc2': 'fc2'})
    """
    shared = []
    for parts in zip(*(name.split(".")[:-1] for name in names), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    prefix = "".join(f"{part}." for part in shared) if len(names) > 1 else ""
    if len(prefix) < LEAST:
        return "", {name: name for name in names}
    return f"; layers of {prefix}", {name: name[len(prefix) - 1 :] for name in names}
