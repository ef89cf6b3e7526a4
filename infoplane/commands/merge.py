"""`infoplane merge`: the rows of several ranks as one run."""

from __future__ import annotations

from pathlib import Path

import typer

from infoplane.display.say import say


def merge(
    runs: list[Path] = typer.Argument(
        ..., help="Run folders of the ranks: same probe, same layers."
    ),
    output: Path = typer.Option(..., "-o", "--output", help="The folder of the joined run."),
) -> None:
    """Join the rows that several ranks captured into one run."""
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
