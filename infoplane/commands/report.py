"""`infoplane report`: one interactive HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infoplane.commands.options import RunOption, Subject, one_spec, output_file
from infoplane.display.terminal import say

if TYPE_CHECKING:
    from infoplane.analysis.report import Judged
    from infoplane.analysis.studies.compare import Pooled
    from infoplane.archive import Archive
    from infoplane.plane import Plane


def report(
    subject: Subject,
    output: Annotated[Path, output_file("The .html file to write.")],
    title: Annotated[str, typer.Option(help="Heading; by default the name of the run.")] = "",
    estimator: Annotated[
        str,
        one_spec(
            "Estimator that the page shows first, and compares runs by; by default the first "
            "that is below its ceiling."
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
    from infoplane.analysis.dpi.check import check_dpi
    from infoplane.analysis.report import Judged, write_report
    from infoplane.commands.outputs import prepare
    from infoplane.commands.planes import first_below_ceiling, plane_of, spec_in
    from infoplane.commands.subjects import is_plane_at, open_run

    for other in against or ():
        is_plane_at(other)
    prepare(output, (".html", ".htm"))
    plane = plane_of(subject, run=run, doing="reported")
    spec = spec_in(plane, estimator) if estimator else first_below_ceiling(plane)
    pooled = _pooled(plane, against, spec or plane.estimators[0]) if against else ()
    judged = _judged(open_run(subject, run=run), pooled) if full else Judged(pooled=pooled)
    checked = check_dpi(plane, progress=True) if check else None
    say(
        write_report(
            output, plane, checked, title=title, judged=judged, estimator=spec, paths=paths
        )
    )


def _pooled(plane: Plane, others: Sequence[Path], spec: str) -> Sequence[Pooled]:
    """Return the plane pooled with those of other runs, by one estimator."""
    from infoplane.analysis.studies.compare import pool
    from infoplane.commands.planes import named_planes

    return pool({"this run": plane, **named_planes(others, spec)[0]}, estimator=spec)


def _judged(archive: Archive, pooled: Sequence[Pooled]) -> Judged:
    """Return all further sections: phases, sensitivity and mechanism, and other runs."""
    from infoplane.analysis.report import Judged
    from infoplane.analysis.studies.mechanism import mechanism
    from infoplane.analysis.studies.phases import phases
    from infoplane.analysis.studies.sensitivity import sensitivity

    return Judged(
        phases(archive, progress=True),
        sensitivity(archive, progress=True),
        mechanism(archive),
        pooled,
    )
