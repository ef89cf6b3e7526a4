"""`infoplane drift`: how far layers have come from a reference checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from infoplane.commands.options import one_of
from infoplane.commands.over_steps import Number, Question, over_steps
from infoplane.display.say import say
from infoplane.errors import InputError


@over_steps(least=1)
def drift(
    question: Question,
    reference: Annotated[str, typer.Option(help="first, previous, or a captured step.")] = "first",
    method: Annotated[
        str,
        typer.Option(
            help="knn, gauss, binned, or auto: by the rows of each pair.",
            callback=one_of("auto", "knn", "gauss", "binned"),
        ),
    ] = "auto",
) -> None:
    """Show the KL divergence in bits of a layer from its reference checkpoint."""
    from infoplane.analysis.studies.drift import drift as measure_drift
    from infoplane.types import printable

    archive = question.archive
    if len(archive.steps) < 2:
        raise InputError(
            f"{archive.path}: drift compares two checkpoints, the run has {len(archive.steps)}"
        )
    start = int(reference) if reference.lstrip("-").isdigit() else reference
    options: dict[str, Any] = {"reference": start, "method": method}  # Any: checked there
    notes: list[str] = []

    def at(step: int) -> Iterator[Number]:
        for d in measure_drift(archive, layers=question.layers, steps=[step], **options):
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

    numbers = question.measure("comparing", at)
    question.show(f"D(step || reference) [bits], reference {reference}", numbers)
    for note in notes[:5]:
        say(printable(f"* {note}", 300))
    if len(notes) > 5:
        say(f"* and {len(notes) - 5} more notes, in --csv FILE")
