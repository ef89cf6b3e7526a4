"""Commands that measure: measure, estimators."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from infoplane.cores import SHARE
from infoplane.display.say import say

DEFAULT = ["bin:szt", "kde:variance=0.001", "exact"]


def measure(
    run: Annotated[Path, typer.Argument(help="A run directory, or the packed file of one.")],
    estimator: Annotated[
        list[str] | None,
        typer.Option(
            "-e",
            "--estimator",
            help="Spec, may be given several times; see `infoplane estimators`.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Where the plane goes; RUN/plane.h5 by default, beside a packed file.",
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Also write the points as CSV.")] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", help="Only this layer; may be given several times."),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", "-w", help="Threads on this machine; results do not depend on it."
        ),
    ] = 1,
    dask: Annotated[
        str,
        typer.Option(
            "--dask",
            help="Address of a dask scheduler, e.g. tls://host:8786, or `local` for --workers processes. Whoever reaches a tcp:// scheduler runs code as you.",
        ),
    ] = "",
    device: Annotated[
        str,
        typer.Option(
            "--device",
            help="Torch device of the pairwise kernels, e.g. cuda; `cpu` for the compiled ones.",
        ),
    ] = "",
    seed: Annotated[int, typer.Option(help="One seed gives one plane.")] = 0,
    errorbars: Annotated[
        int,
        typer.Option(
            help="Half-sample splits for standard errors; 10 is a good choice, 0 for none."
        ),
    ] = 0,
    null: Annotated[
        int | None,
        typer.Option(
            help="Label permutations for the null band of I(Z;Y); 0 for none. By default 20 for labels of more symbols than a tenth of the rows."
        ),
    ] = None,
    label: Annotated[
        str, typer.Option(help="Which of the run's label sets is Y; the first by default.")
    ] = "",
    alone: Annotated[
        bool,
        typer.Option(
            "--alone",
            help="Do not add a second estimator beside a single one of continuous information.",
        ),
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Measure everything again, whatever was measured before."),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            help="Judge the plane by the data processing inequality; `check` and `plot` read this judgement again."
        ),
    ] = True,
    follow: Annotated[
        bool, typer.Option("--follow", help="Measure checkpoints as they appear, until Ctrl-C.")
    ] = False,
    max_overhead: Annotated[
        float, typer.Option(help="With --follow: the share of one core that measuring may use.")
    ] = SHARE,
) -> None:
    """Estimate I(X;Z) and I(Z;Y) of every captured layer and step, in bits. What was measured before is not measured again.

    A single estimator of continuous information (neighbours or a Gaussian fit) gets one of the other kind beside it, and the cells where the two part are listed.
    """
    from infoplane.analysis.studies.disagreement import companions, partings, without_refused

    specs = list(estimator or DEFAULT)
    if follow:
        _follow(run, specs, max_overhead=max_overhead, seed=seed)
        return
    added = () if alone else companions(specs)
    specs += added
    from infoplane.analysis.measuring.measure import measure as run_measure
    from infoplane.archive import open_archive
    from infoplane.commands.subjects import plane_target, tell_read_only
    from infoplane.display.tables import say_plane
    from infoplane.types import printable

    archive = open_archive(run)
    tell_read_only(archive)
    plane = run_measure(
        archive,
        specs,
        layers=layer or None,
        workers=workers,
        seed=seed,
        progress=True,
        dask=dask or None,
        device=device or None,
        errorbars=errorbars,
        null=null,
        label=label or None,
        resume=not fresh,
    )
    plane, unfit = without_refused(plane, added)
    target = output or plane_target(archive)
    say_plane(plane)
    for failure in plane.failures[:5]:
        say(
            printable(
                f"  not measured: step {failure.step}, {failure.layer}, {failure.estimator}: {failure.message}",
                400,
            )
        )
    if unfit:
        say(printable(f"  {unfit}", 400))
    if parted := partings(plane):
        say(
            f"  {len(parted)} cells where two estimators of one information part: at most one is right (`infoplane calibrate`). The widest:"
        )
        for apart in parted[:5]:
            say(printable(f"  {apart}", 400))
    say(plane.save(target, overwrite=True))  # below, with progress, if asked for
    if csv is not None:
        say(plane.to_csv(csv))
    if check and plane.points:
        from infoplane.analysis.dpi.check import check_dpi

        report = check_dpi(plane, archive=archive, progress=True)
        say(
            printable(
                f"DPI check: {report.tally}"
                + (f". Which: infoplane check {target}" if report.findings else ""),
                1000,
            )
        )


def _follow(run: Path, specs: list[str], *, max_overhead: float, seed: int) -> None:
    import threading

    from infoplane.analysis.measuring.follow import follow

    with contextlib.suppress(KeyboardInterrupt):
        follow(
            run,
            specs,
            over=threading.Event(),
            gone=threading.Event(),
            max_overhead=max_overhead,
            seed=seed,
        )


def estimators() -> None:
    """The table of estimators: name, target, bound, validity, parameters."""
    from rich.console import Console
    from rich.table import Table

    from infoplane.analysis.estimators.spec import catalogue

    table = Table(title="Estimators (spec: NAME or NAME:parameter=value,...)", show_lines=True)
    for column in ("name", "target", "bound", "validity", "parameters"):
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for row in catalogue():
        table.add_row(*(row[key] for key in ("name", "target", "bound", "validity", "parameters")))
    Console().print(table)


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(measure)
    app.command()(estimators)
