"""Commands about a run on disk: info, verify, pack, merge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from infoplane.display.say import say

if TYPE_CHECKING:
    from infoplane.types import Chain


def info(run: Path = typer.Argument(..., help="A run folder or a packed .h5 file.")) -> None:
    """Say what a run holds: layers, steps, probe, metrics."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from infoplane.archive import open_archive
    from infoplane.display.sizes import size_text
    from infoplane.types import printable

    archive = open_archive(run)
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
                    f"step {last}: {metrics}; captured in mode {archive.meta(last).get('mode', '?')}",
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
            f"activations and row digests: {size_text(per_step)} per step, {size_text(per_step * len(archive.steps))} in all"
        ),
        soft_wrap=True,
        highlight=False,
    )
    console.print(table)


def _chain_text(chain: Chain) -> str:
    """How many pairs are comparable, and on whose word."""
    relations = [relation for row in chain.matrix for relation in row]
    if chain.declared:
        return f"{relations.count('declared')} pairs of layers are declared to cut X from one another, not tested"
    return f"{relations.count('cut')} pairs of layers cut X from one another"


def _shown(text: str) -> str:
    """Foreign text for a rich table: no markup, no control characters, not too long."""
    from rich.markup import escape

    from infoplane.types import printable

    return escape(printable(text))


def verify(run: Path = typer.Argument(..., help="A run folder or a packed .h5 file.")) -> None:
    """Recompute every checksum; exit 1 and name file and key where something is damaged."""
    from infoplane.archive import ResultLog, open_archive
    from infoplane.archive import verify as problems_of

    problems = problems_of(run)
    for problem in problems:
        say(problem)
    if problems:
        say(f"{len(problems)} problem(s)")
        raise typer.Exit(1)
    archive = open_archive(run)
    log = ResultLog(run)
    own = len(log.read())
    if log.foreign:
        say(
            f"results: {own} lines are yours; {log.foreign} were written by another user (or on another machine) and are measured again, never read"
        )
    say(
        f"sound: {len(archive.steps)} steps x {len(archive.layers)} layers, {archive.n_rows} rows, every checksum matches"
    )


def pack(
    run: Path = typer.Argument(..., help="A run folder."),
    output: Path = typer.Option(..., "-o", "--output", help="The .h5 file to write."),
    compression: str = typer.Option(
        "", "--compression", "-c", help="gzip or zstd; none when left out."
    ),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an existing file."),
) -> None:
    """Write a run into one portable HDF5 file, every checksum checked on the way."""
    from infoplane.archive import pack as pack_run

    written = pack_run(run, output, compression=compression or None, overwrite=overwrite)  # type: ignore[arg-type]  # checked inside
    say(f"{written}: {written.stat().st_size} bytes")


def merge(
    runs: list[Path] = typer.Argument(
        ..., help="Run folders of the ranks: same probe, same layers."
    ),
    output: Path = typer.Option(..., "-o", "--output", help="The folder of the joined run."),
) -> None:
    """Join the rows that several ranks captured into one run."""
    from infoplane.archive import merge as merge_runs
    from infoplane.archive import open_archive

    archive = open_archive(merge_runs(list(runs), output))
    say(f"{archive.path}: {len(archive.steps)} steps, {archive.n_rows} rows")


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (info, verify, pack, merge):
        app.command()(command)
    from infoplane.commands import capture, compile_kernels, import_run, replay

    compile_kernels.register(app)
    capture.register(app)
    import_run.register(app)
    replay.register(app)
