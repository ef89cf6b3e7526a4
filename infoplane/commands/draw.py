"""Commands that draw: plot, report, watch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infoplane.commands.subjects import RunOption
from infoplane.display.say import say


def plot(
    subject: Annotated[
        Path,
        typer.Argument(
            metavar="PLANE|RUN",
            help="A plane.h5, or a run for the kinds that draw its activations.",
        ),
    ],
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
        typer.Option("--estimator", "-e", help="Spec to draw; the plane's first when left out."),
    ] = "",
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", help="Of a run: only this layer; may be given several times."),
    ] = None,
    check: Annotated[bool, typer.Option(help="Mark the findings of the DPI check.")] = True,
    size: Annotated[
        str,
        typer.Option(
            help="column: one column of a two-column paper (3.5 in); page: across the page."
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
    """Draw a measured plane, or what the activations of a run do, as a figure for paper or talk."""
    from infoplane.plane import Plane

    if kind in ("plane", "dpi"):
        from infoplane.analysis.dpi.check import check_dpi
        from infoplane.analysis.plot import save

        save.require_suffix(output)  # said before anybody waits for a judgement
        measured = Plane.load(subject, run=run)
        judged = check_dpi(measured, progress=True) if check else None

        say(
            save.save_picture(
                measured,
                output,
                kind=kind,
                estimator=estimator or None,
                report=judged,
                size=size,
                log=log,
            )
        )
        return
    from infoplane.analysis.plot import of_run, save

    if kind in of_run.KINDS:
        from infoplane.archive import open_archive
        from infoplane.archive.planes import is_plane
        from infoplane.errors import InputError

        if size != "page":
            raise InputError(
                f"kind {kind} has many panels and is drawn across the page only; leave --size out"
            )

        behind = Plane.load(subject, run=run).run_path if is_plane(subject) else subject
        if behind is None:
            raise InputError(
                f"kind {kind} needs the run behind the plane, which does not lie beside its file; say where it is: --run RUN"
            )
        say(
            save.write_figure(
                of_run.draw_run(
                    open_archive(behind), kind, layers=layer, estimator=estimator or None
                ),
                output,
            )
        )
    else:
        say(
            save.save_picture(
                Plane.load(subject, run=run),
                output,
                kind=kind,
                estimator=estimator or None,
                size=size,
                log=log,
            )
        )


def report(
    subject: Annotated[
        Path,
        typer.Argument(
            metavar="PLANE|RUN", help="A plane.h5, or a run (its plane.h5, else measured now)."
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="FILE.html, one self-contained file.")
    ],
    title: Annotated[str, typer.Option(help="Heading; the archive's name when left out.")] = "",
    check: Annotated[bool, typer.Option(help="Run the DPI check and list its findings.")] = True,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Also phases, sensitivity and mechanism, from the run behind the plane: takes minutes.",
        ),
    ] = False,
    run: RunOption = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against", help="Another plane.h5 or run to compare with; may be given several times."
        ),
    ] = None,
) -> None:
    """Write one interactive HTML file that works offline."""
    from infoplane.analysis.report import write_report
    from infoplane.commands.subjects import judge_all, plane_of

    measured = plane_of(subject, run=run)
    judged = judge_all(measured, subject, full=full, against=against or ())
    checked = None
    if check:
        from infoplane.analysis.dpi.check import check_dpi

        checked = check_dpi(measured, progress=True)
    path = write_report(output, measured, checked, title=title, judged=judged)
    say(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


def watch(  # the options of a command
    run: Annotated[
        Path, typer.Argument(help="RUN, the directory a Recorder writes to; it may not exist yet.")
    ],
    estimator: Annotated[
        list[str] | None,
        typer.Option(
            "-e",
            "--estimator",
            help="Spec to measure as checkpoints appear; may be given several times. Default: bin:szt.",
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="Measure nothing, only show the result lines that another process writes.",
        ),
    ] = False,
    host: Annotated[
        str, typer.Option(help="Address to bind; beyond loopback a token is required.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port.")] = 8321,
    linger: Annotated[
        float | None,
        typer.Option(
            hidden=True, help="End when standard input closes and nobody looks for so long."
        ),
    ] = None,
    listening: Annotated[
        int | None, typer.Option(hidden=True, help="A socket that listens already.")
    ] = None,
    secret: Annotated[
        Path | None, typer.Option(hidden=True, help="File of the secret by which it is known.")
    ] = None,
    token: Annotated[
        str, typer.Option(help="Token for the address; made when needed and left out.")
    ] = "",
) -> None:
    """Show a running training live in the browser (read-only, this machine only unless told otherwise)."""
    import socket
    import threading

    from infoplane.background.page_secret import read_secret

    known = None if secret is None else read_secret(secret)
    from infoplane.analysis.live import RunSource, measure_beside, serve

    stop = threading.Event()
    if not follow:
        threading.Thread(
            target=measure_beside, args=(run, estimator or ["bin:szt"], stop), daemon=True
        ).start()
    try:
        serve(
            RunSource(run),
            host=host,
            port=port,
            title=run.name,
            token=token or None,
            answer=None if known is None else known.answer,
            listening=None if listening is None else socket.socket(fileno=listening),
            linger=linger,
        )
    finally:
        stop.set()


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(plot)
    app.command()(report)
    app.command()(watch)
