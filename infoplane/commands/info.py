"""`infoplane info`: what a run holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infoplane.commands.options import Subject
from infoplane.display.say import say

if TYPE_CHECKING:
    from infoplane.archive import Archive
    from infoplane.types import Chain


def info(run: Subject) -> None:
    """Say what a run holds: layers, steps, probe, metrics; or a plane."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from infoplane.commands.subjects import is_plane_at, open_run
    from infoplane.display.sizes import size_text
    from infoplane.types import printable

    if is_plane_at(run):
        from infoplane.plane import Plane

        say(Plane.load(run))
        return
    archive = open_run(run)
    console = Console()
    console.print(escape(printable(repr(archive), 2000)), soft_wrap=True, highlight=False)
    y = "no labels" if archive.y is None else f"{archive.y_kind} labels of shape {archive.y.shape}"
    x = (
        "inputs not stored"
        if archive.x is None
        else f"inputs {archive.x.dtype} of shape {archive.x.shape}"
    )
    console.print(
        escape(f"probe: {archive.n_rows} rows, {x}, {y}; digest {archive.digest[:16]}"),
        soft_wrap=True,
        highlight=False,
    )
    for line in _rows_text(archive):
        console.print(escape(printable(line, 2000)), soft_wrap=True, highlight=False)
    chain = archive.chain
    cuts = "no certificate" if chain is None else chain.reason or _chain_text(chain)
    console.print(escape(printable(f"chain: {cuts}", 2000)), soft_wrap=True, highlight=False)
    if archive.steps:
        last = archive.steps[-1]
        metrics = (
            ", ".join(f"{k} {v:.4g}" for k, v in archive.metrics[last].items()) or "none logged"
        )
        console.print(
            escape(
                printable(
                    f"step {last}: {metrics}; captured in mode "
                    f"{archive.meta(last).get('mode', '?')}",
                    2000,
                )
            ),
            soft_wrap=True,
            highlight=False,
        )
    table = Table("layer", "class", "shape", "stored as", "reduction", "per step", "steps")
    for layer in archive.infos:
        steps = sum(archive.has(step, layer.name) for step in archive.steps)
        cost = size_text(layer.bytes_per_row * archive.n_rows)
        table.add_row(
            *map(
                _shown,
                (
                    layer.name,
                    layer.cls,
                    str(layer.shape),
                    layer.store_dtype,
                    layer.reduction,
                    cost,
                    str(steps),
                ),
            )
        )
    per_step = sum(layer.bytes_per_row for layer in archive.infos) * archive.n_rows
    console.print(
        escape(
            f"activations and row digests: {size_text(per_step)} per step, "
            f"{size_text(per_step * len(archive.steps))} in all"
        ),
        soft_wrap=True,
        highlight=False,
    )
    console.print(table)


def _rows_text(archive: Archive) -> list[str]:
    """What a row is, which label sets there are, and what was left out."""
    info = archive.row_info
    lines = [str(info)] if str(info) else []
    if len(archive.labels) > 1:
        lines.append(f"label sets: {', '.join(archive.labels)}; measure --label takes one")
    notes = info.settings.get("notes")
    return lines + [f"note: {note}" for note in (notes if isinstance(notes, list) else [])]


def _chain_text(chain: Chain) -> str:
    """How many pairs are comparable, and on whose word."""
    relations = [relation for row in chain.matrix for relation in row]
    if chain.declared:
        return (
            f"{relations.count('declared')} pairs of layers are declared to cut X from one "
            "another, not tested"
        )
    return f"{relations.count('cut')} pairs of layers cut X from one another"


def _shown(text: str) -> str:
    """Foreign text for a rich table: no markup, no control characters, not too long."""
    from rich.markup import escape

    from infoplane.types import printable

    return escape(printable(text))
