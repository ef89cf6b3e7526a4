"""`infoplane usable-beyond`: what predictors can use of a layer beyond another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from infoplane.commands.options import AllSteps, Csv, Layers, Picture, Run, Steps, one_of

Family = Annotated[
    str,
    typer.Option(
        help="Predictors: linear, mlp, knn, gaussian.",
        callback=one_of("linear", "mlp", "knn", "gaussian"),
    ),
]


def usable_beyond(
    run: Run,
    given: Annotated[
        str, typer.Option(help="The layer whose usable information is taken as known.")
    ],
    family: Family = "linear",
    layer: Layers = None,
    step: Steps = None,
    every: AllSteps = False,
    csv: Csv = None,
    output: Picture = None,
) -> None:
    """I_V(Z -> Y | given) in bits: what predictors can use about the labels from a layer beyond another layer."""
    from infoplane.analysis.studies.usable import usable_beyond as measure_beyond
    from infoplane.commands.outputs import PICTURES, prepare
    from infoplane.commands.over_steps import Number, chosen_steps, measure_steps, show
    from infoplane.commands.subjects import open_run
    from infoplane.patterns import names_like

    archive = open_run(run)
    layers = names_like(layer, archive.layers)
    (known,) = (names_like([given], archive.layers) or [given])[:1]
    steps = chosen_steps(archive, step, every)
    prepare(output, PICTURES)
    prepare(csv)

    def at(step: int) -> Iterator[Number]:
        for b in measure_beyond(archive, known, family, layers=layers, steps=[step]):  # type: ignore[arg-type]  # checked above
            e = b.estimate
            columns = {
                "step": b.step,
                "layer": b.layer,
                "bits": e.bits,
                "stderr": e.stderr,
                "low": e.low,
                "high": e.high,
            }
            yield Number(b.step, b.layer, e.bits, f"{e.bits:.3f}", columns=columns)

    numbers = measure_steps("fitting predictors", steps, at)
    title = f"I_V(Z->Y|{known}) [bits], {family}, held out"
    show(title, numbers, archive.steps, csv=csv, output=output)
