"""`infoplane calibrate`: estimators over cases whose information is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infoplane.commands.options import Workers, at_least, refuse_together
from infoplane.display.say import say

if TYPE_CHECKING:
    from infoplane.analysis.calibrate import Calibration, TaskScore


def calibrate(
    estimator: Annotated[
        list[str] | None,
        typer.Option(
            "-e",
            "--estimator",
            help="Spec, may be given several times; see `infoplane estimators`.",
        ),
    ] = None,
    case: Annotated[
        list[str] | None,
        typer.Option(
            "-c", "--case", help="Family, name or glob of cases, may be given several times."
        ),
    ] = None,
    bank: Annotated[
        str,
        typer.Option(
            "--bank",
            help="Where the cases come from: own; unseen and curves, chosen before any look; as "
            "published: bmi (bmi1 and bmi2), mutinfo; wide: layers of real networks.",
        ),
    ] = "own",
    n: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--rows",
            help="Rows of a draw; those of the bank by default.",
            callback=at_least(2),
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            help="Draws of every case; all estimators see the same.", callback=at_least(1)
        ),
    ] = 4,
    errorbars: Annotated[
        int,
        typer.Option(
            help="Half-sample splits for intervals where an estimator has none; "
            "10 is a good choice.",
            callback=at_least(0),
        ),
    ] = 0,
    judges: Annotated[
        bool,
        typer.Option(
            "--judges", help="The cases kept aside to judge by; for knn see docs/calibration.md."
        ),
    ] = False,
    workers: Workers = 1,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Draw errors and coverage into FILE.png, .svg or .pdf."
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write every trial as CSV.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write one self-contained page.")
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            "--log",
            help="Keep every trial in FILE.jsonl as it is made; a run that was stopped goes on "
            "from there.",
        ),
    ] = None,
    list_cases: Annotated[
        bool, typer.Option("--list", help="Print the cases with their truths, and run nothing.")
    ] = False,
) -> None:
    """Show error and interval coverage of estimators where the information is known."""
    from infoplane.analysis.calibrate import DEFAULT_ESTIMATORS, bank_of, choose
    from infoplane.analysis.calibrate import calibrate as run
    from infoplane.analysis.estimators.spec import parse
    from infoplane.commands.outputs import PICTURES, prepare

    if list_cases:
        refuse_together("--list runs nothing", output=output, csv=csv, html=html, log=log)
        _print_cases(case, judges, bank)
        return
    chosen = estimator or DEFAULT_ESTIMATORS
    choose(case, judges=judges, bank=bank)
    for spec in chosen:
        parse(spec)
    prepare(output, PICTURES)
    prepare(csv)
    prepare(html)
    found = run(
        chosen,
        case,
        judges=judges,
        bank=bank,
        n=n,
        seeds=seeds,
        errorbars=errorbars,
        workers=workers,
        progress=True,
        log=log,
    )
    if bank_of(bank).published:
        _print_tasks(found)
    else:
        _print_scores(found)
    if csv is not None:
        say(found.to_csv(csv))
    if html is not None:
        say(found.write_html(html))
    if output is not None:
        from infoplane.analysis.plot import draw_calibration
        from infoplane.analysis.plot.save import write_figure

        say(write_figure(draw_calibration(found), output))


def _print_cases(names: list[str] | None, judges: bool, bank: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from infoplane.analysis.calibrate import choose

    table = Table(title="Cases with known information" + (", kept aside" if judges else ""))
    for column, justify in (
        ("family", "left"),
        ("case", "left"),
        ("bits", "right"),
        ("nats", "right"),
        ("truth by", "left"),
    ):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]  # a literal
    for case in choose(names, judges=judges, bank=bank):
        amounts = ("infinite", "infinite")
        if case.finite:
            amounts = (f"{case.bits:.4f}", f"{case.bits * math.log(2):.4f}")
        table.add_row(case.family, case.name, *amounts, case.how)
    Console().print(table)


def _print_tasks(found: Calibration) -> None:
    """Print the tables of a published bank: by task, and in all."""
    from rich.console import Console
    from rich.table import Table

    from infoplane.analysis.calibrate import bank_scores, task_scores

    scores = task_scores(found)
    table = Table(title="mean estimate in nats ± standard deviation over draws")
    table.add_column("task", overflow="fold")
    for column in ("bits", "nats", *found.estimators):
        table.add_column(column, justify="right", overflow="fold")
    cells = {(score.task, score.estimator): _task_cell(score) for score in scores}
    for case in found.cases:
        truth = next(score.truth_nats for score in scores if score.task == case)
        row = [cells.get((case, estimator), "") for estimator in found.estimators]
        table.add_row(case, f"{truth / math.log(2):.3f}", f"{truth:.3f}", *row)
    whole = Table(title="over all tasks: error of the mean estimate")
    for column in ("estimator", "nats", "bits", "within 0.1 nat", "answered"):
        whole.add_column(column, justify="left" if column == "estimator" else "right")
    for total in bank_scores(scores):
        nats = "-" if total.error_nats is None else f"{total.error_nats:.4f}"
        bits = "-" if total.error_bits is None else f"{total.error_bits:.4f}"
        answered = f"{total.answered}/{total.tasks}"
        whole.add_row(total.estimator, nats, bits, f"{total.within}/{total.tasks}", answered)
    console = Console()
    console.print(table)
    console.print(whole)


def _task_cell(score: TaskScore) -> str:
    if score.nats is None:
        return "refused"
    if score.deviation_nats is None:
        return f"{score.nats:.3f}"
    return f"{score.nats:.3f} ± {score.deviation_nats:.3f}"


def _print_scores(found: Calibration) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title="mean absolute error and bias in bits, coverage of 95 % intervals")
    for column, justify in (
        ("family", "left"),
        ("estimator", "left"),
        ("error", "right"),
        ("bias", "right"),
        ("coverage", "right"),
        ("refused", "right"),
        ("ms", "right"),
    ):
        table.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]  # a literal
    before = ""
    for s in found.scores():
        if before and s.where != before:
            table.add_section()
        error = "-" if s.error is None else f"{s.error:.4f}"
        coverage = "-" if s.coverage is None else f"{s.coverage:.1%}"
        table.add_row(
            "" if s.where == before else s.where,
            s.estimator,
            error,
            "-" if s.bias is None else f"{s.bias:+.4f}",
            coverage,
            f"{s.refused}/{s.trials}",
            f"{1000 * s.seconds:.0f}",
        )
        before = s.where
    console.print(table)
    if not (partings := found.partings()):
        return
    parted = Table(
        title="where estimators part (> 0.1 bit and 3 standard errors): the lowest or the highest "
        "is wrong"
    )
    for column in ("case", "truth", "lowest", "bits", "highest", "bits"):
        parted.add_column(
            column, justify="right" if column in ("truth", "bits") else "left", overflow="fold"
        )
    for p in partings:
        parted.add_row(
            p.case, f"{p.truth_bits:.3f}", p.low, f"{p.low_bits:.3f}", p.high, f"{p.high_bits:.3f}"
        )
    console.print(parted)
