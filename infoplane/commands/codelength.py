"""`infoplane codelength`: the length of the labels, coded given a layer."""

from __future__ import annotations

from functools import partial

from infoplane.commands.options import Predictors
from infoplane.commands.over_steps import Number, Question, over_steps


@over_steps()
def codelength(question: Question, family: Predictors = "linear") -> None:
    """Measure the length in bits of an online code of the labels given a layer.

    It is short where labels are easy to learn from the layer (minimum description length).

    Example: `infoplane codelength runs/first --family mlp`
    """
    from infoplane.analysis.studies.usable import Code, code_lengths

    def number(code: Code) -> Number:
        length = code.length
        columns = {
            "step": code.step,
            "layer": code.layer,
            "bits": length.bits,
            "uniform": length.uniform_bits,
            "times shorter": length.compression,
        }
        return Number(columns, f"{length.bits:.0f}", length.bits)

    study = partial(code_lengths, question.archive, family)  # type: ignore[arg-type]  # checked above
    numbers = question.measure("coding the labels", study, number)
    uniform = numbers[0].columns["uniform"]
    title = f"online code of the labels [bits], {family}; {uniform:.0f} bits without the layer"
    question.show(title, numbers)
