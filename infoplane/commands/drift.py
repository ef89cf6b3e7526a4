"""`infoplane drift`: how far layers moved from a reference checkpoint."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from infoplane.commands.options import one_of
from infoplane.commands.over_steps import Number, Question, over_steps
from infoplane.display.terminal import say
from infoplane.errors import InputError


@over_steps(least=1)
def drift(
    question: Question,
    reference: Annotated[
        str, typer.Option(help="first, previous, or the number of a checkpoint.")
    ] = "first",
    method: Annotated[
        str,
        typer.Option(
            help="knn, gauss, binned, or auto, which chooses for each pair.",
            callback=one_of("auto", "knn", "gauss", "binned"),
        ),
    ] = "auto",
) -> None:
    """Estimate how far every layer moved from a reference checkpoint, as a KL divergence in bits.

    Example: `infoplane drift runs/first --reference previous -o drift.png`
    """
    from infoplane.analysis.studies.drift import Drift
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

    def number(moved: Drift) -> Number:
        if moved.note:
            notes.append(f"{moved.layer}, step {moved.step}: {moved.note}")
        text = f"{moved.bits:.3f}{'*' if moved.note else ''} {moved.method}"
        return Number(vars(moved), text, moved.bits)

    numbers = question.measure("comparing", partial(measure_drift, archive, **options), number)
    question.show(f"D(step || reference) [bits], reference {reference}", numbers)
    for note in notes[:5]:
        say(printable(f"* {note}", 300))
    if len(notes) > 5:
        say(f"* and {len(notes) - 5} more notes, in --csv FILE")
