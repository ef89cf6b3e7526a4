"""`infoplane estimators`: what can be measured with."""

from __future__ import annotations


def estimators() -> None:
    """The table of estimators: name, target, bound, validity, parameters."""
    from rich.console import Console
    from rich.table import Table

    from infoplane.analysis.estimators.spec import catalogue

    table = Table(title="Estimators (spec: NAME or NAME:parameter=value,...)", show_lines=True)
    for column in ("name", "target", "bound", "validity", "parameters"):
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for row in catalogue():
        table.add_row(*(row[key] for key in ("name", "target", "bound", "validity", "parameters")))
    Console().print(table)
