"""Arguments and options that several commands share, each declared once, with its bounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from infoplane.errors import InputError


def at_least(least: int) -> Callable[[int | None], int | None]:
    """Return a check of an option's value, which may be left out."""

    def check(value: int | None) -> int | None:
        if value is not None and value < least:
            raise typer.BadParameter(f"expected a whole number from {least} up, got {value}")
        return value

    return check


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a check that an option's value is one of these words."""

    def check(value: str) -> str:
        if value not in choices:
            known = ", ".join(choices)
            raise typer.BadParameter(f"expected one of {known}, got {value!r}")
        return value

    return check


def refuse_together(reason: str, **options: object) -> None:
    """Refuse options that have no effect here, instead of ignoring them.

    Args:
        reason: why they have none, for example ``a plane is measured already``.
        **options: values by option name, with ``_`` for ``-`` and ``__`` for ``/``; those that are
            None, False, empty or zero were not given.

    Raises:
        InputError: naming the options that were given.
    """
    given = [_as_typed(name) for name, value in options.items() if value]
    if given:
        raise InputError(f"{reason}; leave {' and '.join(given)} out")


def _as_typed(name: str) -> str:
    return "/".join("--" + part.replace("_", "-") for part in name.split("__"))


Run = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run directory, or the packed file of one.")
]
Runs = Annotated[
    list[Path], typer.Argument(metavar="RUN...", help="Run directories, or packed files of runs.")
]
Subject = Annotated[
    Path,
    typer.Argument(metavar="RUN|PLANE", help="A run directory, a packed run, or a plane.h5."),
]
RunOption = Annotated[
    Path | None,
    typer.Option(
        "--run", help="Of a plane: the run behind it, where it does not lie beside the file."
    ),
]
Specs = Annotated[
    list[str] | None,
    typer.Option(
        "-e",
        "--estimator",
        help="Spec, may be given several times; see `infoplane estimators`. Left out: what can "
        "answer on the run.",
    ),
]
Layers = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        help="Only this layer, or layers like 'block.*' (** also crosses dots); may be given "
        "several times.",
    ),
]
Steps = Annotated[
    list[int] | None,
    typer.Option("--step", help="Only this checkpoint; may be given several times."),
]
AllSteps = Annotated[
    bool, typer.Option("--all", help="Every checkpoint, not only six spread over the run.")
]
Csv = Annotated[Path | None, typer.Option("--csv", help="Also write the numbers as CSV.")]
Picture = Annotated[
    Path | None, typer.Option("-o", "--output", help="Also draw FILE.png, .svg or .pdf.")
]
Predictors = Annotated[
    str,
    typer.Option(
        "--family",
        help="Predictors: linear, mlp, knn, gaussian.",
        callback=one_of("linear", "mlp", "knn", "gaussian"),
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        "-w",
        help="Threads on this machine; results do not depend on it.",
        callback=at_least(1),
    ),
]
Seed = Annotated[int, typer.Option(help="Of what is drawn at random.", callback=at_least(0))]

# Of commands that make a run.
NewRun = Annotated[Path, typer.Option("--output", "-o", help="Directory of the run.")]
RowKind = Annotated[
    str, typer.Option("--rows", help="sample, token, pixel or node: what of a layer is a row.")
]
XOfTokens = Annotated[
    str,
    typer.Option(
        "--x",
        help="Of tokens what X is: prefix, sequence or token; see docs/tokens.md.",
    ),
]
SkipFirst = Annotated[
    int,
    typer.Option(help="Of tokens: leave out so many at the start.", callback=at_least(0)),
]
MaxRows = Annotated[
    int, typer.Option(help="Keep so many rows, drawn once; 0 keeps all.", callback=at_least(0))
]
KindOfLabels = Annotated[
    str,
    typer.Option("--y-kind", help="discrete or continuous; needed for floating-point labels."),
]
Overwrite = Annotated[bool, typer.Option(help="Replace a run that is there.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be read as what, and stop.")
]
