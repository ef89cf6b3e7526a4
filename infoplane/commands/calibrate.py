"""`infoplane calibrate`: estimators over cases whose information is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infoplane.commands.options import Workers, count, one_spec, output_file, refuse_together
from infoplane.display.terminal import say

if TYPE_CHECKING:
    from rich.table import Table

    from infoplane.analysis.calibrate import Calibration, TaskScore

CASES, FILES = "Cases", "Files"
"""Headings of options in `--help`."""


def calibrate(
    estimator: Annotated[
        list[str] | None,
        one_spec("Estimator; may be given several times. `infoplane estimators` lists all."),
    ] = None,
    case: Annotated[
        list[str] | None,
        typer.Option(
            "-c",
            "--case",
            metavar="CASE",
            rich_help_panel=CASES,
            help="Family, name or glob of cases; may be given several times.",
        ),
    ] = None,
    bank: Annotated[
        str,
        typer.Option(
            rich_help_panel=CASES,
            help="Where the cases come from: own; unseen or curves (chosen before any estimator "
            "ran on them); bmi, bmi1, bmi2 or mutinfo (published); wide (layers of real networks).",
        ),
    ] = "own",
    n: Annotated[
        int | None,
        count("Rows of a draw; by default those of the bank.", 2, "-n", "--rows", panel=CASES),
    ] = None,
    seeds: Annotated[
        int,
        count("Draws of every case, the same for all estimators.", 1, panel=CASES),
    ] = 4,
    errorbars: Annotated[
        int,
        count(
            "Half-sample splits for intervals of estimators that give none; 10 is a good choice.", 0
        ),
    ] = 0,
    judges: Annotated[
        bool,
        typer.Option(
            "--judges",
            rich_help_panel=CASES,
            help="Use the cases that no estimator was tuned on; for knn see docs/calibration.md.",
        ),
    ] = False,
    workers: Workers = 1,
    output: Annotated[
        Path | None,
        output_file("Draw errors and coverage as a .png, .svg or .pdf file.", FILES),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", rich_help_panel=FILES, help="Write every trial as CSV."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", rich_help_panel=FILES, help="Write one self-contained page."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=FILES,
            help="Store every trial in a .jsonl file as it is made; a second call continues.",
        ),
    ] = None,
    list_cases: Annotated[
        bool,
        typer.Option(
            "--list", rich_help_panel=CASES, help="Print the cases with their truths, and stop."
        ),
    ] = False,
) -> None:
    """Measure error and interval coverage of estimators where the information is known.

    Example: `infoplane calibrate -e knn -e gauss --case 1-D --seeds 10`
    """
    from infoplane.analysis.calibrate import DEFAULT_ESTIMATORS, bank_of, choose
    from infoplane.analysis.calibrate import calibrate as run
    from infoplane.analysis.estimators.spec import parse
    from infoplane.commands.outputs import PICTURES, prepare, write_picture

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

        write_picture(draw_calibration(found), output)


def _print_cases(names: list[str] | None, judges: bool, bank: str) -> None:
    from rich.console import Console

    from infoplane.analysis.calibrate import choose

    title = "Cases with known information" + (", not used for tuning" if judges else "")
    table = _table(title, "family", "case", "bits", "nats", "truth by")
    for case in choose(names, judges=judges, bank=bank):
        amounts = ("infinite", "infinite")
        if case.finite:
            amounts = (f"{case.bits:.4f}", f"{case.bits * math.log(2):.4f}")
        table.add_row(case.family, case.name, *amounts, case.how)
    Console().print(table)


def _print_tasks(found: Calibration) -> None:
    """Print the tables of a published bank: by task, and in all."""
    from rich.console import Console

    from infoplane.analysis.calibrate import bank_scores, task_scores

    scores = task_scores(found)
    title = "mean estimate in nats ± standard deviation over draws"
    table = _table(title, "task", "bits", "nats", *found.estimators)
    cells = {(score.task, score.estimator): _task_cell(score) for score in scores}
    for case in found.cases:
        truth = next(score.truth_nats for score in scores if score.task == case)
        row = [cells.get((case, estimator), "") for estimator in found.estimators]
        table.add_row(case, f"{truth / math.log(2):.3f}", f"{truth:.3f}", *row)
    title = "over all tasks: error of the mean estimate"
    whole = _table(title, "estimator", "nats", "bits", "within 0.1 nat", "answered")
    for total in bank_scores(scores):
        whole.add_row(
            total.estimator,
            _or_dash(total.error_nats, ".4f"),
            _or_dash(total.error_bits, ".4f"),
            f"{total.within}/{total.tasks}",
            f"{total.answered}/{total.tasks}",
        )
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

    console = Console()
    title = "mean absolute error and bias in bits, coverage of 95 % intervals"
    columns = ("family", "estimator", "error", "bias", "coverage", "refused", "ms")
    table = _table(title, *columns)
    family = ""
    for score in found.scores():
        if family and score.where != family:
            table.add_section()
        table.add_row(
            "" if score.where == family else score.where,
            score.estimator,
            _or_dash(score.error, ".4f"),
            _or_dash(score.bias, "+.4f"),
            _or_dash(score.coverage, ".1%"),
            f"{score.refused}/{score.trials}",
            f"{1000 * score.seconds:.0f}",
        )
        family = score.where
    console.print(table)
    title = (
        "where estimators disagree (> 0.1 bit and 3 standard errors): the lowest or the highest is "
        "wrong"
    )
    apart = _table(title, "case", "truth", "lowest", "bits", "highest", "bits")
    for parting in found.partings():
        apart.add_row(*parting.texts)
    if apart.rows:
        console.print(apart)


def _table(title: str, *columns: str) -> Table:
    """An empty table; columns of texts are on the left, columns of numbers on the right."""
    from rich.table import Table

    table = Table(title=title)
    for column in columns:
        texts = column in ("family", "case", "task", "estimator", "truth by", "lowest", "highest")
        table.add_column(column, justify="left" if texts else "right", overflow="fold")
    return table


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
