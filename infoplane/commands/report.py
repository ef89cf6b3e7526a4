"""`infoplane report`: one interactive HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infoplane.commands.options import RunOption, Subject
from infoplane.display.terminal import say

if TYPE_CHECKING:
    from infoplane.analysis.report import Judged
    from infoplane.analysis.studies.compare import Pooled
    from infoplane.plane import Plane


def report(
    subject: Subject,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The .html file to write.")
    ],
    title: Annotated[str, typer.Option(help="Heading; by default the name of the run.")] = "",
    estimator: Annotated[
        str,
        typer.Option(
            "-e",
            "--estimator",
            metavar="SPEC",
            help="Estimator that the page shows first, and compares runs by; by default the first "
            "that is below its ceiling.",
        ),
    ] = "",
    check: Annotated[
        bool, typer.Option(help="List the findings of the data processing check.")
    ] = True,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Also phases, sensitivity and mechanism, measured from the run; takes minutes.",
        ),
    ] = False,
    run: RunOption = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against",
            metavar="RUN|PLANE",
            help="Another run or plane.h5 to compare with; may be given several times.",
        ),
    ] = None,
    paths: Annotated[
        bool, typer.Option("--paths", help="Write the full path of the run into the file.")
    ] = False,
) -> None:
    """Write an interactive report, one HTML file that works offline.

    Example: `infoplane report runs/first -o report.html`
    """
    from infoplane.commands.outputs import prepare
    from infoplane.commands.planes import first_below_ceiling, full_spec, of_estimators, plane_of
    from infoplane.commands.subjects import is_plane_at

    for other in against or ():
        is_plane_at(other)
    prepare(output, (".html", ".htm"))
    plane = plane_of(subject, run=run, doing="reported")
    if estimator:
        of_estimators(plane, [estimator])
        estimator = estimator if estimator in plane.estimators else full_spec(estimator)
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
    """Return further sections: phases, sensitivity and mechanism of the run, and other runs.

    Args:
        plane: what was measured.
        subject: the run, or the file of the plane.
        full: whether the run is measured for phases, sensitivity and mechanism.
        run: for a plane: its run.
        against: other runs or planes.
        estimator: spec that runs are compared by; None takes the plane's first.

    Raises:
        InputError: ``full`` needs the run of a plane, which is not there.
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
