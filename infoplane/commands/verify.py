"""`infoplane verify`: every checksum."""

from __future__ import annotations

import typer

from infoplane.commands.options import Subject
from infoplane.display.terminal import say
from infoplane.errors import DamagedArchive


def verify(run: Subject) -> None:
    """Recompute every checksum of a run or a plane.

    Exit code 1 where something is damaged; file and key are named.

    Example: `infoplane verify runs/first`
    """
    from infoplane.archive import ResultLog, open_archive
    from infoplane.archive import verify as problems_of
    from infoplane.commands.subjects import is_plane_at
    from infoplane.display.progress import working
    from infoplane.plane import Plane

    try:
        if is_plane_at(run):
            say(f"sound: {Plane.load(run)}")
            return
        with working("checking"):
            problems = problems_of(run)
    except DamagedArchive as error:
        problems = [str(error)]
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
            f"results: {own} lines are yours; {log.foreign} were written by another user (or on "
            "another machine) and are measured again, never read"
        )
    say(
        f"sound: {len(archive.steps)} steps x {len(archive.layers)} layers, {archive.n_rows} rows, "
        "every checksum matches"
    )
