"""A table of layers by checkpoints that stays legible in 80 columns.

Blocks of checkpoints, the common start of names printed once.
"""

from __future__ import annotations

from collections.abc import Sequence

from infoplane.display.names import fold_names
from infoplane.display.tables import console_here
from infoplane.types import printable


def print_steps(title: str, rows: Sequence[tuple[str, str, int, str]]) -> None:
    """Print texts by layer and checkpoint.

    Args:
        title: what the numbers are.
        rows: layer, kind, step and text, in the order of the layers.
    """
    from rich.table import Table
    from rich.text import Text

    console = console_here()
    where, short = fold_names(list(dict.fromkeys(layer for layer, *_ in rows)))
    several = len({kind for _, kind, *_ in rows}) > 1
    lines: dict[str, dict[int, str]] = {}
    for layer, kind, step, text in rows:
        name = f"{short[layer]} {kind if several else ''}".strip()
        lines.setdefault(name, {})[step] = text
    console.print(Text(printable(title, 200) + where))
    for block in _blocks(lines, console.width):
        table = Table("layer")
        for step in block:
            table.add_column(Text(f"step {step}"), justify="right", no_wrap=True)
        for name, texts in lines.items():
            cells = [Text(texts.get(step, "")) for step in block]
            table.add_row(Text(printable(name)), *cells)
        console.print(table)


def _blocks(lines: dict[str, dict[int, str]], width: int) -> list[list[int]]:
    """Return the checkpoints in blocks that fit beside the names.

    Args:
        lines: texts by name and checkpoint.
        width: columns of the terminal.
    """
    room_of_block = width - min(max(map(len, lines)), width // 2) - 5
    blocks: list[list[int]] = []
    room = 0
    for step in sorted(set().union(*lines.values())):
        widths = [len(texts.get(step, "")) for texts in lines.values()]
        needed = max(len(f"step {step}"), *widths) + 3
        if not blocks or needed > room:
            blocks.append([])
            room = room_of_block
        blocks[-1].append(step)
        room -= needed
    return blocks
