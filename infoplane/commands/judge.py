"""Commands that judge: check."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infoplane.types import DPIReport


def check(
    subject: Annotated[Path, typer.Argument(metavar="RUN|PLANE", help="A run directory, a packed run, or a plane.h5.")],
    estimator: Annotated[
        list[str] | None, typer.Option("-e", "--estimator", help="For a run: what to measure first (bin:szt and exact by default).")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", "-w", help="Threads on this machine.")] = 1,
    alpha: Annotated[float, typer.Option(help="Level: an excess that chance explains at this level is `sampling`.")] = 0.05,
    permutations: Annotated[int, typer.Option(help="Draws of the permutation test; 0 leaves `sampling` and `bias` out.")] = 1999,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON, for machines.")] = False,
) -> None:
    """Check the data processing inequality. Exit code 1 on a fault or an unexplained violation, 2 on bad input, else 0."""
    from infoplane.analysis.dpi import DEFAULT_ESTIMATORS, check_dpi
    from infoplane.analysis.measure import measure
    from infoplane.archive import open_archive
    from infoplane.archive.planes import is_plane
    from infoplane.plane import Plane

    if is_plane(subject):
        report = check_dpi(Plane.load(subject), alpha=alpha, permutations=permutations)
    else:
        archive = open_archive(subject)
        plane = measure(archive, estimator or DEFAULT_ESTIMATORS, workers=workers, progress=not as_json)
        report = check_dpi(plane, archive=archive, alpha=alpha, permutations=permutations)
    print(json.dumps(_as_dict(report), indent=1) if as_json else report)
    if not report.passed:
        raise typer.Exit(1)


def _as_dict(report: DPIReport) -> dict[str, object]:
    return {
        "passed": report.passed,
        "checked": report.checked,
        "counts": dict(report.counts),
        "findings": [asdict(f) for f in report.findings],
        "episodes": [asdict(e) for e in report.episodes],
        "limits": list(report.limits),
    }


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(check)
