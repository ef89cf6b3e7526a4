"""`infoplane merge`: the rows of several ranks as one run."""

from __future__ import annotations

from pathlib import Path

import typer

from infoplane.display.terminal import say


def merge(
    runs: list[Path] = typer.Argument(
        ..., metavar="RUN...", help="Folders of the runs, with the same probe and layers."
    ),
    output: Path = typer.Option(
        ..., "-o", "--output", metavar="FOLDER", help="Folder of the joined run."
    ),
) -> None:
    """Join the rows that the processes of a distributed training captured into one run.

    Example: `infoplane merge runs/rank0 runs/rank1 -o runs/joined`
    """
    from infoplane.archive import merge as merge_runs
    from infoplane.archive import open_archive
    from infoplane.commands.outputs import make_folder
    from infoplane.commands.subjects import open_run
    from infoplane.display.progress import working

    paths = [open_run(path).path for path in runs]
    make_folder(output.parent)
    with working("joining"):
        archive = open_archive(merge_runs(paths, output))
    say(f"{archive.path}: {len(archive.steps)} steps, {archive.n_rows} rows")
