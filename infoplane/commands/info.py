"""`infoplane info`: what a run holds."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from infoplane.commands.options import Subject
from infoplane.display.sizes import size_text
from infoplane.display.terminal import say

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from infoplane.archive import Archive
    from infoplane.types import Chain, LayerInfo

MOST_CHARACTERS = 2000
"""Of one line; a foreign file may hold any text."""
BORDER = 3
"""Characters between two columns of a table."""
LEAST_NAME = 20
"""Characters that a name of a layer keeps; in narrower terminals the other columns are folded."""
WHOLE = 10_000
"""Columns of the output where it goes into a file or a program: names are whole there."""


def info(run: Subject) -> None:
    """Show what a run holds (layers, checkpoints, probe, metrics), or what a plane holds.

    Example: `infoplane info runs/first`
    """
    from rich.console import Console
    from rich.markup import escape

    from infoplane.commands.subjects import is_plane_at, open_run
    from infoplane.plane import Plane
    from infoplane.types import printable

    if is_plane_at(run):
        say(Plane.load(run))
        return
    archive = open_run(run)
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    console = Console(width=WHOLE if piped else None)
    for line in _lines(archive):
        shown = escape(printable(line, MOST_CHARACTERS))
        console.print(shown, soft_wrap=True, highlight=False)
    console.print(_table(archive, console))


def _row(archive: Archive, layer: LayerInfo) -> dict[str, str]:
    """The row of a layer in the table, by heading."""
    return {
        "layer": layer.name,
        "class": layer.cls,
        "shape": str(layer.shape),
        "stored as": layer.store_dtype,
        "reduction": layer.reduction,
        "per step": size_text(layer.bytes_per_row * archive.n_rows),
        "steps": str(sum(archive.has(step, layer.name) for step in archive.steps)),
    }


def _table(archive: Archive, console: Console) -> Table:
    """The layers; in a narrow terminal their names lose words in the middle, and no number."""
    from rich.table import Table
    from rich.text import Text

    from infoplane.analysis.plot.names import short_names
    from infoplane.types import printable

    texts: dict[str, list[str]] = {}
    for layer in archive.infos:
        for head, text in _row(archive, layer).items():
            texts.setdefault(head, []).append(printable(text))  # of a foreign file
    if set(texts.get("reduction", ())) == {"none"}:
        del texts["reduction"]
    widths = {head: max(map(len, [head, *column])) for head, column in texts.items()}
    room = console.width - (sum(widths.values()) + BORDER * len(widths) + 1)
    if room < 0:
        texts["layer"] = short_names(texts["layer"], max(widths["layer"] + room, LEAST_NAME))
    table = Table()
    for head in texts:
        table.add_column(head, overflow="fold", no_wrap=head == "layer")
    for row in zip(*texts.values(), strict=True):
        table.add_row(*map(Text, row))
    return table


def _lines(archive: Archive) -> Iterator[str]:
    """The lines above the table, about the run as a whole."""
    yield repr(archive)
    labels, inputs = "no labels", "inputs not stored"
    if archive.y is not None:
        labels = f"{archive.y_kind} labels of shape {archive.y.shape}"
    if archive.x is not None:
        inputs = f"inputs {archive.x.dtype} of shape {archive.x.shape}"
    yield f"probe: {archive.n_rows} rows, {inputs}, {labels}; digest {archive.digest[:16]}"
    if str(archive.row_info):
        yield str(archive.row_info)
    if len(archive.labels) > 1:
        yield f"label sets: {', '.join(archive.labels)}; measure --label takes one"
    yield from notes_of(archive)
    yield f"chain: {_chain_text(archive.chain)}"
    if archive.steps:
        last = archive.steps[-1]
        logged = [f"{name} {value:.4g}" for name, value in archive.metrics[last].items()]
        mode = archive.meta(last).get("mode", "?")
        yield f"step {last}: {', '.join(logged) or 'none logged'}; captured in mode {mode}"
    per_step = sum(layer.bytes_per_row for layer in archive.infos) * archive.n_rows
    in_all = size_text(per_step * len(archive.steps))
    yield f"activations and row digests: {size_text(per_step)} per step, {in_all} in all"


def notes_of(archive: Archive) -> list[str]:
    """Return what was said when the rows and layers of a run were chosen, a line for each."""
    noted: dict[str, None] = {}
    for settings in (archive.row_info.settings, archive.config):
        notes = settings.get("notes")
        if isinstance(notes, list):
            noted |= dict.fromkeys(f"note: {note}" for note in notes)
    return list(noted)


def _chain_text(chain: Chain | None) -> str:
    """How many pairs of layers can be compared, and whether that was tested."""
    if chain is None:
        return "no certificate"
    if chain.reason:
        return chain.reason
    if chain.declared:
        declared = chain.count("declared")
        return f"{declared} pairs of layers are declared to cut X from one another, not tested"
    return f"{chain.count('cut')} pairs of layers cut X from one another"
