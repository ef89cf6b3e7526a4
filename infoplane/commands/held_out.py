"""`infoplane held-out`: labels in trained-on and in held-out rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from infoplane.commands.options import Specs, at_least
from infoplane.commands.over_steps import Number, Question, over_steps


@over_steps()
def held_out(
    question: Question,
    estimator: Specs = None,
    divisions: Annotated[
        int,
        typer.Option(
            help="Random divisions of the rows for the p-value of the gap; 0 for none.",
            callback=at_least(0),
        ),
    ] = 0,
) -> None:
    """I(Z;Y) in bits on trained-on and on held-out rows, equally many of each. Drawn is the gap."""
    from infoplane.analysis.studies.held_out import train_and_held_out

    specs = estimator or ("knn", "vinfo:family=linear")

    def at(step: int) -> Iterator[Number]:
        for b in train_and_held_out(
            question.archive, specs, layers=question.layers, steps=[step], divisions=divisions
        ):
            columns = {
                "step": b.step,
                "layer": b.layer,
                "estimator": b.train.estimator,
                "n": b.train.n,
                "train": b.train.bits,
                "held out": b.test.bits,
                "gap": b.gap_bits,
                "p": b.p,
            }
            text = f"{b.train.bits:.2f}/{b.test.bits:.2f}"
            text += "" if b.p is None else f" p={b.p:.2g}"
            yield Number(b.step, b.layer, b.gap_bits, text, b.train.estimator, columns)

    numbers = question.measure("measuring", at)
    question.show("I(Z;Y) [bits], trained on / held out", numbers)
