"""`infoplane usable-beyond`: what predictors can use of a layer beyond another one."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from infoplane.commands.options import Predictors
from infoplane.commands.over_steps import Number, Question, over_steps


@over_steps()
def usable_beyond(
    question: Question,
    given: Annotated[
        str, typer.Option(metavar="NAME", help="The layer that predictors see already.")
    ],
    family: Predictors = "linear",
) -> None:
    """Estimate I_V(Z -> Y | given) in bits: what predictors can use of a layer beyond another.

    Example: `infoplane usable-beyond runs/first --given act1`
    """
    from infoplane.analysis.studies.usable import Beyond
    from infoplane.analysis.studies.usable import usable_beyond as measure_beyond
    from infoplane.patterns import names_like

    archive = question.archive
    (known,) = (names_like([given], archive.layers) or [given])[:1]

    def number(beyond: Beyond) -> Number:
        estimate = beyond.estimate
        columns = {
            "step": beyond.step,
            "layer": beyond.layer,
            "bits": estimate.bits,
            "stderr": estimate.stderr,
            "low": estimate.low,
            "high": estimate.high,
        }
        return Number(columns, f"{estimate.bits:.3f}", estimate.bits)

    study = partial(measure_beyond, archive, known, family)  # type: ignore[arg-type]  # checked above
    numbers = question.measure("fitting predictors", study, number)
    question.show(f"I_V(Z->Y|{known}) [bits], {family}, held out", numbers)
