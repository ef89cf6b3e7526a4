"""Text of others on one line."""

from __future__ import annotations


def printable(text: object, limit: int = 80) -> str:
    r"""Return foreign text (layer names, notes) on one line.

    No control, escape or direction-changing characters, the middle of what is too long cut out.

    Example:
        >>> printable("fc1\x1b[31m\nred"), printable("x" * 100, 9)
        ('fc1 [31m red', 'xxxx…xxxx')
    """
    shown = "".join(c if c.isprintable() else " " for c in str(text))
    if len(shown) <= limit:
        return shown
    keep = max((limit - 1) // 2, 1)
    return f"{shown[:keep]}…{shown[-keep:]}"
