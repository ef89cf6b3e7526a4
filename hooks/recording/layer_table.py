"""The table of chosen layers that is printed when a recorder attaches."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from infoplane.display.sizes import size_text
from infoplane.types import LayerInfo

_WORDS = ("infoplane:", "note:", "saturation:", "time:")
"""How lines of words begin; other lines are a table."""


def layer_table(infos: Sequence[LayerInfo], reasons: Mapping[str, str], rows: int) -> list[str]:
    """Return one line for the heads and one for every layer.

    A column without a text is left out, and a dtype that all layers have is named once.

    Args:
        infos: the layers.
        reasons: why a layer was chosen, by name.
        rows: stored rows per capture.
    """
    dtypes = {info.store_dtype for info in infos}
    shape = f"shape, {next(iter(dtypes))}" if len(dtypes) == 1 else "shape"
    columns: dict[str, list[str]] = {
        "layer": [info.name for info in infos],
        "class": [info.cls for info in infos],
        shape: ["x".join(map(str, info.shape)) or "scalar" for info in infos],
        "dtype": [info.store_dtype if len(dtypes) > 1 else "" for info in infos],
        "bytes": [size_text(info.bytes_per_row * rows) for info in infos],
        "reduced by": ["" if info.reduction == "none" else info.reduction for info in infos],
        "taken as": [  # without the class, which has a column of its own
            reasons.get(info.name, "").removesuffix(f" ({info.cls})") for info in infos
        ],
    }
    lines = [" "] * (len(infos) + 1)
    for head, texts in columns.items():
        if not any(texts):
            continue
        cells = [head, *texts]
        width = max(map(len, cells))
        for place, cell in enumerate(cells):
            padded = cell.rjust(width) if head == "bytes" else cell.ljust(width)
            lines[place] += f" {padded} "
    return [line.rstrip() for line in lines]


def wrapped(text: str, width: int) -> str:
    """Return a text whose long lines of words go on below themselves, indented.

    Args:
        text: lines; those of the table are left as they are.
        width: letters of a line.
    """
    lines = []
    for line in text.splitlines():
        if len(line) <= width or not line.lstrip().startswith(_WORDS):
            lines.append(line)
            continue
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        lines += textwrap.wrap(
            line,
            width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)
