"""Commands that draw: plot, report, watch."""

from __future__ import annotations

from pathlib import Path

import typer


def plot(
    plane: Path = typer.Argument(..., help="A plane.h5 written by `infoplane measure` or `Plane.save`."),
    output: Path = typer.Option(..., "-o", "--output", help="FILE.png, .svg or .pdf."),
    kind: str = typer.Option("plane", "--kind", "-k", help="plane: trajectories; curves: I versus step with loss and accuracy."),
    estimator: str = typer.Option("", "--estimator", "-e", help="Spec to draw; the plane's first when left out."),
    check: bool = typer.Option(True, help="Mark the findings of the DPI check."),
) -> None:
    """Draw a measured plane as a figure for paper or talk."""
    from infoplane.analysis.plot.save import save_picture
    from infoplane.plane import Plane

    measured = Plane.load(plane)
    report = None
    if check and kind in ("plane", "gif"):
        from infoplane.analysis.dpi import check_dpi

        report = check_dpi(measured)
    print(save_picture(measured, output, kind=kind, estimator=estimator or None, report=report))


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(plot)
