"""`infoplane report`: one interactive HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infoplane.commands.options import RunOption, Subject
from infoplane.display.say import say

if TYPE_CHECKING:
    from infoplane.analysis.report import Judged
    from infoplane.analysis.studies.compare import Pooled
    from infoplane.plane import Plane


def report(
    subject: Subject,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="FILE.html, one self-contained file.")
    ],
    title: Annotated[str, typer.Option(help="Heading; the archive's name when left out.")] = "",
    estimator: Annotated[
        str,
        typer.Option(
            "-e",
            "--estimator",
            help="Spec that the page shows first, and that other runs are compared under; the "
            "plane's first that is below its ceiling when left out.",
        ),
    ] = "",
    check: Annotated[bool, typer.Option(help="Run the DPI check and list its findings.")] = True,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Also phases, sensitivity and mechanism, from the run behind the plane: takes "
            "minutes.",
        ),
    ] = False,
    run: RunOption = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against", help="Another plane.h5 or run to compare with; may be given several times."
        ),
    ] = None,
    paths: Annotated[
        bool, typer.Option("--paths", help="Keep the full path of the run in the file.")
    ] = False,
) -> None:
    """Write one interactive HTML file that works offline."""
    from infoplane.commands.outputs import prepare
    from infoplane.commands.planes import first_below_ceiling, of_estimators, plane_of
    from infoplane.commands.subjects import is_plane_at

    for other in against or ():
        is_plane_at(other)
    prepare(output, (".html", ".htm"))
    plane = plane_of(subject, run=run, doing="reported")
    if estimator:
        of_estimators(plane, [estimator])
    spec = estimator or first_below_ceiling(plane)
    judged = judge_all(plane, subject, full=full, run=run, against=against or (), estimator=spec)
    checked = None
    if check:
        from infoplane.analysis.dpi.check import check_dpi

        checked = check_dpi(plane, progress=True)
    from infoplane.analysis.report import write_report

    say(
        write_report(
            output, plane, checked, title=title, judged=judged, estimator=spec, paths=paths
        )
    )


def judge_all(
    plane: Plane,
    subject: Path,
    *,
    full: bool,
    run: Path | None,
    against: Sequence[Path],
    estimator: str | None = None,
) -> Judged:
    """Return the further sections.

    Phases, sensitivity and mechanism of the run behind the plane, and other runs beside it.

    Args:
        plane: what was measured.
        subject: the run, or the file of the plane.
        full: whether to judge the run behind the plane.
        run: where it lies, of a plane.
        against: other runs or planes.
        estimator: spec that runs are compared under; None takes the plane's first.

    Raises:
        InputError: ``full`` is asked for and the run behind the plane is not where it was.
    """
    from infoplane.analysis.report import Judged

    pooled: Sequence[Pooled] = ()
    if against:
        from infoplane.analysis.studies.compare import pool
        from infoplane.commands.planes import named_planes

        spec = estimator or plane.estimators[0]
        pooled = pool({"this run": plane, **named_planes(against, spec)[0]}, estimator=spec)
    if not full:
        return Judged(pooled=pooled)
    from infoplane.analysis.studies.mechanism import mechanism
    from infoplane.analysis.studies.phases import phases
    from infoplane.analysis.studies.sensitivity import sensitivity
    from infoplane.commands.subjects import open_run

    archive = open_run(subject, run=run)
    return Judged(
        phases(archive, progress=True),
        sensitivity(archive, progress=True),
        mechanism(archive),
        pooled,
    )
