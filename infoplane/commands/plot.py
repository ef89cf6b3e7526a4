"""`infoplane plot`: a figure of a plane or of what the activations of a run do."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infoplane.commands.options import (
    Layers,
    RunOption,
    Subject,
    count,
    one_of,
    one_spec,
    output_file,
    refuse_together,
)
from infoplane.commands.run_pictures import RUN_KINDS, PictureOptions
from infoplane.display.terminal import say
from infoplane.errors import InputError
from infoplane.patterns import did_you_mean, names_like

if TYPE_CHECKING:
    from infoplane.analysis.plot import View
    from infoplane.plane import Plane

AXES = "Axes"
"""Heading of these options in `--help`."""
PLANE_KINDS = ("plane", "curves", "snapshots", "dpi", "sensitivity", "usable")
JUDGED = ("plane", "dpi")
STEPPED = ("plane", "curves", "snapshots")
"""Kinds with findings of the check, and kinds with an axis or a scale of steps."""


def _is_width(value: str) -> str:
    """Check a width before anything is measured: a word, or a number of inches."""
    if value.replace(".", "", 1).isdecimal():
        return value
    return one_of("column", "page", "a width in inches such as 3.3")(value)


def plot(
    subject: Subject,
    output: Annotated[
        Path,
        output_file("A .png, .svg, .pdf, .gif or .mp4 file."),
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            "-k",
            help="From a plane: plane (trajectories), curves (bits over steps, with loss and "
            "accuracy), snapshots (a line per checkpoint), dpi (verdicts, layer by layer), "
            "sensitivity (a small plane per estimator), usable (V-information and the plane). "
            "From a run: histograms (activations per layer), units (per unit), mechanism "
            "(saturation), widths (I(X;Z) over bin widths), gradients, snr, split (training and "
            "held-out planes).",
        ),
    ] = "plane",
    estimator: Annotated[
        str,
        one_spec("Estimator to draw; by default the first that is below its ceiling."),
    ] = "",
    layer: Layers = None,
    check: Annotated[
        bool | None,
        typer.Option("--check/--no-check", help="Mark the findings of the data processing check."),
    ] = None,
    size: Annotated[
        str,
        typer.Option(
            help="column (3.5 in, one column of a paper), page (its full width), or inches.",
            callback=_is_width,
        ),
    ] = "page",
    run: RunOption = None,
    log: Annotated[
        bool | None,
        typer.Option(
            "--log/--linear",
            rich_help_panel=AXES,
            help="Scale of the steps; by default chosen from the steps.",
        ),
    ] = None,
    title: Annotated[str, typer.Option(rich_help_panel=AXES, help="Title of the picture.")] = "",
    unit: Annotated[
        str,
        typer.Option(
            rich_help_panel=AXES,
            help="Unit of the axes, --xlim and --ylim: bits or nats.",
            callback=one_of("bits", "nats"),
        ),
    ] = "bits",
    xlim: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH",
            rich_help_panel=AXES,
            help="Limits of the horizontal axis; steps for kind curves.",
        ),
    ] = None,
    ylim: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", rich_help_panel=AXES, help="Limits of the vertical axis."),
    ] = None,
    fit: Annotated[
        bool,
        typer.Option(
            "--fit",
            rich_help_panel=AXES,
            help="Axes that fit the data, instead of from 0 to the ceilings.",
        ),
    ] = False,
    errorbars: Annotated[
        int,
        count("For kind split: half-sample splits for 95 % intervals; 10 is a good choice.", 0),
    ] = 0,
) -> None:
    """Draw the plane of a run, or a study of its activations, as a figure for a paper or a talk.

    For a run, its plane.h5 is drawn if that is up to date; else the run is measured first. The
    caption that is printed explains axes and marks.

    Example: `infoplane plot runs/first -o plane.pdf --size column`
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
    if kind not in STEPPED:
        refuse_together(
            f"kind {kind} has axes of its own",
            unit=unit != "bits",
            xlim=xlim is not None,
            ylim=ylim is not None,
            fit=fit,
            title=title and kind != "split",
        )
    if kind != "split":
        refuse_together(f"kind {kind} resamples nothing", errorbars=errorbars)
    if kind in RUN_KINDS:
        options = PictureOptions(estimator=estimator, errorbars=errorbars, title=title)
        _draw_run(subject, output, kind, options, layer, size, run)
        return
    from infoplane.analysis.plot import View

    view = View(title, unit, xlim, ylim, fit)
    marked = check is not False
    _draw_plane(subject, output, kind, estimator, layer, marked, size, run, log, view)


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
    view: View,
) -> None:
    from infoplane.analysis.caveats import caveats_of
    from infoplane.analysis.dpi.check import check_dpi
    from infoplane.analysis.plot import caption_of, save
    from infoplane.analysis.plot.labels import choose_estimator
    from infoplane.commands.planes import plane_of, spec_in

    plane = plane_of(subject, run=run, needed=estimator)
    if estimator:
        estimator = spec_in(plane, estimator)
    elif kind in STEPPED:
        estimator = _say_first_below_ceiling(plane)
    report = check_dpi(plane, progress=True) if check and kind in JUDGED else None
    names = names_like(layer, plane.layers)
    if names is not None:
        plane = plane.select(layer=names)
    caveats = None
    if kind == "plane":
        caveats = caveats_of(plane, choose_estimator(plane, estimator or None))
    say(
        save.save_picture(
            plane,
            output,
            kind=kind,
            estimator=estimator or None,
            report=report,
            size=size,
            log=log,
            caveats=caveats,
            view=view if kind in STEPPED else None,
        )
    )
    if kind in STEPPED:
        drawn = {"kind": kind, "estimator": estimator or None, "unit": view.unit}
        say(caption_of(plane, caveats=caveats, report=report, **drawn))  # type: ignore[arg-type]  # words


def _say_first_below_ceiling(plane: Plane) -> str:
    """Return the estimator to draw by default; print it where it is not the plane's first."""
    from infoplane.commands.planes import first_below_ceiling

    first = plane.estimators[0] if plane.estimators else ""
    chosen = first_below_ceiling(plane) if plane.points else None
    if chosen is None or chosen == first:
        return ""
    say(f"drawn: {chosen}; {first} is at its ceiling (-e {first} draws it)", file=sys.stderr)
    return chosen


def _draw_run(
    subject: Path,
    output: Path,
    kind: str,
    options: PictureOptions,
    layer: list[str] | None,
    size: str,
    run: Path | None,
) -> None:
    from infoplane.commands.outputs import write_picture
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
    with working(f"drawing {kind}"):
        figure = RUN_KINDS[kind](archive, replace(options, layers=layers))
    write_picture(figure, output)
