"""`infoplane conditional`: what layers keep of the input beyond the labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from infoplane.commands.options import AllSteps, Csv, Layers, Picture, Run, Steps


def conditional(
    run: Run,
    estimator: Annotated[
        str, typer.Option("-e", "--estimator", help="Spec; see `infoplane estimators`.")
    ] = "exact",
    layer: Layers = None,
    step: Steps = None,
    every: AllSteps = False,
    csv: Csv = None,
    output: Picture = None,
) -> None:
    """I(Z;X|Y) in bits: what every layer keeps of the input beyond the labels."""
    from infoplane.analysis.studies.conditional import information_given_labels
    from infoplane.commands.outputs import PICTURES, prepare
    from infoplane.commands.over_steps import Number, chosen_steps, measure_steps, show
    from infoplane.commands.subjects import open_run
    from infoplane.patterns import names_like

    archive = open_run(run)
    layers = names_like(layer, archive.layers)
    steps = chosen_steps(archive, step, every)
    prepare(output, PICTURES)
    prepare(csv)

    def at(step: int) -> Iterator[Number]:
        for c in information_given_labels(archive, estimator, layers=layers, steps=[step]):
            bits, stderr = c.estimate.bits, c.estimate.stderr
            columns = {"step": step, "layer": c.layer, "bits": bits, "stderr": stderr}
            yield Number(step, c.layer, bits, f"{bits:.3f}", columns=columns)

    numbers = measure_steps("measuring", steps, at)
    show(f"I(Z;X|Y) [bits], {estimator}", numbers, archive.steps, csv=csv, output=output)
