"""`infoplane estimators`: the table of estimators."""

from __future__ import annotations


def estimators() -> None:
    """List the estimators: name, what the number is, bound, when it lies, parameters.

    Example: `infoplane estimators`
    """
    from rich.console import Console
    from rich.table import Table

    from infoplane.analysis.estimators.spec import catalogue

    table = Table(title="Estimators (spec: NAME or NAME:parameter=value,...)", show_lines=True)
    columns = ("name", "target", "bound", "validity", "parameters")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for row in catalogue():
        table.add_row(*(row[column] for column in columns))
    Console().print(table)
