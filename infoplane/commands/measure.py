"""`infoplane measure`: the plane of a run."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infoplane.commands.options import (
    Csv,
    Layers,
    Run,
    Seed,
    Specs,
    Workers,
    count,
    output_file,
    refuse_together,
)
from infoplane.cores import SHARE
from infoplane.display.terminal import say
from infoplane.errors import InputError

if TYPE_CHECKING:
    from infoplane.archive import Archive
    from infoplane.plane import Plane

ERRORS, MACHINES, GROWING = "Uncertainty", "Other machines and devices", "A run that grows"
"""Headings of options in `--help`."""
MOST_SAID = 5
"""Failures and disagreements that are printed."""


def measure(
    run: Run,
    estimator: Specs = None,
    output: Annotated[
        Path | None,
        output_file("File of the plane; by default RUN/plane.h5, or next to a packed run."),
    ] = None,
    csv: Csv = None,
    layer: Layers = None,
    workers: Workers = 1,
    dask: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            rich_help_panel=MACHINES,
            help="Address of a dask scheduler, e.g. tls://host:8786, or `local` for --workers "
            "processes. Anybody who reaches a tcp:// scheduler can run code as you.",
        ),
    ] = "",
    device: Annotated[
        str,
        typer.Option(
            rich_help_panel=MACHINES,
            help="Torch device of the pairwise kernels, e.g. cuda; `cpu` for compiled kernels.",
        ),
    ] = "",
    seed: Seed = 0,
    errorbars: Annotated[
        int,
        count(
            "Half-sample splits for standard errors; 10 is a good choice, 0 for none.",
            0,
            panel=ERRORS,
        ),
    ] = 0,
    null: Annotated[
        int | None,
        count(
            "Permutations of the labels for the null band of I(Z;Y); 0 for none. By default "
            "20 where symbols exceed a tenth of the rows, or shuffled labels give over half of "
            "I(Z;Y) in a layer below its ceiling.",
            0,
            panel=ERRORS,
        ),
    ] = None,
    label: Annotated[
        str, typer.Option(help="Name of the label set that is Y; by default the first.")
    ] = "",
    alone: Annotated[
        bool,
        typer.Option(
            "--alone",
            help="Only the estimators named; no second one for comparison.",
        ),
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Measure everything again; use no stored results."),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace a plane that was made with other options."),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(help="Check the data processing inequality, too."),
    ] = True,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            rich_help_panel=GROWING,
            help="Measure checkpoints as they appear, until Ctrl-C.",
        ),
    ] = False,
    max_overhead: Annotated[
        float,
        typer.Option(rich_help_panel=GROWING, help="Share of one core that --follow may use."),
    ] = SHARE,
) -> None:
    """Estimate I(X;Z) and I(Z;Y) in bits for every layer and checkpoint of a run.

    Estimators are chosen for the run unless -e names them. Results are stored in the run, and a
    second call measures only what is new. A single estimator of continuous information (neighbours
    or a Gaussian fit) is compared with one of the other kind; points where they disagree are
    listed.

    Example: `infoplane measure runs/first -e bin:szt -e exact`
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
        _follow(run, estimator, max_overhead, seed)
        return
    refuse_together("only --follow keeps to a share", max_overhead=max_overhead != SHARE)
    from infoplane.analysis.estimators.spec import parse
    from infoplane.analysis.kernels.device import require_device
    from infoplane.analysis.measuring.measure import measure as run_measure
    from infoplane.analysis.studies.disagreement import companions, without_refused
    from infoplane.commands.outputs import PLANES, prepare
    from infoplane.commands.planes import OPTIONS, plane_target, refuse_to_replace
    from infoplane.commands.subjects import open_run, tell_read_only
    from infoplane.display.tables import print_plane
    from infoplane.patterns import names_like

    archive = open_run(run)
    for spec in estimator or ():  # what is wrong is refused before anything is written
        parse(spec)
    if label:
        archive.with_label(label)
    if device:
        require_device(device)
    layers = names_like(layer, archive.layers)
    options = (
        f"{estimator or 'chosen'}; layers {layers or 'all'}; seed {seed}; "
        f"errorbars {errorbars}; null {'where it helps' if null is None else null}; "
        f"label {label or 'first'}"
    )
    target = output or plane_target(archive)
    if output is None and not overwrite:
        refuse_to_replace(target, options)
    prepare(target, PLANES)
    prepare(csv)
    tell_read_only(archive)
    added = () if alone or not estimator else companions(estimator)
    if added:
        say(f"for comparison also {', '.join(added)}; --alone leaves it out", file=sys.stderr)
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
    plane, refused = without_refused(plane, added)
    plane = replace(plane, provenance={**plane.provenance, OPTIONS: options})
    print_plane(plane)
    _say_failures(plane, refused)
    say(plane.save(target, overwrite=True))
    if csv is not None:
        say(plane.to_csv(csv))
    if check and plane.points:
        _check(plane, archive, target)


def _check(plane: Plane, archive: Archive, target: Path) -> None:
    """Print what the check finds, in a line; `infoplane check` reads the report from the cache."""
    from infoplane.analysis.dpi.check import check_dpi
    from infoplane.types import printable

    report = check_dpi(plane, archive=archive, progress=True)
    behind = replace(plane, file=target.resolve(), run=None).run_path
    beside = behind is not None and behind.resolve() == archive.path.resolve()
    run = "" if beside else f" --run {archive.path}"
    which = f". Which: infoplane check {target}{run}" if report.findings else ""
    say(printable(f"DPI check: {report.tally}{which}", 1000))


def _say_failures(plane: Plane, refused: str) -> None:
    """Print what could not be measured, and where two estimators of one information disagree."""
    from infoplane.analysis.studies.disagreement import disagreements
    from infoplane.types import counted, printable

    for failure in plane.failures[:MOST_SAID]:
        where = f"step {failure.step}, {failure.layer}, {failure.estimator}"
        say(printable(f"  not measured: {where}: {failure.message}", 400))
    if refused:
        say(printable(f"  {refused}", 400))
    found = disagreements(plane)
    if found:
        say(
            f"  {counted(len(found), 'point')} where two estimators of one information disagree: "
            "at most one is right (`infoplane calibrate`). The largest differences:"
        )
    for disagreement in found[:MOST_SAID]:
        say(printable(f"  {disagreement}", 400))


def _follow(run: Path, specs: list[str] | None, max_overhead: float, seed: int) -> None:
    import threading

    from infoplane.analysis.measuring.follow import Budget, follow

    if run.is_file():
        raise InputError(f"{run} is a file; --follow measures the folder that a Recorder writes to")
    with contextlib.suppress(KeyboardInterrupt):
        follow(
            run,
            specs or None,
            over=threading.Event(),
            gone=threading.Event(),
            budget=Budget(max_overhead),
            seed=seed,
        )
