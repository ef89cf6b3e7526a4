"""A number of every layer at some checkpoints: chosen, measured with progress, printed as layers by checkpoints, drawn, written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from infoplane.display.say import say
from infoplane.errors import EstimatorError, InputError

if TYPE_CHECKING:
    from infoplane.archive import Archive

FEW = 6
"""Checkpoints that are measured when nobody asks for all."""


@dataclass(frozen=True)
class Number:
    """One number of the table.

    Attributes:
        step, layer: where.
        bits: what is drawn.
        text: what the table shows.
        kind: which of several numbers of a layer it is, for example the estimator; empty for the only one.
        columns: the row of the CSV.
    """

    step: int
    layer: str
    bits: float
    text: str
    kind: str = ""
    columns: dict[str, object] = field(default_factory=dict)


def chosen_steps(
    archive: Archive, asked: Sequence[int] | None, every: bool, *, least: int = 0
) -> list[int]:
    """Return the checkpoints to measure: those asked for, all, or a few that are spread over the run.

    Args:
        archive: the run.
        asked: steps that the user names.
        every: all of them.
        least: checkpoints at the start that have no number.

    Raises:
        InputError: a step that was not captured.
    """
    steps = list(archive.steps)
    if asked:
        missing = [step for step in asked if step not in steps]
        if missing:
            near = min(steps, key=lambda step: abs(step - missing[0]), default=None)
            raise InputError(
                f"no such step: {missing[0]}; the nearest captured step is {near} "
                f"({len(steps)} captured, {steps[0]} to {steps[-1]})"
                if steps
                else f"{archive.path}: no captured steps yet"
            )
        return sorted(asked)
    steps = steps[least:] if len(steps) > least else steps
    if every or len(steps) <= FEW:
        return steps
    last = len(steps) - 1
    return [steps[round(k * last / (FEW - 1))] for k in range(FEW)]


def measure_steps(
    label: str, steps: Sequence[int], measure: Callable[[int], Iterable[Number]]
) -> list[Number]:
    """Return the numbers of every checkpoint, with progress; a checkpoint that is refused is left out.

    Raises:
        InputError: every checkpoint was refused; the last reason.
    """
    from infoplane.display.progress import progress

    numbers: list[Number] = []
    refused: InputError | None = None
    with progress(label, len(steps)) as advance:
        for step in steps:
            try:
                numbers += measure(step)
            except EstimatorError as error:
                refused = error
            advance()
    if not numbers:
        raise refused or InputError("no layer has a number at the chosen checkpoints")
    return numbers


def show(
    title: str,
    numbers: Sequence[Number],
    captured: Sequence[int],
    *,
    csv: Path | None = None,
    output: Path | None = None,
) -> None:
    """Print the numbers as layers by checkpoints, and write them as asked.

    Args:
        title: what the numbers are, with their unit.
        numbers: in the order of the layers.
        captured: all checkpoints of the run.
        csv: file for all columns.
        output: file for a picture.
    """
    from infoplane.display.step_table import say_steps

    say_steps(title, [(n.layer, n.kind, n.step, n.text) for n in numbers])
    shown = len({n.step for n in numbers})
    if shown < len(captured):
        say(f"{shown} of {len(captured)} checkpoints; --all measures every one")
    if csv is not None:
        from infoplane.new_file import write_csv

        columns = list(numbers[0].columns)
        say(write_csv(csv, columns, [n.columns for n in numbers]))
    if output is not None:
        from infoplane.analysis.plot.over_steps import draw_over_steps
        from infoplane.commands.pictures import write

        write(draw_over_steps(title, [(n.layer, n.kind, n.step, n.bits) for n in numbers]), output)
