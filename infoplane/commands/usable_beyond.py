"""`infoplane usable-beyond`: what predictors can use of a layer beyond another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from infoplane.commands.options import Predictors
from infoplane.commands.over_steps import Number, Question, over_steps


@over_steps()
def usable_beyond(
    question: Question,
    given: Annotated[
        str, typer.Option(help="The layer whose usable information is taken as known.")
    ],
    family: Predictors = "linear",
) -> None:
    """Show I_V(Z -> Y | given) in bits: what is usable of a layer beyond another."""
    from infoplane.analysis.studies.usable import usable_beyond as measure_beyond
    from infoplane.patterns import names_like

    archive = question.archive
    (known,) = (names_like([given], archive.layers) or [given])[:1]

    def at(step: int) -> Iterator[Number]:
        for b in measure_beyond(archive, known, family, layers=question.layers, steps=[step]):  # type: ignore[arg-type]  # checked above
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

    numbers = question.measure("fitting predictors", at)
    question.show(f"I_V(Z->Y|{known}) [bits], {family}, held out", numbers)
