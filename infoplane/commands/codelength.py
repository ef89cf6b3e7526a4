"""`infoplane codelength`: how short the labels become, given a layer."""

from __future__ import annotations

from collections.abc import Iterator

from infoplane.commands.options import AllSteps, Csv, Layers, Picture, Run, Steps
from infoplane.commands.usable_beyond import Family


def codelength(
    run: Run,
    family: Family = "linear",
    layer: Layers = None,
    step: Steps = None,
    every: AllSteps = False,
    csv: Csv = None,
    output: Picture = None,
) -> None:
    """Length in bits of an online code of the labels given a layer (minimum description length): short where they are easy to learn."""
    from infoplane.analysis.studies.usable import code_lengths
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
        for c in code_lengths(archive, family, layers=layers, steps=[step]):  # type: ignore[arg-type]  # checked above
            length = c.length
            columns = {
                "step": c.step,
                "layer": c.layer,
                "bits": length.bits,
                "uniform": length.uniform_bits,
                "times shorter": length.compression,
            }
            yield Number(c.step, c.layer, length.bits, f"{length.bits:.0f}", columns=columns)

    numbers = measure_steps("coding the labels", steps, at)
    uniform = numbers[0].columns["uniform"]
    title = f"online code of the labels [bits], {family}; {uniform:.0f} bits without the layer"
    show(title, numbers, archive.steps, csv=csv, output=output)
