"""A table of layers by checkpoints that stays legible in 80 columns.

Blocks of checkpoints, the common start of names said once.
"""

from __future__ import annotations

from collections.abc import Sequence

from infoplane.display.names import fold_names
from infoplane.display.tables import console_here
from infoplane.types import printable

Row = tuple[str, str, int, str]
"""Layer, which of its numbers, step, text."""


def say_steps(title: str, rows: Sequence[Row]) -> None:
    """Print texts by layer and checkpoint.

    Args:
        title: what the numbers are.
        rows: layer, kind, step and text, in the order of the layers.
    """
    from rich.table import Table
    from rich.text import Text

    console = console_here()
    prefix, short = fold_names(list(dict.fromkeys(row[0] for row in rows)))
    several = len({row[1] for row in rows}) > 1
    lines: dict[tuple[str, str], dict[int, str]] = {}
    for layer, kind, step, text in rows:
        lines.setdefault((layer, kind if several else ""), {})[step] = text
    steps = sorted({row[2] for row in rows})
    names = [" ".join((short[layer], kind)).strip() for layer, kind in lines]
    head = printable(title, 200) + (f"; layers of {prefix}" if prefix else "")
    console.print(Text(head))
    for block in _blocks(steps, lines, max(map(len, names)), console.width):
        table = Table("layer")
        for step in block:
            table.add_column(Text(f"step {step}"), justify="right", no_wrap=True)
        for name, texts in zip(names, lines.values(), strict=True):
            table.add_row(Text(printable(name)), *(Text(texts.get(step, "")) for step in block))
        console.print(table)


def _blocks(
    steps: Sequence[int],
    lines: dict[tuple[str, str], dict[int, str]],
    name_width: int,
    width: int,
) -> list[list[int]]:
    """Return the checkpoints in blocks that fit beside the names."""
    blocks: list[list[int]] = []
    room = 0
    for step in steps:
        texts = [len(line.get(step, "")) for line in lines.values()]
        needed = max(len(f"step {step}"), *texts) + 3
        if not blocks or needed > room:
            blocks.append([])
            room = width - min(name_width, width // 2) - 5
        blocks[-1].append(step)
        room -= needed
    return blocks
