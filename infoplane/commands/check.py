"""`infoplane check`: the data processing inequality."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from infoplane.commands.options import RunOption, Specs, Subject, Workers, count
from infoplane.display.terminal import say

if TYPE_CHECKING:
    from infoplane.types import DPIReport


def check(
    subject: Subject,
    estimator: Specs = None,
    workers: Workers = 1,
    alpha: Annotated[
        float,
        typer.Option(help="Significance level of the verdict `sampling`."),
    ] = 0.05,
    permutations: Annotated[
        int,
        count("Draws of the permutation test; 0 leaves the verdicts `sampling` and `bias` out.", 0),
    ] = 1999,
    run: RunOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", help="List every episode, also of layers that cannot be compared."
        ),
    ] = False,
) -> None:
    """Check the data processing inequality, and report the cause of each apparent violation.

    Exit code 1 on a fault or an unexplained violation, 2 on bad input, else 0. For a run, its
    plane.h5 is checked if that is up to date; else the run is measured first, by estimators that
    are chosen for it unless -e names them.

    Example: `infoplane check runs/first -e bin:szt`
    """
    from infoplane.analysis.dpi.check import check_dpi
    from infoplane.analysis.dpi.settings import DPISettings
    from infoplane.commands.planes import plane_of
    from infoplane.commands.subjects import is_plane_at, open_run
    from infoplane.display.tables import print_report

    settings = DPISettings(alpha=alpha, permutations=permutations)
    plane = plane_of(subject, estimator, run=run, workers=workers, doing="judged")
    archive = None if is_plane_at(subject) else open_run(subject)
    report = check_dpi(plane, settings, archive=archive, progress=True)
    if as_json:
        say(json.dumps(_as_dict(report), indent=1))
    else:
        if archive is None:
            say(f"judged: {subject}, measured by {', '.join(plane.estimators)}", file=sys.stderr)
        print_report(report, verbose=verbose)
    if not report.passed:
        raise typer.Exit(1)


def _as_dict(report: DPIReport) -> dict[str, object]:
    """The report for JSON, the outcome first."""
    outcome = {"passed": report.passed, "checked": report.checked, "counts": report.counts}
    return outcome | asdict(report)
