"""`infoplane conditional`: information about the input beyond the labels."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from infoplane.commands.options import one_spec
from infoplane.commands.over_steps import Number, Question, over_steps


@over_steps()
def conditional(
    question: Question,
    estimator: Annotated[
        str,
        one_spec("One of `infoplane estimators`."),
    ] = "exact",
) -> None:
    """Estimate I(Z;X|Y) in bits: what every layer tells about the input beyond the labels.

    Example: `infoplane conditional runs/first --layer 'act*' -o conditional.png`
    """
    from infoplane.analysis.studies.conditional import Conditional, information_given_labels

    def number(result: Conditional) -> Number:
        bits, stderr = result.estimate.bits, result.estimate.stderr
        columns = {"step": result.step, "layer": result.layer, "bits": bits, "stderr": stderr}
        return Number(columns, f"{bits:.3f}", bits)

    study = partial(information_given_labels, question.archive, estimator)
    question.show(f"I(Z;X|Y) [bits], {estimator}", question.measure("measuring", study, number))
