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
        **options: values by option name, with ``_`` for ``-`` and ``__`` for ``/``; None, False,
            empty and zero count as not given.

    Raises:
        InputError: naming the options that were given.
    """
    given = [_as_typed(name) for name, value in options.items() if value]
    if given:
        raise InputError(f"{reason}; leave {' and '.join(given)} out")


def _as_typed(name: str) -> str:
    return "/".join("--" + part.replace("_", "-") for part in name.split("__"))


Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, or a packed run.")]
Runs = Annotated[
    list[Path], typer.Argument(metavar="RUN...", help="Folders of runs, or packed runs.")
]
Subject = Annotated[
    Path,
    typer.Argument(metavar="RUN|PLANE", help="The folder of a run, a packed run, or a plane.h5."),
]
RunOption = Annotated[
    Path | None,
    typer.Option(
        "--run", metavar="RUN", help="For a plane: its run, if that is not next to the file."
    ),
]
Specs = Annotated[
    list[str] | None,
    typer.Option(
        "-e",
        "--estimator",
        metavar="SPEC",
        help="Estimator, e.g. bin:szt; may be given several times. `infoplane estimators` lists "
        "all.",
    ),
]
Layers = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        metavar="NAME",
        help="Only this layer, or all that match 'block.*' (** also crosses dots); may be given "
        "several times.",
    ),
]
Steps = Annotated[
    list[int] | None,
    typer.Option(
        "--step", metavar="STEP", help="Only this checkpoint; may be given several times."
    ),
]
AllSteps = Annotated[
    bool, typer.Option("--all", help="Every checkpoint, instead of six spread over the run.")
]
Csv = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Also write the numbers as CSV.")
]
Picture = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Also draw a .png, .svg or .pdf file."),
]
Predictors = Annotated[
    str,
    typer.Option(
        "--family",
        help="Family of predictors: linear, mlp, knn or gaussian.",
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
Seed = Annotated[int, typer.Option(help="Seed of random draws.", callback=at_least(0))]

# Of commands that make a run.
TOKENS = "Rows that are tokens, pixels or nodes"
"""Heading of these options in `--help`."""
NewRun = Annotated[
    Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the new run.")
]
RowKind = Annotated[
    str,
    typer.Option(
        "--rows",
        rich_help_panel=TOKENS,
        help="What a row is: sample, token, pixel or node.",
    ),
]
XOfTokens = Annotated[
    str,
    typer.Option(
        "--x",
        rich_help_panel=TOKENS,
        help="What X is at a token: prefix, sequence or token; see docs/tokens.md.",
    ),
]
SkipFirst = Annotated[
    int,
    typer.Option(
        rich_help_panel=TOKENS,
        help="Leave out this many tokens at the start of a sequence.",
        callback=at_least(0),
    ),
]
MaxRows = Annotated[
    int,
    typer.Option(
        rich_help_panel=TOKENS,
        help="At most this many rows, chosen at random; 0 takes all.",
        callback=at_least(0),
    ),
]
KindOfLabels = Annotated[
    str,
    typer.Option(
        "--y-kind",
        help="discrete or continuous; needed for labels that are floating-point numbers.",
    ),
]
Overwrite = Annotated[bool, typer.Option(help="Replace an existing run.", show_default=False)]
Model = "module:factory or path/file.py:factory; returns the network, or (network, probe)."
"""Help of the argument that names the user's network."""
Network = Annotated[str, typer.Option("--model", "-m", metavar="MODEL", help=Model)]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be stored, and write nothing.")
]
