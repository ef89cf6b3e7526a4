"""`infoplane held-out`: labels in trained-on and in held-out rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from infoplane.commands.options import AllSteps, Csv, Layers, Picture, Run, Specs, Steps, at_least


def held_out(
    run: Run,
    estimator: Specs = None,
    layer: Layers = None,
    step: Steps = None,
    every: AllSteps = False,
    divisions: Annotated[
        int,
        typer.Option(
            help="Random divisions of the rows for the p-value of the gap; 0 for none.",
            callback=at_least(0),
        ),
    ] = 0,
    csv: Csv = None,
    output: Picture = None,
) -> None:
    """I(Z;Y) in bits on trained-on and on held-out rows, equally many of each. Drawn is the gap."""
    from infoplane.analysis.studies.held_out import train_and_held_out
    from infoplane.commands.outputs import PICTURES, prepare
    from infoplane.commands.over_steps import Number, chosen_steps, measure_steps, show
    from infoplane.commands.subjects import open_run
    from infoplane.patterns import names_like

    archive = open_run(run)
    layers = names_like(layer, archive.layers)
    steps = chosen_steps(archive, step, every)
    prepare(output, PICTURES)
    prepare(csv)
    specs = estimator or ("knn", "vinfo:family=linear")

    def at(step: int) -> Iterator[Number]:
        for b in train_and_held_out(
            archive, specs, layers=layers, steps=[step], divisions=divisions
        ):
            columns = {
                "step": b.step,
                "layer": b.layer,
                "estimator": b.train.estimator,
                "n": b.train.n,
                "train": b.train.bits,
                "held out": b.test.bits,
                "gap": b.gap_bits,
                "p": b.p,
            }
            text = f"{b.train.bits:.2f}/{b.test.bits:.2f}"
            text += "" if b.p is None else f" p={b.p:.2g}"
            yield Number(b.step, b.layer, b.gap_bits, text, b.train.estimator, columns)

    numbers = measure_steps("measuring", steps, at)
    show("I(Z;Y) [bits], trained on / held out", numbers, archive.steps, csv=csv, output=output)
