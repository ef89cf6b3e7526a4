"""`infoplane drift`: how far layers have come from a reference checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from infoplane.commands.options import AllSteps, Csv, Layers, Picture, Run, Steps, one_of
from infoplane.display.say import say
from infoplane.errors import InputError


def drift(
    run: Run,
    reference: Annotated[str, typer.Option(help="first, previous, or a captured step.")] = "first",
    method: Annotated[
        str,
        typer.Option(
            help="knn, gauss, binned, or auto: by the rows of each pair.",
            callback=one_of("auto", "knn", "gauss", "binned"),
        ),
    ] = "auto",
    layer: Layers = None,
    step: Steps = None,
    every: AllSteps = False,
    csv: Csv = None,
    output: Picture = None,
) -> None:
    """KL divergence in bits between a layer's distribution at a checkpoint and at a reference checkpoint."""
    from infoplane.analysis.studies.drift import drift as measure_drift
    from infoplane.commands.outputs import PICTURES, prepare
    from infoplane.commands.over_steps import Number, chosen_steps, measure_steps, show
    from infoplane.commands.subjects import open_run
    from infoplane.patterns import names_like
    from infoplane.types import printable

    archive = open_run(run)
    if len(archive.steps) < 2:
        raise InputError(f"{run}: drift compares two checkpoints, the run has {len(archive.steps)}")
    layers = names_like(layer, archive.layers)
    steps = chosen_steps(archive, step, every, least=1)
    prepare(output, PICTURES)
    prepare(csv)
    start = int(reference) if reference.lstrip("-").isdigit() else reference
    options: dict[str, Any] = {"reference": start, "method": method}  # Any: checked there
    notes: list[str] = []

    def at(step: int) -> Iterator[Number]:
        for d in measure_drift(archive, layers=layers, steps=[step], **options):
            if d.note:
                notes.append(f"{d.layer}, step {d.step}: {d.note}")
            columns = {
                "layer": d.layer,
                "reference": d.reference,
                "step": d.step,
                "bits": d.bits,
                "stderr": d.stderr,
                "method": d.method,
                "note": d.note,
            }
            text = f"{d.bits:.3f}{'*' if d.note else ''} {d.method}"
            yield Number(d.step, d.layer, d.bits, text, columns=columns)

    numbers = measure_steps("comparing", steps, at)
    title = f"D(step || reference) [bits], reference {reference}"
    show(title, numbers, archive.steps, csv=csv, output=output)
    for note in notes[:5]:
        say(printable(f"* {note}", 300))
    if len(notes) > 5:
        say(f"* and {len(notes) - 5} more notes, in --csv FILE")
