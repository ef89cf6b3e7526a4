"""What a person sees in a terminal: coloured tables.

Piped into a file or a program, the plain text of the object itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from infoplane.display.names import fold_names
from infoplane.types import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from infoplane.analysis.studies.compression import Compression
    from infoplane.analysis.studies.phases import Phases
    from infoplane.plane import Plane
    from infoplane.types import DPIReport

COLOURS = {
    "fault": "bold red",
    "violation": "bold magenta",
    "estimator": "yellow",
    "robust": "green",
    "exact": "green",
    "estimator-dependent": "yellow",
}
"""Style of a verdict; all others are plain."""


WIDE = 110
"""Columns of a terminal from which on a table of phases has every column."""


def table_of(
    title: str,
    rows: Sequence[Mapping[str, object]],
    *,
    right: Sequence[str] = (),
    whole: Sequence[str] | None = None,
) -> Table:
    """Return a table of rows with the same keys; texts as they stand, never read as markup.

    Args:
        title: stands above it.
        rows: one mapping of heads to texts for each.
        right: heads of columns that stand right.
        whole: heads of columns that keep their width in a narrow terminal, the others wrap at
            words; None wraps anywhere.
    """
    from rich.table import Table
    from rich.text import Text

    heads: dict[str, None] = {}
    for row in rows:
        heads |= dict.fromkeys(row)
    table = Table(title=Text(printable(title, 200)), title_justify="left")
    for head in heads:
        table.add_column(
            Text(printable(head, 60)),
            justify="right" if head in right else "left",
            overflow="fold",
            no_wrap=head in (whole or ()),
            min_width=None if whole is None else _longest_word(head, rows),
        )
    for row in rows:
        texts = [printable(row.get(head, ""), 200) for head in heads]
        table.add_row(*(Text(text, style=COLOURS.get(text, "")) for text in texts))
    return table


def _longest_word(head: str, rows: Sequence[Mapping[str, object]]) -> int:
    """Return the letters of the longest word of a column, which a narrow column must not break."""
    texts = [head, *(printable(row.get(head, ""), 200) for row in rows)]
    words = " ".join(texts).split()
    return min(20, max(map(len, words), default=0))


def print_table(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print a table whose names of layers and estimators are whole in 80 columns.

    Numbers stand right.
    """
    console = console_here()
    layers = list(dict.fromkeys(str(row["layer"]) for row in rows if row.get("layer")))
    where, short = fold_names(layers)
    if where:
        rows = [{**row, "layer": short.get(str(row.get("layer", "")), "")} for row in rows]
    numbers = [key for key in rows[0] if _is_number(rows[0][key])] if rows else []
    console.print(table_of(title + where, rows, right=numbers))


def _is_number(text: object) -> bool:
    try:
        float(str(text).rstrip("*"))
    except ValueError:
        return False
    return True


def print_plane(plane: Plane) -> None:
    """Print a line on the plane, and in a terminal the table of its last checkpoint."""
    console = console_here()
    console.print(str(plane), markup=False, highlight=False, soft_wrap=True)
    rows = _last_rows(plane)
    if console.is_terminal and rows:
        where, short = fold_names(plane.layers)
        rows = [{**row, "layer": short.get(row["layer"], "")} for row in rows]
        title = f"bits at step {plane.steps[-1]}; * saturated{where}"
        heads = [key for key in rows[0] if key not in ("layer", "estimator")]
        console.print(table_of(title, rows, right=heads))


def _last_rows(plane: Plane) -> list[dict[str, str]]:
    """Return one row per layer and estimator (and bound) of the last checkpoint.

    Long specs do not widen the columns of numbers.
    """
    quantities = [plane.row_info.name("I(X;Z)"), plane.row_info.name("I(Z;Y)")]
    found: dict[tuple[str, str], dict[str, str]] = {}
    last = plane.steps[-1] if plane.steps else None
    for point in plane.points:
        if point.step != last:
            continue
        bound = f" {point.sense}" if point.sense in ("upper", "lower") else ""
        key = (point.layer, point.estimator + bound)
        empty = {"layer": point.layer, "estimator": point.estimator + bound}
        row = found.setdefault(key, empty | dict.fromkeys(quantities, ""))
        star = "*" if point.estimate.saturated else ""
        row[quantities[point.quantity == "i_zy"]] = f"{point.bits:.3f}{star}"
    order = {name: place for place, name in enumerate(plane.layers)}
    rows = sorted(found.values(), key=lambda row: order[row["layer"]])
    for row, above in zip(reversed(rows[1:]), reversed(rows[:-1]), strict=True):
        if row["layer"] == above["layer"]:
            row["layer"] = ""
    return rows


def print_report(report: DPIReport, *, verbose: bool = False) -> None:
    """Print the DPI report; in a terminal its episodes as a table.

    Args:
        report: what was checked.
        verbose: list every episode, also of layers that cannot be compared.
    """
    console = console_here()
    episodes = report.episodes if verbose else report.judged_episodes
    if not console.is_terminal or not episodes:
        text = report.text(verbose=verbose)
        console.print(text, markup=False, highlight=False, soft_wrap=True)
        return
    shown = episodes if verbose else episodes[:20]
    console.print(
        f"DPI check: {report.tally}",
        markup=False,
        highlight=False,
        style="" if report.passed else "bold red",
    )
    _print_episodes(console, replace(report, episodes=shown))
    if len(episodes) > len(shown):
        hidden = len(episodes) - len(shown)
        console.print(
            f"... and {hidden} more episodes (infoplane check --verbose lists all)", highlight=False
        )
    _print_sentences(console, report.explanations())
    _print_sentences(console, [f"not judged: {limit}" for limit in report.limits])


def _print_episodes(console: Console, report: DPIReport) -> None:
    """Print the episodes as a table; in a narrow terminal as one for each estimator."""
    names: dict[str, None] = {}
    for episode in report.episodes:
        names |= {episode.upstream: None, episode.downstream: None}
    where, short = fold_names(list(names))
    groups: dict[str, list[dict[str, str]]] = {}
    for row, episode in zip(report.rows(), report.episodes, strict=True):
        pair = [short[episode.upstream], short[episode.downstream]]
        row["layers"] = " -> ".join(dict.fromkeys(pair))
        under = "" if console.width >= WIDE else f" under {row.pop('estimator')}"
        groups.setdefault(under, []).append(row)
    for under, some in groups.items():
        title = f"episodes{under}, the worst first{where}"
        console.print(table_of(title, some, right=("worst [bits]",), whole=()))


def _print_sentences(console: Console, sentences: Sequence[str]) -> None:
    for sentence in sentences:
        console.print(printable(sentence, 1000), markup=False, highlight=False)


def print_phases(phases: Phases) -> None:
    """Print the phases; in a terminal as a table with one row per layer and estimator."""
    console = console_here()
    if not console.is_terminal:
        console.print(str(phases), markup=False, highlight=False, soft_wrap=True)
        return
    where, short = fold_names([phase.layer for phase in phases.layers])
    rows = []
    for phase in phases.layers:
        of_layer = list(map(_curve_row, phase.curves))
        if of_layer:
            of_layer[0] |= {"layer": short[phase.layer], "verdict": phase.verdict}
        rows += of_layer
    if console.width < WIDE:  # the verdict stands in the sentences below
        for row in rows:
            del row["verdict"], row["fitted by"]
    title = f"phases of {phases.path}; * compression: beyond chance, lasting{where}"
    whole = ("layer", "estimator", "fall [bits]")
    console.print(table_of(title, rows, right=("fall [bits]",), whole=whole))
    sentences = [
        f"layer {phase.layer}: {phase.verdict}: {phase.explanation}" for phase in phases.layers
    ]
    _print_sentences(console, [*sentences, *filter(None, [phases.caveat])])


def _curve_row(curve: Compression) -> dict[str, str]:
    """Return the row of one estimator, without the layer that it is about."""
    return {
        "layer": "",
        "verdict": "",
        "estimator": curve.estimator,
        "fall [bits]": f"{curve.drop:.3f}" + (" *" if curve.compresses else "  "),
        "95 %": f"[{curve.low:.3f}, {curve.high:.3f}]",
        "peak at step": curve.peak_text,
        "fitted by": "" if curve.fitting_end is None else str(curve.fitting_end),
    }


def console_here() -> Console:
    """Return the console that prints to standard output."""
    from rich.console import Console

    return Console()
