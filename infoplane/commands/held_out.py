"""`infoplane held-out`: information about labels in training rows and in held-out rows."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from infoplane.commands.options import Specs, count
from infoplane.commands.over_steps import Number, Question, over_steps


@over_steps()
def held_out(
    question: Question,
    estimator: Specs = None,
    divisions: Annotated[
        int,
        count("Random divisions of the rows, for the p-value of the difference; 0 for none.", 0),
    ] = 0,
    errorbars: Annotated[
        int,
        count(
            "Half-sample splits for standard errors of numbers that have none of their own "
            "(knn); 0 for none.",
            0,
        ),
    ] = 10,
) -> None:
    """Estimate I(Z;Y) in bits on training rows and on equally many held-out rows.

    Estimators are knn and vinfo:family=linear unless -e names others. The picture shows the
    difference of the two.

    Example: `infoplane held-out runs/split --divisions 99 -o gap.png`
    """
    from infoplane.analysis.studies.held_out import BothSides, train_and_held_out

    specs = estimator or ("knn", "vinfo:family=linear")

    def number(both: BothSides) -> Number:
        train, test = both.train, both.test
        columns = {
            "step": both.step,
            "layer": both.layer,
            "estimator": train.estimator,
            "n": train.n,
            "train": train.bits,
            "held out": test.bits,
            "gap": both.gap_bits,
            "p": both.p,
            "gap stderr": both.gap_stderr,
        }
        text = f"{train.bits:.2f}/{test.bits:.2f}"
        if both.gap_stderr is not None:
            text += f" ±{both.gap_stderr:.2f}"
        if both.p is not None:
            text += f" p={both.p:.2g}"
        return Number(columns, text, both.gap_bits, train.estimator)

    study = partial(
        train_and_held_out, question.archive, specs, divisions=divisions, errorbars=errorbars
    )
    numbers = question.measure("measuring", study, number)
    question.show("I(Z;Y) [bits], trained on / held out ± standard error of the gap", numbers)
