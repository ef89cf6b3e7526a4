"""Commands that ask for a number of every layer at some checkpoints.

Chosen, measured with progress, printed as layers by checkpoints, drawn, written.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infoplane.commands.options import AllSteps, Csv, Layers, Picture, Run, Steps
from infoplane.commands.outputs import PICTURES, prepare
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
        kind: which of several numbers of a layer it is, for example the estimator; empty for the
            only one.
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
    """Return the checkpoints to measure.

    Those asked for, all, or a few that are spread over the run.

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


@dataclass(frozen=True)
class Question:
    """What is asked of a run: of which layers, at which checkpoints, and where the answer goes.

    Attributes:
        archive: the run.
        layers: names; None for all.
        steps: checkpoints to measure.
        csv: file for all columns; None for none.
        output: file for a picture; None for none.
    """

    archive: Archive
    layers: list[str] | None
    steps: list[int]
    csv: Path | None
    output: Path | None

    def measure(self, label: str, at: Callable[[int], Iterable[Number]]) -> list[Number]:
        """Return the numbers of every checkpoint, with progress; one that is refused is left out.

        Args:
            label: of the progress.
            at: the numbers of a checkpoint, in the order of the layers.

        Raises:
            InputError: every checkpoint was refused; the last reason.
        """
        from infoplane.display.progress import progress

        numbers: list[Number] = []
        refused: InputError | None = None
        with progress(label, len(self.steps)) as advance:
            for step in self.steps:
                try:
                    numbers += at(step)
                except EstimatorError as error:
                    refused = error
                advance()
        if not numbers:
            raise refused or InputError("no layer has a number at the chosen checkpoints")
        return numbers

    def show(self, title: str, numbers: Sequence[Number]) -> None:
        """Print the numbers as layers by checkpoints, and write them as asked.

        Args:
            title: what the numbers are, with their unit.
            numbers: in the order of the layers.
        """
        from infoplane.display.step_table import say_steps

        say_steps(title, [(n.layer, n.kind, n.step, n.text) for n in numbers])
        shown, captured = len({n.step for n in numbers}), len(self.archive.steps)
        if shown < captured:
            say(f"{shown} of {captured} checkpoints; --all measures every one")
        if self.csv is not None:
            from infoplane.new_file import write_csv

            columns = list(numbers[0].columns)
            say(write_csv(self.csv, columns, [n.columns for n in numbers]))
        if self.output is not None:
            from infoplane.analysis.plot.over_steps import draw_over_steps
            from infoplane.commands.pictures import write

            points = [(n.layer, n.kind, n.step, n.bits) for n in numbers]
            write(draw_over_steps(title, points), self.output)


def over_steps(least: int = 0) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the run, and the options of `Question`, beside its own.

    Args:
        least: checkpoints at the start that have no number.

    The command's first argument is the question that is asked by them.
    """

    def ask(
        run: Run,
        layer: Layers = None,
        step: Steps = None,
        every: AllSteps = False,
        csv: Csv = None,
        output: Picture = None,
    ) -> Question:
        from infoplane.commands.subjects import open_run
        from infoplane.patterns import names_like

        archive = open_run(run)
        layers = names_like(layer, archive.layers)
        steps = chosen_steps(archive, step, every, least=least)
        prepare(output, PICTURES)
        prepare(csv)
        return Question(archive, layers, steps, csv, output)

    shared = inspect.signature(ask, eval_str=True).parameters

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def asked(**options: Any) -> None:  # Any: as declared by the command and by `ask`
            question = ask(**{name: options.pop(name) for name in shared})
            command(question, **options)

        _, *own = inspect.signature(command, eval_str=True).parameters.values()
        run, *rest = shared.values()
        required = [option for option in own if option.default is option.empty]
        optional = [option for option in own if option.default is not option.empty]
        parameters = [run, *required, *optional, *rest]
        asked.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
        asked.__annotations__ = {option.name: option.annotation for option in parameters}
        return asked

    return decorate
