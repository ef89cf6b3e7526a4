"""Tables for notebooks.

Every text from outside is escaped, shortened, and kept from turning its neighbours' direction.
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
    head = "".join(f"<th>{cell(h)}</th>" for h in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell(v)}</td>" for v in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
