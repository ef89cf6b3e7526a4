"""`infoplane conditional`: what layers keep of the input beyond the labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from infoplane.commands.over_steps import Number, Question, over_steps


@over_steps()
def conditional(
    question: Question,
    estimator: Annotated[
        str, typer.Option("-e", "--estimator", help="Spec; see `infoplane estimators`.")
    ] = "exact",
) -> None:
    """I(Z;X|Y) in bits: what every layer keeps of the input beyond the labels."""
    from infoplane.analysis.studies.conditional import information_given_labels

    def at(step: int) -> Iterator[Number]:
        for c in information_given_labels(
            question.archive, estimator, layers=question.layers, steps=[step]
        ):
            bits, stderr = c.estimate.bits, c.estimate.stderr
            columns = {"step": step, "layer": c.layer, "bits": bits, "stderr": stderr}
            yield Number(step, c.layer, bits, f"{bits:.3f}", columns=columns)

    question.show(f"I(Z;X|Y) [bits], {estimator}", question.measure("measuring", at))
