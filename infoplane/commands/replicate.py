"""`infoplane replicate`: claims of the literature, tested."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infoplane.commands.options import count, refuse_together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from infoplane.replications import Result


def replicate(
    name: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="Names of claims; --list prints them."),
    ] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="Test every claim.")] = False,
    list_them: Annotated[bool, typer.Option("--list", help="Only print the claims.")] = False,
    seeds: Annotated[
        int,
        count("How many trainings of each network; single ones vary widely.", 1),
    ] = 3,
    quick: Annotated[
        bool, typer.Option("--quick", help="Shorter trainings, which decide nothing.")
    ] = False,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="For runs, pictures and results; what is there is read again.",
        ),
    ] = Path("runs/replications"),
    markdown: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the results as a page."),
    ] = None,
) -> None:
    """Test claims of the literature: train, measure, and print the numbers with a verdict.

    Exit code 1 if a claim is not replicated.

    Example: `infoplane replicate szt2017 --quick`
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from infoplane.replications import claims
    from infoplane.replications import replicate as run

    console, known = Console(), claims()
    if all_of_them:
        refuse_together("--all takes every claim", NAME=name)
    if list_them or not (name or all_of_them):
        table = Table("name", "claim", "setting", title="infoplane replicate NAME")
        for claim in known.values():
            table.add_row(claim.name, claim.statement, claim.setting)
        console.print(table)
        return
    results = run(
        list(known) if all_of_them else list(name or ()),
        out=out,
        seeds=seeds,
        quick=quick,
        say=lambda text: console.print(escape(str(text))),
    )
    console.print(_results_table(results, "results (quick settings)" if quick else "results"))
    console.print(f"{sum(result.seconds for result in results):.0f} s in all")
    if markdown is not None:
        from infoplane.replications.page import write_page

        console.print(str(write_page(results, markdown, out / ("quick" if quick else "full"))))
    if any(result.outcome == "not replicated" for result in results):
        raise typer.Exit(1)


def _results_table(results: Sequence[Result], title: str) -> Table:
    from rich.markup import escape
    from rich.table import Table

    from infoplane.replications.evidence import number_list

    columns = ("claim", "verdict", "assertion", "numbers per seed")
    table = Table(*columns, title=title, show_lines=True)
    for result in results:
        numbers = [f"{name}: {number_list(values)}" for name, values in result.numbers.items()]
        table.add_row(
            result.claim,
            result.outcome,
            f"{escape(result.assertion)} (seeds that learnt: {result.learnt})",
            escape("\n".join(numbers)),
        )
    return table
