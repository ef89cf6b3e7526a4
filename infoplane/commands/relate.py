"""Commands that relate layers to one another, to the input given the labels, to their past and to held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from infoplane.display.say import say

Run = Annotated[Path, typer.Argument(help="A run directory, or the packed file of one.")]
Layers = Annotated[
    list[str] | None, typer.Option("--layer", help="Only this layer; may be given several times.")
]
Steps = Annotated[
    list[int] | None,
    typer.Option("--step", help="Only this checkpoint; may be given several times."),
]
Csv = Annotated[Path | None, typer.Option("--csv", help="Also write the numbers as CSV.")]


def between(
    run: Run,
    estimator: Annotated[
        str,
        typer.Option(
            "-e",
            "--estimator",
            help="Takes two layers: knn, ksg, gauss, sliced, renyi, cka, exact, bin.",
        ),
    ] = "knn",
    step: Annotated[int | None, typer.Option(help="Checkpoint; the last when left out.")] = None,
    layer: Layers = None,
    seed: Annotated[int, typer.Option(help="Of estimators that draw.")] = 0,
    csv: Csv = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Also draw a heat map: FILE.png, .svg or .pdf."),
    ] = None,
) -> None:
    """I(Z_i;Z_j) in bits of every pair of layers at one checkpoint."""
    from infoplane.analysis.studies.layer_information import layer_information

    found = layer_information(run, estimator, step=step, layers=layer or None, seed=seed)
    say(found)
    if csv is not None:
        say(found.to_csv(csv))
    if output is not None:
        from infoplane.analysis.plot import plot_layer_information
        from infoplane.analysis.plot.save import write_figure

        say(write_figure(plot_layer_information(found).figure, output))


def given(
    run: Run,
    estimator: Annotated[
        str, typer.Option("-e", "--estimator", help="Spec; see `infoplane estimators`.")
    ] = "exact",
    layer: Layers = None,
    step: Steps = None,
    csv: Csv = None,
) -> None:
    """I(Z;X|Y) in bits: what every layer keeps of the input beyond the labels."""
    from infoplane.analysis.studies.conditional import information_given_labels

    found = information_given_labels(run, estimator, layers=layer or None, steps=step or None)
    rows = [(c.step, c.layer, c.estimate.bits, c.estimate.stderr) for c in found]
    _table(
        f"I(Z;X|Y) [bits], {found[0].estimate.estimator}",
        ("step", "layer", "bits", "stderr"),
        rows,
        csv,
    )


def drift(
    run: Run,
    reference: Annotated[str, typer.Option(help="first, previous, or a captured step.")] = "first",
    method: Annotated[
        str, typer.Option(help="knn, gauss, binned, or auto: by the rows of each pair.")
    ] = "auto",
    layer: Layers = None,
    step: Steps = None,
    csv: Csv = None,
) -> None:
    """KL divergence in bits between a layer's distribution at a checkpoint and at a reference checkpoint."""
    from infoplane.analysis.studies.drift import drift as measure_drift

    start = int(reference) if reference.lstrip("-").isdigit() else reference
    found = measure_drift(
        run,
        reference=start,  # type: ignore[arg-type]  # checked there
        method=method,  # type: ignore[arg-type]  # checked there
        layers=layer or None,
        steps=step or None,
    )
    rows = [(d.layer, d.reference, d.step, d.bits, d.stderr, d.method, d.note) for d in found]
    _table(
        "D(step || reference) [bits]",
        ("layer", "reference", "step", "bits", "stderr", "method", "note"),
        rows,
        csv,
    )


def sides(
    run: Run,
    estimator: Annotated[
        list[str] | None,
        typer.Option("-e", "--estimator", help="Spec, may be given several times."),
    ] = None,
    layer: Layers = None,
    step: Steps = None,
    divisions: Annotated[
        int,
        typer.Option(help="Random divisions of the rows for the p-value of the gap; 0 for none."),
    ] = 0,
    csv: Csv = None,
) -> None:
    """I(Z;Y) in bits on trained-on and on held-out rows, equally many of each."""
    from infoplane.analysis.studies.held_out import train_and_held_out

    found = train_and_held_out(
        run,
        estimator or ("knn", "vinfo:family=linear"),
        layers=layer or None,
        steps=step or None,
        divisions=divisions,
    )
    rows = [
        (b.step, b.layer, b.train.estimator, b.train.n, b.train.bits, b.test.bits, b.gap_bits, b.p)
        for b in found
    ]
    _table(
        "I(Z;Y) [bits]",
        ("step", "layer", "estimator", "n", "train", "held out", "gap", "p"),
        rows,
        csv,
    )


def beyond(
    run: Run,
    given: Annotated[
        str, typer.Option(help="The layer whose usable information is taken as known.")
    ],
    family: Annotated[str, typer.Option(help="Predictors: linear, mlp, knn, gaussian.")] = "linear",
    layer: Layers = None,
    step: Steps = None,
    csv: Csv = None,
) -> None:
    """I_V(Z -> Y | given) in bits: what predictors can use about the labels from a layer beyond another layer."""
    from infoplane.analysis.studies.usable import usable_beyond

    found = usable_beyond(run, given, family, layers=layer or None, steps=step or None)  # type: ignore[arg-type]  # checked there
    rows = [
        (b.step, b.layer, b.estimate.bits, b.estimate.stderr, b.estimate.low, b.estimate.high)
        for b in found
    ]
    _table(
        f"I_V(Z->Y|{given}) [bits], {family}, held out",
        ("step", "layer", "bits", "stderr", "low", "high"),
        rows,
        csv,
    )


def code(
    run: Run,
    family: Annotated[str, typer.Option(help="Predictors: linear, mlp, knn, gaussian.")] = "linear",
    layer: Layers = None,
    step: Steps = None,
    csv: Csv = None,
) -> None:
    """Length in bits of an online code of the labels given a layer (minimum description length): short where they are easy to learn."""
    from infoplane.analysis.studies.usable import code_lengths

    found = code_lengths(run, family, layers=layer or None, steps=step or None)  # type: ignore[arg-type]  # checked there
    rows = [
        (c.step, c.layer, c.length.bits, c.length.uniform_bits, c.length.compression) for c in found
    ]
    _table(
        f"online code of the labels [bits], {family}",
        ("step", "layer", "bits", "uniform", "times shorter"),
        rows,
        csv,
    )


def _table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], csv: Path | None
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from infoplane.new_file import write_csv
    from infoplane.types import printable

    table = Table(title=Text(printable(title, 200)))
    for name, example in zip(columns, rows[0], strict=True):
        table.add_column(name, justify="left" if isinstance(example, str) else "right")
    for row in rows:
        table.add_row(
            *(
                Text("" if v is None else f"{v:.4f}" if isinstance(v, float) else printable(v))
                for v in row
            )
        )
    Console().print(table)
    if csv is not None:
        say(write_csv(csv, columns, [dict(zip(columns, row, strict=True)) for row in rows]))


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (between, given, drift, sides, beyond, code):
        app.command()(command)
