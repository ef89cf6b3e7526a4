"""Text of others on one line."""

from __future__ import annotations


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
