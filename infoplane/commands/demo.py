"""`infoplane demo`: the whole of infoplane in two minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infoplane.commands.options import Workers, count
from infoplane.display.terminal import say

BINS = """counts how many different rows remain after every unit's value
is put into a bin; it can fall when units saturate, although nothing is forgotten"""
NOISE = """is what remains of the rows when noise is added to
every unit, in proportion to the distance between rows; it can fall when rows move
together, although nothing is forgotten"""
READING = """What these numbers are: bits, measured on all {n} probe rows. "{spec}" {meaning}.
"exact" counts rows that differ in any bit: it says what the network really lost.
log2 N = {log2_n:.2f} bits is the ceiling of both, H(Y) = {h_y:.3f} bits the ceiling of I(Z;Y).
What they are not: the mutual information of the continuous layer. In a deterministic network
that is constant or infinite; a curve belongs to its width, and other widths draw other curves
(try --activation relu, or `infoplane measure {run} -e bin:range`)."""


def demo(
    out: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="For the run, the plane, the table and the pictures."),
    ] = Path("runs/demo"),
    task: Annotated[
        str, typer.Option(help="szt (12 bits, 4096 patterns) or digits (8x8 images).")
    ] = "szt",
    activation: Annotated[
        str,
        typer.Option(
            help="tanh, relu, sigmoid, softsign, softplus, elu, gelu, leaky_relu or linear."
        ),
    ] = "tanh",
    epochs: Annotated[
        int | None,
        count("Training epochs; by default enough to see the layers move.", 1),
    ] = None,
    seed: Annotated[int, count("Seed of weights, split and batches.", 0)] = 0,
    workers: Workers = 2,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing run.")
    ] = False,
) -> None:
    """Train a small network, and capture, measure, check and draw it, in two minutes.

    Example: `infoplane demo --out runs/demo --activation relu`
    """
    from rich.console import Console
    from rich.table import Table

    from infoplane.analysis.estimators.spec import traits_of
    from infoplane.demo import run_demo, summary_rows

    console = Console()
    done = run_demo(
        out,
        task=task,
        activation=activation,
        epochs=epochs,
        seed=seed,
        workers=workers,
        overwrite=overwrite,
        progress=True,
        say=console.print,
    )
    plane = done.plane
    rows = summary_rows(plane)
    table = Table(
        title=f"I(X;Z) under {plane.estimators[0]} [bits], {activation} network, N={plane.n}"
    )
    for key in rows[0]:
        table.add_column(key, justify="left" if key == "layer" else "right")
    for row in rows:
        table.add_row(*row.values())
    console.print(table)
    console.print(
        f"accuracy: {done.trained.train_accuracy:.1%} on training rows, "
        f"{done.trained.test_accuracy:.1%} on held-out rows",
        highlight=False,
    )
    say(done.report)
    say()
    say(
        READING.format(
            n=plane.n,
            spec=plane.estimators[0],
            meaning=BINS if "bins" in traits_of(plane.estimators[0]).family else NOISE,
            log2_n=plane.log2_n,
            h_y=plane.h_y_bits or float("nan"),
            run=done.files["run"],
        )
    )
    say()
    for name, path in done.files.items():
        say(f"{name:8s} {path}")
