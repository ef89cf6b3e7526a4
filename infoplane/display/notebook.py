"""Tables for notebooks.

Every text from outside is escaped, shortened, and isolated from the writing direction around it.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from infoplane.types import printable


def cell(text: object, limit: int = 80) -> str:
    """``text`` as the content of a table cell.

    Example:
        >>> cell("<b>1")
        '<bdi>&lt;b&gt;1</bdi>'
    """
    return f"<bdi>{html.escape(printable(text, limit))}</bdi>"


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return an HTML table of text; every cell through `cell`."""
    body = "".join(_row("td", row) for row in rows)
    return f"<table><thead>{_row('th', heads)}</thead><tbody>{body}</tbody></table>"


def _row(tag: str, texts: Sequence[object]) -> str:
    cells = "".join(f"<{tag}>{cell(text)}</{tag}>" for text in texts)
    return f"<tr>{cells}</tr>"
