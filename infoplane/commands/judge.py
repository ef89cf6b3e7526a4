"""Commands that judge: check, phases, invariance, sensitivity, compare."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infoplane.commands.subjects import RunOption
from infoplane.display.say import say

if TYPE_CHECKING:
    from infoplane.types import DPIReport


def check(
    subject: Annotated[
        Path,
        typer.Argument(metavar="RUN|PLANE", help="A run directory, a packed run, or a plane.h5."),
    ],
    estimator: Annotated[
        list[str] | None,
        typer.Option(
            "-e",
            "--estimator",
            help="For a run: what to measure first (what can answer on it by default).",
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", "-w", help="Threads on this machine.")] = 1,
    alpha: Annotated[
        float,
        typer.Option(help="Level: an excess that chance explains at this level is `sampling`."),
    ] = 0.05,
    permutations: Annotated[
        int, typer.Option(help="Draws of the permutation test; 0 leaves `sampling` and `bias` out.")
    ] = 1999,
    run: RunOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON, for machines.")
    ] = False,
) -> None:
    """Check the data processing inequality. Exit code 1 on a fault or an unexplained violation, 2 on bad input, else 0."""
    from infoplane.analysis.dpi.check import check_dpi
    from infoplane.analysis.dpi.settings import DPISettings
    from infoplane.analysis.measuring.measure import measure
    from infoplane.archive import open_archive
    from infoplane.archive.planes import is_plane
    from infoplane.commands.subjects import tell_read_only
    from infoplane.display.tables import say_report
    from infoplane.plane import Plane

    settings = DPISettings(alpha=alpha, permutations=permutations)
    if is_plane(subject):
        report = check_dpi(Plane.load(subject, run=run), settings, progress=not as_json)
    else:
        archive = open_archive(subject)
        tell_read_only(archive)
        plane = measure(archive, estimator or None, workers=workers, progress=not as_json)
        report = check_dpi(plane, settings, archive=archive, progress=not as_json)
    if as_json:
        say(json.dumps(_as_dict(report), indent=1))
    else:
        say_report(report)
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


Specs = Annotated[
    list[str] | None,
    typer.Option(
        "-e", "--estimator", help="Spec, may be given several times; see `infoplane estimators`."
    ),
]
Picture = Annotated[
    Path | None, typer.Option("-o", "--output", help="Also draw FILE.png, .svg or .pdf.")
]


def phases(
    run: Annotated[
        list[Path], typer.Argument(help="One or more runs (directories or packed files).")
    ],
    estimator: Specs = None,
    output: Picture = None,
    splits: Annotated[int, typer.Option(help="Random splits of the probe rows into halves.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the splits.")] = 0,
) -> None:
    """Does a layer compress, when, and on whose word? The peak is chosen on one half of the rows and measured on the other."""
    from infoplane.analysis.studies.phases import DEFAULT_ESTIMATORS
    from infoplane.analysis.studies.phases import phases as judge
    from infoplane.display.tables import say_phases

    for k, path in enumerate(run):
        found = judge(
            path, estimator or DEFAULT_ESTIMATORS, splits=splits, seed=seed, progress=True
        )
        say_phases(found)
        if output is not None:
            from infoplane.analysis.plot import plot_phases

            _save(
                plot_phases(found).figure,
                output if len(run) == 1 else output.with_stem(f"{output.stem}-{k + 1}"),
            )


def invariance(
    run: Annotated[Path, typer.Argument(help="A run directory, or the packed file of one.")],
    estimator: Specs = None,
    step: Annotated[int | None, typer.Option(help="Checkpoint; the last when left out.")] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", help="Only this layer; may be given several times."),
    ] = None,
    about: Annotated[str, typer.Option(help="labels: I(Z;Y); inputs: I(X;Z).")] = "labels",
    output: Picture = None,
) -> None:
    """How much of a number is notation: invertible maps of a layer that must not move it, losses that must."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from infoplane.analysis.studies.invariance import invariance as battery
    from infoplane.types import printable

    if about not in ("labels", "inputs"):
        raise typer.BadParameter(f"expected labels or inputs, got {about!r}", param_hint="--about")
    found = battery(
        run,
        estimator or ("bin:szt", "bin:quantile,n=30", "kde:relative=0.1", "exact"),
        step=step,
        layers=layer or None,
        quantity="i_zy" if about == "labels" else "i_xz",
    )
    table = Table(
        title=f"reparameterisation invariance, I({'Z;Y' if about == 'labels' else 'X;Z'}) in bits"
    )
    for column in (
        "layer",
        "estimator",
        "value",
        "invariance error",
        "worst map",
        "sensitivity",
        "discriminability",
    ):
        table.add_column(
            column, justify="left" if column in ("layer", "estimator", "worst map") else "right"
        )
    from infoplane.analysis.studies.invariance import INVERTIBLE

    for f in found:
        worst = max(INVERTIBLE, key=lambda name: f.changes[name])
        table.add_row(
            Text(printable(f.layer)),
            f.estimator,
            *(f"{v:.3f}" for v in (f.value, f.error)),
            worst,
            f"{f.sensitivity:.3f}",
            f"{f.discriminability:.2f}",
        )
    Console().print(table)
    say(
        "error: largest change under a map that changes no information. sensitivity: loss when half of the units go. discriminability: share of signal."
    )
    if output is not None:
        from infoplane.analysis.plot import plot_invariance

        _save(plot_invariance(found).figure, output)


def sensitivity(
    run: Annotated[Path, typer.Argument(help="A run directory, or the packed file of one.")],
    estimator: Specs = None,
    output: Picture = None,
    workers: Annotated[int, typer.Option("--workers", "-w", help="Threads on this machine.")] = 1,
) -> None:
    """The same activations under ten conventions: does layer k compress? Table, small-multiple planes, a verdict in words."""
    from infoplane.analysis.studies.sensitivity import CONVENTIONS
    from infoplane.analysis.studies.sensitivity import sensitivity as judge

    found = judge(run, estimator or CONVENTIONS, workers=workers, progress=True)
    say(found)
    if output is not None:
        from infoplane.analysis.plot import draw_sensitivity

        _save(draw_sensitivity(found.plane), output)


def compare(
    run: Annotated[
        list[Path],
        typer.Argument(help="Two or more runs or planes: seeds, activations, data sets."),
    ],
    estimator: Annotated[
        str, typer.Option("-e", "--estimator", help="Spec to compare under.")
    ] = "bin:szt",
    output: Annotated[Path, typer.Option("-o", "--output", help="FILE.png, .svg or .pdf.")] = Path(
        "compare.png"
    ),
    workers: Annotated[int, typer.Option("--workers", "-w", help="Threads on this machine.")] = 1,
) -> None:
    """Planes of several runs side by side, and pooled over runs with their range."""
    from infoplane.analysis.plot import draw_compared
    from infoplane.analysis.studies.compare import pool
    from infoplane.commands.subjects import named_planes
    from infoplane.types import printable

    planes = named_planes(run, estimator, workers)
    pooled = pool(planes, estimator=estimator)
    for p in pooled:
        low, high = p.band()
        what = "I(X;Z)" if p.quantity == "i_xz" else "I(Z;Y)"
        say(
            f"{printable(p.layer, 40):12s} {what} at step {p.steps[-1]}: median {p.median[-1]:.3f} bits, runs {low[-1]:.3f} to {high[-1]:.3f}"
        )
    _save(draw_compared(planes, pooled), output)


def _save(figure: Any, path: Path) -> None:  # Any: a matplotlib figure
    from infoplane.analysis.plot.save import write_figure

    say(write_figure(figure, path))


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (check, phases, invariance, sensitivity, compare):
        app.command()(command)
