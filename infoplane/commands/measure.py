"""`infoplane measure`: the plane of a run."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infoplane.commands.options import (
    Layers,
    Run,
    Seed,
    Specs,
    Workers,
    at_least,
    refuse_together,
)
from infoplane.cores import SHARE
from infoplane.display.say import say
from infoplane.errors import InputError

if TYPE_CHECKING:
    from infoplane.archive import Archive
    from infoplane.plane import Plane

MOST_SAID = 5
"""Failures, and cells where two estimators part, that are printed."""


def measure(
    run: Run,
    estimator: Specs = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Where the plane goes; RUN/plane.h5 by default, beside a packed file.",
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Also write the points as CSV.")] = None,
    layer: Layers = None,
    workers: Workers = 1,
    dask: Annotated[
        str,
        typer.Option(
            "--dask",
            help="Address of a dask scheduler, e.g. tls://host:8786, or `local` for --workers "
            "processes. Whoever reaches a tcp:// scheduler runs code as you.",
        ),
    ] = "",
    device: Annotated[
        str,
        typer.Option(
            "--device",
            help="Torch device of the pairwise kernels, e.g. cuda; `cpu` for the compiled ones.",
        ),
    ] = "",
    seed: Seed = 0,
    errorbars: Annotated[
        int,
        typer.Option(
            help="Half-sample splits for standard errors; 10 is a good choice, 0 for none.",
            callback=at_least(0),
        ),
    ] = 0,
    null: Annotated[
        int | None,
        typer.Option(
            help="Label permutations for the null band of I(Z;Y); 0 for none. By default 20 for "
            "labels of more symbols than a tenth of the rows.",
            callback=at_least(0),
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
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace a plane that was asked for by other options."),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            help="Judge the plane by the data processing inequality; `check` and `plot` read this "
            "judgement again."
        ),
    ] = True,
    follow: Annotated[
        bool, typer.Option("--follow", help="Measure checkpoints as they appear, until Ctrl-C.")
    ] = False,
    max_overhead: Annotated[
        float, typer.Option(help="With --follow: the share of one core that measuring may use.")
    ] = SHARE,
) -> None:
    """Estimate I(X;Z) and I(Z;Y) of every captured layer and step, in bits.

    What was measured before is not measured again.

    Without -e the run says which estimators can answer. A single estimator of continuous
    information (neighbours or a Gaussian fit) gets one of the other kind beside it, and the cells
    where the two part are listed.
    """
    if follow:
        refuse_together(
            "--follow only measures, what appears in RUN, until Ctrl-C",
            output=output,
            csv=csv,
            layer=layer,
            workers=workers > 1,
            dask=dask,
            device=device,
            errorbars=errorbars,
            null=null is not None,
            label=label,
            alone=alone,
            fresh=fresh,
        )
        if run.is_file():
            raise InputError(
                f"{run} is a file; --follow measures the folder that a Recorder writes to"
            )
        _follow(run, estimator, max_overhead, seed)
        return
    refuse_together("only --follow keeps to a share", max_overhead=max_overhead != SHARE)
    from infoplane.analysis.estimators.spec import parse
    from infoplane.analysis.kernels.device import require_device
    from infoplane.analysis.measuring.measure import measure as run_measure
    from infoplane.analysis.studies.disagreement import companions, without_refused
    from infoplane.commands.outputs import PLANES, prepare
    from infoplane.commands.planes import asked_by, plane_target, refuse_to_replace
    from infoplane.commands.subjects import open_run, tell_read_only
    from infoplane.display.tables import say_plane
    from infoplane.patterns import names_like

    archive = open_run(run)
    for spec in estimator or ():
        parse(spec)  # a typing error is said before anything about files
    if device:
        require_device(device)
    layers = names_like(layer, archive.layers)
    asked = (
        f"{estimator or 'chosen'}; layers {layers or 'all'}; seed {seed}; "
        f"errorbars {errorbars}; null {'where it helps' if null is None else null}; "
        f"label {label or 'first'}"
    )
    target = output or plane_target(archive)
    if output is None and not overwrite:
        refuse_to_replace(target, asked)
    prepare(target, PLANES)
    prepare(csv)
    tell_read_only(archive)
    added = () if alone or not estimator else companions(estimator)
    plane = run_measure(
        archive,
        [*estimator, *added] if estimator else None,
        layers=layers,
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
    plane = asked_by(plane, asked)
    say_plane(plane)
    _say_troubles(plane, unfit)
    say(plane.save(target, overwrite=True))
    if csv is not None:
        say(plane.to_csv(csv))
    if check and plane.points:
        _judge(plane, archive, target)


def _judge(plane: Plane, archive: Archive, target: Path) -> None:
    """Say in a line what the check finds; `infoplane check` reads this judgement again."""
    from infoplane.analysis.dpi.check import check_dpi
    from infoplane.types import printable

    report = check_dpi(plane, archive=archive, progress=True)
    which = f". Which: infoplane check {target}" if report.findings else ""
    say(printable(f"DPI check: {report.tally}{which}", 1000))


def _say_troubles(plane: Plane, unfit: str) -> None:
    """Say what could not be measured, and where two estimators of one information part."""
    from infoplane.analysis.studies.disagreement import disagreements
    from infoplane.types import printable

    for failure in plane.failures[:MOST_SAID]:
        where = f"step {failure.step}, {failure.layer}, {failure.estimator}"
        say(printable(f"  not measured: {where}: {failure.message}", 400))
    if unfit:
        say(printable(f"  {unfit}", 400))
    disagreeing = disagreements(plane)
    if disagreeing:
        say(
            f"  {len(disagreeing)} cells where two estimators of one information part: at most one "
            "is right (`infoplane calibrate`). The widest:"
        )
    for apart in disagreeing[:MOST_SAID]:
        say(printable(f"  {apart}", 400))


def _follow(run: Path, specs: list[str] | None, max_overhead: float, seed: int) -> None:
    import threading

    from infoplane.analysis.measuring.follow import follow

    with contextlib.suppress(KeyboardInterrupt):
        follow(
            run,
            specs or None,
            over=threading.Event(),
            gone=threading.Event(),
            max_overhead=max_overhead,
            seed=seed,
        )
