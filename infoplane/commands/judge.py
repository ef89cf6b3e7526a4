"""Commands that judge: check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    subject: Annotated[Path, typer.Argument(metavar="RUN|PLANE", help="A run directory, a packed run, or a plane.h5.")],
    estimator: Annotated[
        list[str] | None, typer.Option("-e", "--estimator", help="For a run: what to measure first (bin:szt and exact by default).")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", "-w", help="Threads on this machine.")] = 1,
) -> None:
    """Check the data processing inequality. Exit code 1 on a fault or an unexplained violation, 2 on bad input, else 0."""
    from infoplane.analysis.dpi import DEFAULT_ESTIMATORS, check_dpi
    from infoplane.analysis.measure import measure
    from infoplane.archive import open_archive
    from infoplane.archive.planes import is_plane
    from infoplane.plane import Plane

    if is_plane(subject):
        report = check_dpi(Plane.load(subject))
    else:
        archive = open_archive(subject)
        plane = measure(archive, estimator or DEFAULT_ESTIMATORS, workers=workers, progress=True)
        report = check_dpi(plane, archive=archive)
    print(report)
    if not report.passed:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(check)
