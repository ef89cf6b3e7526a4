"""`infoplane replicate`: headline results of the literature, run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infoplane.commands.options import at_least, refuse_together


def replicate(
    name: Annotated[list[str] | None, typer.Argument(help="Names of claims; see --list.")] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="Every claim.")] = False,
    list_them: Annotated[bool, typer.Option("--list", help="Only print the claims.")] = False,
    seeds: Annotated[
        int, typer.Option(help="How many seeds; single runs vary widely.", callback=at_least(1))
    ] = 3,
    quick: Annotated[
        bool, typer.Option("--quick", help="Shorter trainings: to see it work, not to decide it.")
    ] = False,
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="Folder for runs, pictures and results; what is there is not run again."
        ),
    ] = Path("runs/replications"),
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Also write the results as a page.")
    ] = None,
) -> None:
    """Run headline results of the literature again: claim, our numbers per seed, verdict.

    Exit code 1 if one is not replicated.
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
        table = Table(title="infoplane replicate NAME")
        for column in ("name", "claim", "setting"):
            table.add_column(column)
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
    table = Table(title="results" + (" (quick settings)" if quick else ""), show_lines=True)
    for column in ("claim", "verdict", "assertion", "numbers per seed"):
        table.add_column(column)
    for r in results:
        numbers = "\n".join(
            f"{key}: {', '.join(f'{v:.3g}' for v in values)}" for key, values in r.numbers.items()
        )
        table.add_row(
            r.claim,
            r.outcome,
            escape(r.assertion) + f" (seeds that learnt: {r.learnt})",
            escape(numbers),
        )
    console.print(table)
    console.print(f"{sum(r.seconds for r in results):.0f} s in all")
    if markdown is not None:
        from infoplane.replications.page import write_page

        console.print(str(write_page(results, markdown, out / ("quick" if quick else "full"))))
    if any(r.outcome == "not replicated" for r in results):
        raise typer.Exit(1)
