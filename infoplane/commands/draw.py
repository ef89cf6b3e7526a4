"""Commands that draw: plot, report, watch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plot(
    plane: Annotated[Path, typer.Argument(help="A plane.h5 written by `infoplane measure` or `Plane.save`.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="FILE.png, .svg, .pdf, .gif or .mp4.")],
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            "-k",
            help="plane: trajectories; curves: I versus step with loss and accuracy; snapshots: one line per checkpoint; dpi: layer x layer verdicts.",
        ),
    ] = "plane",
    estimator: Annotated[str, typer.Option("--estimator", "-e", help="Spec to draw; the plane's first when left out.")] = "",
    check: Annotated[bool, typer.Option(help="Mark the findings of the DPI check.")] = True,
) -> None:
    """Draw a measured plane as a figure for paper or talk."""
    from infoplane.analysis.plot.save import save_picture
    from infoplane.plane import Plane

    measured = Plane.load(plane)
    report = None
    if check and kind in ("plane", "dpi"):
        from infoplane.analysis.dpi import check_dpi

        report = check_dpi(measured)
    print(save_picture(measured, output, kind=kind, estimator=estimator or None, report=report))


def report(
    plane: Annotated[Path, typer.Argument(help="A plane.h5 written by `infoplane measure` or `Plane.save`.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="FILE.html, one self-contained file.")],
    title: Annotated[str, typer.Option(help="Heading; the archive's name when left out.")] = "",
    check: Annotated[bool, typer.Option(help="Run the DPI check and list its findings.")] = True,
) -> None:
    """Write one interactive HTML file that works offline."""
    from infoplane.analysis.report import write_report
    from infoplane.plane import Plane

    measured = Plane.load(plane)
    judged = None
    if check:
        from infoplane.analysis.dpi import check_dpi

        judged = check_dpi(measured)
    path = write_report(output, measured, judged, title=title)
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


def watch(  # the options of a command
    run: Annotated[Path, typer.Argument(help="RUN, the directory a Recorder writes to; it may not exist yet.")],
    estimator: Annotated[
        list[str] | None,
        typer.Option("-e", "--estimator", help="Spec to measure as checkpoints appear; may be given several times. Default: bin:szt."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Measure nothing, only show the result lines that another process writes.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to bind; beyond loopback a token is required.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port.")] = 8321,
    token: Annotated[str, typer.Option(help="Token for the address; made when needed and left out.")] = "",
) -> None:
    """Show a running training live in the browser (read-only, this machine only unless told otherwise)."""
    import threading

    from infoplane.analysis.live import RunSource, measure_beside, serve

    stop = threading.Event()
    if not follow:
        threading.Thread(target=measure_beside, args=(run, estimator or ["bin:szt"], stop), daemon=True).start()
    try:
        serve(RunSource(run), host=host, port=port, title=run.name, token=token or None)
    finally:
        stop.set()


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(plot)
    app.command()(report)
    app.command()(watch)
