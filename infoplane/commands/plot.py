"""`infoplane plot`: a figure of a plane or of what the activations of a run do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infoplane.commands.options import Layers, RunOption, Subject, one_of, refuse_together
from infoplane.display.say import say
from infoplane.errors import InputError
from infoplane.patterns import did_you_mean, names_like

if TYPE_CHECKING:
    from infoplane.plane import Plane
    from infoplane.types import DPIReport

PLANE_KINDS = ("plane", "curves", "snapshots", "dpi", "sensitivity", "usable")
RUN_KINDS = ("histograms", "units", "mechanism", "widths", "gradients", "snr", "split")
JUDGED = ("plane", "dpi")
STEPPED = ("plane", "curves", "snapshots")
"""Kinds with findings of the check, and kinds with an axis or a scale of steps."""


def plot(
    subject: Subject,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="FILE.png, .svg, .pdf, .gif or .mp4.")
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            "-k",
            help="of a plane: plane (trajectories), curves (I versus step with loss and accuracy), snapshots (one line per checkpoint), "
            "dpi (layer x layer verdicts), sensitivity (one small plane per estimator), usable (V-information beside the plane); "
            "of a run: histograms, units (activations over training per layer, per unit), mechanism, widths (I(X;Z) against the width of the bins), gradients, snr, split (train and test planes).",
        ),
    ] = "plane",
    estimator: Annotated[
        str,
        typer.Option(
            "--estimator",
            "-e",
            help="Spec to draw; the plane's first that is below its ceiling when left out.",
        ),
    ] = "",
    layer: Layers = None,
    check: Annotated[
        bool | None,
        typer.Option("--check/--no-check", help="Mark the findings of the DPI check, or not."),
    ] = None,
    size: Annotated[
        str,
        typer.Option(
            help="column: one column of a two-column paper (3.5 in); page: across the page.",
            callback=one_of("column", "page"),
        ),
    ] = "page",
    run: RunOption = None,
    log: Annotated[
        bool | None,
        typer.Option(
            "--log/--linear",
            help="Logarithmic or linear steps; decided from the steps when left out.",
        ),
    ] = None,
) -> None:
    """Draw the plane of a run, or what its activations do, as a figure for paper or talk.

    Of a run its plane.h5 is drawn where that is up to date, else a plane measured now.
    """
    from infoplane.commands.outputs import MOVIES, PICTURES, prepare
    from infoplane.commands.subjects import is_plane_at

    _require_kind(kind)
    is_plane_at(subject)
    movie = kind == "plane"
    prepare(output, (*PICTURES, *MOVIES) if movie else PICTURES)
    if kind not in STEPPED:
        refuse_together(f"kind {kind} has no scale of steps", log__linear=log is not None)
    if kind not in JUDGED:
        refuse_together(f"kind {kind} marks no findings", check__no_check=check is not None)
    if kind in ("sensitivity", "units", "histograms", "widths", "gradients", "snr"):
        refuse_together(f"kind {kind} is of no single estimator", estimator=estimator)
    if kind in RUN_KINDS:
        _draw_run(subject, output, kind, estimator, layer, size, run)
    else:
        _draw_plane(subject, output, kind, estimator, layer, check is not False, size, run, log)


def _require_kind(kind: str) -> None:
    kinds = (*PLANE_KINDS, *RUN_KINDS)
    if kind not in kinds:
        raise InputError(
            f"expected kind {', '.join(kinds)}, got {kind!r}{did_you_mean(kind, kinds)}"
        )


def _draw_plane(
    subject: Path,
    output: Path,
    kind: str,
    estimator: str,
    layer: list[str] | None,
    check: bool,
    size: str,
    run: Path | None,
    log: bool | None,
) -> None:
    from infoplane.commands.planes import of_estimators, plane_of

    plane = plane_of(subject, run=run)
    if estimator:
        of_estimators(plane, [estimator])
    elif kind in STEPPED:
        estimator = _say_first_below_ceiling(plane)
    judged = _report(plane) if check and kind in JUDGED else None
    if (names := names_like(layer, plane.layers)) is not None:
        plane = plane.select(layer=names)
    from infoplane.analysis.plot import save

    say(
        save.save_picture(
            plane, output, kind=kind, estimator=estimator or None, report=judged, size=size, log=log
        )
    )


def _say_first_below_ceiling(plane: Plane) -> str:
    """Return the estimator to draw where none is named, and say so where it is not the plane's first."""
    from infoplane.commands.planes import first_below_ceiling

    first = plane.estimators[0] if plane.estimators else ""
    chosen = first_below_ceiling(plane) if plane.points else None
    if chosen is None or chosen == first:
        return ""
    say(f"drawn: {chosen}; {first} is at its ceiling (-e {first} draws it)", file=sys.stderr)
    return chosen


def _report(plane: Plane) -> DPIReport:
    from infoplane.analysis.dpi.check import check_dpi

    return check_dpi(plane, progress=True)


def _draw_run(
    subject: Path,
    output: Path,
    kind: str,
    estimator: str,
    layer: list[str] | None,
    size: str,
    run: Path | None,
) -> None:
    from infoplane.commands.pictures import write
    from infoplane.commands.subjects import open_run
    from infoplane.display.progress import working

    if size != "page":
        raise InputError(
            f"kind {kind} has many panels and is drawn across the page only; leave --size out"
        )
    if kind in ("gradients", "snr", "split"):
        refuse_together(f"kind {kind} is of all layers", layer=layer)
    archive = open_run(subject, run=run)
    layers = names_like(layer, archive.layers)
    if kind == "units" and layers is not None and len(layers) > 1:
        raise InputError(f"kind units is of one layer, got {len(layers)}; name one: --layer NAME")
    from infoplane.analysis.plot import of_run

    with working(f"drawing {kind}"):
        figure = of_run.draw_run(archive, kind, layers=layers, estimator=estimator or None)
    write(figure, output)
