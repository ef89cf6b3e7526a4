"""The one way in which text reaches the terminal: without control characters."""

from __future__ import annotations

import sys
from typing import TextIO

from infoplane.errors import visible


def say(*texts: object, file: TextIO | None = None, flush: bool = False) -> None:
    r"""Print texts without any control character but the ends of their lines.

    Layer names, file names and messages may come from a stranger. An escape sequence in them would
    move the cursor, set the title or fill the clipboard of its reader.

    Example:
        >>> say("fc1\x1b]0;title\x07", "of 2")
        fc1 ]0;title  of 2
    """
    print(visible(" ".join(map(str, texts))), file=file or sys.stdout, flush=flush)
