"""Arguments and options that several commands share, each declared once, with its bounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

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


def count(text: str, least: int, *names: str, panel: str | None = None) -> Any:  # Any: of typer
    """Return an option that takes a whole number.

    Args:
        text: its help.
        least: the smallest number.
        names: of the option, where they are not that of the argument.
        panel: its heading in `--help`.
    """
    return typer.Option(*names, help=text, rich_help_panel=panel, callback=at_least(least))


def one_spec(text: str) -> Any:  # Any: of typer
    """Return the option of estimators, with its help."""
    return typer.Option("-e", "--estimator", metavar="SPEC", help=text)


def output_file(text: str, panel: str | None = None) -> Any:  # Any: of typer
    """Return the option of the file that a command writes, with its help and its heading."""
    return typer.Option("-o", "--output", metavar="FILE", help=text, rich_help_panel=panel)


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
    typer.Option(metavar="RUN", help="For a plane: its run, if that is not next to the file."),
]
Specs = Annotated[
    list[str] | None,
    one_spec(
        "Estimator, e.g. bin:szt; may be given several times. `infoplane estimators` lists all."
    ),
]
Layers = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Only this layer, or all that match 'block.*' (** also crosses dots); may be given "
        "several times.",
    ),
]
Step = Annotated[int | None, typer.Option(help="Checkpoint; by default the last.")]
Steps = Annotated[
    list[int] | None,
    typer.Option(metavar="STEP", help="Only this checkpoint; may be given several times."),
]
AllSteps = Annotated[
    bool, typer.Option("--all", help="Every checkpoint, instead of six spread over the run.")
]
Csv = Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the numbers as CSV.")]
Picture = Annotated[Path | None, output_file("Also draw a .png, .svg or .pdf file.")]
Predictors = Annotated[
    str,
    typer.Option(
        help="Family of predictors: linear, mlp, knn or gaussian.",
        callback=one_of("linear", "mlp", "knn", "gaussian"),
    ),
]
Workers = Annotated[
    int,
    count("Threads on this machine; results do not depend on it.", 1, "--workers", "-w"),
]
Seed = Annotated[int, count("Seed of random draws.", 0)]

# Of commands that make a run.
TOKENS = "Rows that are tokens, pixels or nodes"
"""Heading of these options in `--help`."""
NewRun = Annotated[
    Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the new run.")
]
RowKind = Annotated[
    str,
    typer.Option(
        rich_help_panel=TOKENS,
        help="What a row is: sample, token, pixel or node.",
    ),
]
XOfTokens = Annotated[
    str,
    typer.Option(
        rich_help_panel=TOKENS,
        help="What X is at a token: prefix, sequence or token; see docs/tokens.md.",
    ),
]
SkipFirst = Annotated[
    int, count("Leave out this many tokens at the start of a sequence.", 0, panel=TOKENS)
]
MaxRows = Annotated[
    int, count("At most this many rows, chosen at random; 0 takes all.", 0, panel=TOKENS)
]
KindOfLabels = Annotated[
    str,
    typer.Option(
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
