"""What a person sees in a terminal: coloured tables. Piped into a file or a program, the plain text of the object itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from infoplane.display.names import fold_names
from infoplane.types import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from infoplane.analysis.studies.phases import Phases
    from infoplane.plane import Plane
    from infoplane.types import DPIReport, Finding

COLOURS = {
    "fault": "bold red",
    "violation": "bold magenta",
    "estimator": "yellow",
    "robust": "green",
    "exact": "green",
    "estimator-dependent": "yellow",
}
"""Style of a verdict; all others are plain."""


def table_of(
    title: str, rows: Sequence[Mapping[str, object]], *, right: Sequence[str] = ()
) -> Table:
    """A table of rows with the same keys; texts as they stand, never read as markup; verdicts coloured."""
    from rich.table import Table
    from rich.text import Text

    heads = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=Text(printable(title, 200)), title_justify="left")
    for head in heads:
        table.add_column(
            Text(printable(head, 60)), justify="right" if head in right else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(
            *(
                Text(printable(row.get(h, ""), 200), style=COLOURS.get(str(row.get(h, "")), ""))
                for h in heads
            )
        )
    return table


def say_table(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print a table whose names of layers and estimators are whole in 80 columns; numbers stand right."""
    console = console_here()
    layers = list(dict.fromkeys(str(row["layer"]) for row in rows if row.get("layer")))
    prefix, short = fold_names(layers)
    if prefix:
        title = f"{title}; layers of {prefix}"
        rows = [{**row, "layer": short.get(str(row.get("layer", "")), "")} for row in rows]
    numbers = [key for key in rows[0] if _is_number(rows[0][key])] if rows else []
    console.print(table_of(title, rows, right=numbers))


def _is_number(text: object) -> bool:
    try:
        float(str(text).rstrip("*"))
    except ValueError:
        return False
    return True


def say_plane(plane: Plane, console: Console | None = None) -> None:
    """One line on the plane, and in a terminal the table of its last checkpoint."""
    console = console or console_here()
    console.print(str(plane), markup=False, highlight=False, soft_wrap=True)
    rows = _last_rows(plane)
    if console.is_terminal and rows:
        prefix, short = fold_names(plane.layers)
        rows = [{**row, "layer": short.get(row["layer"], "")} for row in rows]
        where = f"; layers of {prefix}" if prefix else ""
        title = f"bits at step {plane.steps[-1]}; * saturated{where}"
        heads = [key for key in rows[0] if key not in ("layer", "estimator")]
        console.print(table_of(title, rows, right=heads))


def _last_rows(plane: Plane) -> list[dict[str, str]]:
    """Return one row per layer and estimator (and bound) of the last checkpoint: long specs do not widen the columns of numbers."""
    quantities = [plane.row_info.name("I(X;Z)"), plane.row_info.name("I(Z;Y)")]
    found: dict[tuple[str, str], dict[str, str]] = {}
    last = plane.steps[-1] if plane.steps else None
    for p in plane.points:
        if p.step != last:
            continue
        bound = f" {p.sense}" if p.sense in ("upper", "lower") else ""
        empty = {"layer": p.layer, "estimator": p.estimator + bound} | dict.fromkeys(quantities, "")
        row = found.setdefault((p.layer, p.estimator + bound), empty)
        star = "*" if p.estimate.saturated else ""
        row[quantities[p.quantity == "i_zy"]] = f"{p.bits:.3f}{star}"
    order = {name: place for place, name in enumerate(plane.layers)}
    rows = sorted(found.values(), key=lambda row: order[row["layer"]])
    for row, above in zip(reversed(rows[1:]), reversed(rows[:-1]), strict=True):
        if row["layer"] == above["layer"]:
            row["layer"] = ""
    return rows


def say_report(report: DPIReport, console: Console | None = None) -> None:
    """The DPI report; in a terminal its episodes as a table."""
    console = console or console_here()
    if not console.is_terminal or not report.episodes:
        console.print(str(report), markup=False, highlight=False, soft_wrap=True)
        return
    console.print(
        f"DPI check: {report.tally}",
        markup=False,
        highlight=False,
        style="" if report.passed else "bold red",
    )
    console.print(
        table_of("episodes, the worst first", report.rows()[:20], right=("worst [bits]",))
    )
    if len(report.episodes) > 20:
        console.print(
            f"... and {len(report.episodes) - 20} more episodes (infoplane check --json lists all)",
            highlight=False,
        )
    for f in _first_of_each(report):
        console.print(
            printable(f"{f.verdict}: {f.explanation}", 1000), markup=False, highlight=False
        )
    for limit in report.limits:
        console.print(printable(f"not judged: {limit}", 1000), markup=False, highlight=False)


def say_phases(phases: Phases, console: Console | None = None) -> None:
    """The phases; in a terminal as a table with one row per layer and estimator."""
    console = console or console_here()
    if not console.is_terminal:
        console.print(str(phases), markup=False, highlight=False, soft_wrap=True)
        return
    rows = [
        {
            "layer": p.layer if c is p.curves[0] else "",
            "verdict": p.verdict if c is p.curves[0] else "",
            "estimator": c.estimator,
            "fall [bits]": f"{c.drop:.3f}" + (" *" if c.compresses else "  "),
            "95 %": f"[{c.low:.3f}, {c.high:.3f}]",
            "peak at step": f"{c.onset} [{c.onset_low}, {c.onset_high}]",
            "fitted by": "" if c.fitting_end is None else str(c.fitting_end),
        }
        for p in phases.layers
        for c in p.curves
    ]
    console.print(
        table_of(
            f"phases of {phases.path}; * compression: beyond chance, lasting",
            rows,
            right=("fall [bits]",),
        )
    )
    for p in phases.layers:
        console.print(
            printable(f"{p.layer}: {p.verdict}: {p.explanation}", 1000),
            markup=False,
            highlight=False,
        )


def console_here() -> Console:
    """Return the console that prints to standard output."""
    from rich.console import Console

    return Console()


def _first_of_each(report: DPIReport) -> list[Finding]:
    seen: dict[str, Finding] = {}
    for f in report.findings:
        seen.setdefault(f.verdict, f)
    return list(seen.values())
