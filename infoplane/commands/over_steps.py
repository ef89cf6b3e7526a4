"""What commands share that give one number for every layer at some checkpoints."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from infoplane.commands.options import AllSteps, Csv, Layers, Picture, Run, Steps
from infoplane.commands.outputs import PICTURES, prepare, write_picture
from infoplane.display.terminal import say
from infoplane.errors import EstimatorError, InputError

if TYPE_CHECKING:
    from infoplane.archive import Archive

T = TypeVar("T")
FEW = 6
"""Checkpoints that are measured without `--all`."""


@dataclass(frozen=True)
class Number:
    """One number of the table.

    Attributes:
        columns: its row of the CSV file, with ``step`` and ``layer``.
        text: what the table shows.
        bits: what is drawn.
        kind: which of several numbers of a layer it is, for example the estimator; empty for the
            only one.
    """

    columns: dict[str, Any]  # Any: numbers and texts
    text: str
    bits: float
    kind: str = ""


def chosen_steps(
    archive: Archive, named: Sequence[int] | None, every: bool, *, least: int = 0
) -> list[int]:
    """Return the checkpoints to measure: those named, all, or a few spread over the run.

    Args:
        archive: the run.
        named: steps that the user names.
        every: whether to take all of them.
        least: how many checkpoints at the start have no number.

    Raises:
        InputError: a step that was not captured.
    """
    steps = list(archive.steps)
    if named:
        _require_captured(archive, named)
        return sorted(named)
    steps = steps[least:] if len(steps) > least else steps
    if every or len(steps) <= FEW:
        return steps
    spacing = (len(steps) - 1) / (FEW - 1)
    return [steps[round(place * spacing)] for place in range(FEW)]


def _require_captured(archive: Archive, named: Sequence[int]) -> None:
    steps = archive.steps
    if not steps:
        raise InputError(f"{archive.path}: no captured steps yet")
    for step in named:
        if step not in steps:
            nearest = min(steps, key=lambda captured: abs(captured - step))
            raise InputError(
                f"no such step: {step}; the nearest captured step is {nearest} "
                f"({len(steps)} captured, {steps[0]} to {steps[-1]})"
            )


@dataclass(frozen=True)
class Question:
    """Which layers and checkpoints of a run are measured, and where the numbers go.

    Attributes:
        archive: the run.
        layers: names; None for all.
        steps: checkpoints to measure.
        csv: file of all columns; None for none.
        output: file of a picture; None for none.
    """

    archive: Archive
    layers: list[str] | None
    steps: list[int]
    csv: Path | None
    output: Path | None

    def measure(
        self,
        label: str,
        study: Callable[..., Iterable[T]],
        number: Callable[[T], Number],
    ) -> list[Number]:
        """Return the numbers of all checkpoints but those that the estimator refuses.

        Args:
            label: of the progress bar.
            study: returns the results of some layers and steps, in the order of the layers.
            number: what is shown of a result.

        Raises:
            InputError: every checkpoint was refused; with the last reason.
        """
        from infoplane.display.progress import progress

        numbers: list[Number] = []
        refused: InputError | None = None
        with progress(label, len(self.steps)) as advance:
            for step in self.steps:
                try:
                    numbers += map(number, study(layers=self.layers, steps=[step]))
                except EstimatorError as error:
                    refused = error
                advance()
        if not numbers:
            raise refused or InputError("no layer has a number at the chosen checkpoints")
        return numbers

    def show(self, title: str, numbers: Sequence[Number]) -> None:
        """Print the numbers as layers by checkpoints, and write the files of the options.

        Args:
            title: what the numbers are, with their unit.
            numbers: in the order of the layers.
        """
        from infoplane.display.step_table import print_steps

        rows, points, steps = [], [], set()
        for number in numbers:
            layer, step = number.columns["layer"], number.columns["step"]
            steps.add(step)
            rows.append((layer, number.kind, step, number.text))
            points.append((layer, number.kind, step, number.bits))
        print_steps(title, rows)
        shown, captured = len(steps), len(self.archive.steps)
        if shown < captured:
            say(f"{shown} of {captured} checkpoints; --all measures every one")
        if self.csv is not None:
            from infoplane.new_file import write_csv

            columns = [number.columns for number in numbers]
            say(write_csv(self.csv, list(columns[0]), columns))
        if self.output is not None:
            from infoplane.analysis.plot.metrics import draw_over_steps

            write_picture(draw_over_steps(title, points), self.output)


def over_steps(least: int = 0) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command whose first argument is a `Question`: add the options that make one.

    Args:
        least: how many checkpoints at the start have no number.
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
        def with_question(**options: Any) -> None:  # Any: as declared by the command and by `ask`
            question = ask(**{name: options.pop(name) for name in shared})
            command(question, **options)

        _, *own = inspect.signature(command, eval_str=True).parameters.values()
        run, *rest = shared.values()
        options = [run, *own, *rest]
        parameters = sorted(options, key=lambda option: option.default is not option.empty)
        with_question.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
        with_question.__annotations__ = {option.name: option.annotation for option in parameters}
        return with_question

    return decorate
