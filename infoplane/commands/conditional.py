"""`infoplane conditional`: information about the input beyond the labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from infoplane.commands.over_steps import Number, Question, over_steps


@over_steps()
def conditional(
    question: Question,
    estimator: Annotated[
        str,
        typer.Option("-e", "--estimator", metavar="SPEC", help="One of `infoplane estimators`."),
    ] = "exact",
) -> None:
    """Estimate I(Z;X|Y) in bits: what every layer tells about the input beyond the labels.

    Example: `infoplane conditional runs/first --layer 'act*' -o conditional.png`
    """
    from infoplane.analysis.studies.conditional import information_given_labels

    def at(step: int) -> Iterator[Number]:
        for result in information_given_labels(
            question.archive, estimator, layers=question.layers, steps=[step]
        ):
            layer, bits, stderr = result.layer, result.estimate.bits, result.estimate.stderr
            columns = {"step": step, "layer": layer, "bits": bits, "stderr": stderr}
            yield Number(step, layer, bits, f"{bits:.3f}", columns=columns)

    question.show(f"I(Z;X|Y) [bits], {estimator}", question.measure("measuring", at))
