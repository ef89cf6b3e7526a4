"""Text of others on one line."""

from __future__ import annotations

from collections.abc import Sequence


def counted(n: int, noun: str) -> str:
    """Return a number with its noun.

    Example:
        >>> counted(1, "step"), counted(12, "layer")
        ('1 step', '12 layers')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def named_layers(names: Sequence[str]) -> str:
    """Return names of layers after the word that says what they are: a layer may be called 1.

    Example:
        >>> named_layers(["1"]), named_layers(["fc1", "fc2"])
        ('layer 1', 'layers fc1, fc2')
    """
    return f"{'layer' if len(names) == 1 else 'layers'} {', '.join(names)}"


def printable(text: object, limit: int = 80) -> str:
    r"""Return foreign text (layer names, notes) on one line, without control characters.

    The middle of a long text is left out.

    Example:
        >>> printable("fc1\x1b[31m\nred"), printable("x" * 100, 9)
        ('fc1 [31m red', 'xxxx…xxxx')
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in str(text))
    if len(shown) <= limit:
        return shown
    keep = max((limit - 1) // 2, 1)
    return f"{shown[:keep]}…{shown[-keep:]}"
