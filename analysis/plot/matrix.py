"""Verdicts as a picture: layer x layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from infoplane.analysis.plot import style
from infoplane.analysis.plot.labels import (
    choose_estimator,
    layer_labels,
    named,
    wrap_label,
)
from infoplane.plane import Plane
from infoplane.types import VERDICTS, DPIReport

LETTERS = {
    "fault": "F",
    "violation": "V",
    "estimator": "e",
    "bias": "b",
    "sampling": "s",
    "untestable": "?",
    "not comparable": "–",
}
"""Letter of the worst verdict of a pair; an empty cell had no finding."""
FAILING = ("fault", "violation")
_CELL = 9.0
"""Points from which on a cell has room for a letter, and for its layer's name beside it; in smaller
ones squares mark what fails a check.
"""


def worst_of_pairs(
    report: DPIReport, layers: Sequence[str], estimator: str | None
) -> tuple[np.ndarray, list[list[str]]]:
    """Return the largest excess in bits and the worst verdict of every pair.

    Row upstream, column downstream; NaN and '' without a finding.
    """
    place = {name: k for k, name in enumerate(layers)}
    excess = np.full((len(layers), len(layers)), np.nan)
    verdict = [["" for _ in layers] for _ in layers]
    for f in report.findings:
        if (
            f.upstream not in place
            or f.downstream not in place
            or (estimator and f.estimator not in (estimator, ""))
        ):
            continue
        i, j = place[f.upstream], place[f.downstream]
        if f.verdict != "not comparable":
            excess[i, j] = np.fmax(excess[i, j], f.excess_bits)
        if not verdict[i][j] or VERDICTS.index(f.verdict) < VERDICTS.index(verdict[i][j]):
            verdict[i][j] = f.verdict
    return excess, verdict


@style.styled
def plot_dpi_matrix(
    plane: Plane, report: DPIReport, *, estimator: str | None = None, ax: Axes | None = None
) -> Axes:
    """Layer x layer heat map of the largest excess over all checkpoints (bits).

    Each cell has the letter of the worst verdict.

    Rows are upstream, columns downstream layers; the diagonal holds the laws of a single layer.
    ``not comparable`` pairs carry a dash and no colour.
    """
    spec = None if estimator is None else choose_estimator(plane, estimator)
    excess, verdict = worst_of_pairs(report, plane.layers, spec)
    ax = style.new_axes(ax, style.PAGE * 0.6, style.PAGE * 0.5)
    highest = float(np.nanmax(excess)) if np.isfinite(excess).any() else 1.0
    top = highest if highest > 1e-9 else 1.0
    image = ax.imshow(
        np.ma.masked_invalid(excess), cmap=style.heat_map(), vmin=0, vmax=top, gid="matrix"
    )
    names = [style.drawable(name) for name in layer_labels(plane, plane.layers, 18)]
    lettered = name_cells(ax, names)
    for (row, column), bits in np.ndenumerate(excess):
        name = verdict[row][column]
        if lettered and name:
            _write_letter(ax, (row, column), name, dark=bool(bits > 0.55 * top))
        elif name in FAILING:
            _draw_square(ax, (row, column), name)
    ax.set_xlabel("downstream layer")
    ax.set_ylabel("upstream layer")
    title = f"worst DPI finding, {spec or 'all estimators'}"
    ax.set_title(style.drawable(title), loc="left", parse_math=False)
    bar = style.figure_of(ax).colorbar(image, ax=ax, pad=0.02, fraction=0.045)
    style.settle(style.figure_of(ax))
    room = max(18, int(style.height_points(ax) / 4.4))
    bar.set_label(wrap_label(_key(verdict, lettered), room))
    return ax


Cell = tuple[int, int]
"""Row and column of a pair: upstream and downstream layer."""


def _write_letter(ax: Axes, cell: Cell, verdict: str, *, dark: bool) -> None:
    row, column = cell
    ax.text(
        column,
        row,
        LETTERS.get(verdict, ""),
        ha="center",
        va="center",
        color="white" if dark else "black",
        fontweight="bold" if verdict in FAILING else "normal",
        gid=f"cell-{row}-{column}",
    )


def _draw_square(ax: Axes, cell: Cell, verdict: str) -> None:
    row, column = cell
    ax.plot(
        column,
        row,
        marker="s",
        ms=4,
        mfc=style.VERDICT_COLOURS[verdict],
        mec="white",
        mew=0.4,
        ls="none",
        gid=f"cell-{row}-{column}",
    )


def _key(verdict: Sequence[Sequence[str]], lettered: bool) -> str:
    """Return the words of the scale.

    The unit, and what the letters or squares in the cells mean.
    """
    used = [v for v in VERDICTS if any(v in row for row in verdict)]
    if lettered:
        return ", ".join(["excess [bits]", *(f"{LETTERS[v]}={v}" for v in used if v in LETTERS)])
    failing = [v for v in used if v in FAILING]
    return f"excess [bits], squares: {' and '.join(failing)}" if failing else "excess [bits]"


def name_cells(ax: Axes, names: Sequence[str]) -> bool:
    """Layers along both axes of a heat map; of many, as many as fit. Whether all do."""
    chosen = named(
        len(names), max(8, int(min(style.width_points(ax), style.height_points(ax)) / _CELL))
    )
    ax.set_xticks(
        chosen, [names[k] for k in chosen], rotation=90 if len(names) > 4 else 0, parse_math=False
    )
    ax.set_yticks(chosen, [names[k] for k in chosen], parse_math=False)
    ax.grid(False)
    return len(chosen) == len(names)
