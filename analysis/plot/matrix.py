"""Verdicts as a picture: layer x layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.text import Text

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable_names, wrap_label
from infoplane.analysis.plot.labels import choose_estimator
from infoplane.analysis.plot.layout import height_points, is_narrow, settle, width_points
from infoplane.analysis.plot.names import layer_labels, named
from infoplane.analysis.plot.tones import VERDICT_COLOURS, heat_map
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
"""Letter of the worst verdict of a pair; a white cell had no finding."""
NO_PAIR = "#dddddd"
FAILING = ("fault", "violation")
_LETTER = 4.0
"""Points of a letter of a layer's name."""
_CELL = 9.0
"""Points from which on a cell has room for a letter, and for its layer's name beside it; in smaller
ones squares mark what fails a check.
"""


def worst_of_pairs(
    report: DPIReport, layers: Sequence[str], estimator: str | None
) -> tuple[np.ndarray, list[list[str]]]:
    """Return the largest excess in bits and the worst verdict of every pair.

    Row upstream, column downstream; NaN and '' without a finding.

    Args:
        report: the DPI check.
        layers: in order.
        estimator: whose findings count; None takes all.
    """
    places = {name: index for index, name in enumerate(layers)}
    excess = np.full((len(layers), len(layers)), np.nan)
    verdicts = [[""] * len(layers) for _ in layers]
    for finding in report.findings:
        row, column = places.get(finding.upstream), places.get(finding.downstream)
        elsewhere = bool(estimator) and finding.estimator not in (estimator, "")
        if row is None or column is None or elsewhere:
            continue
        if finding.verdict != "not comparable":
            excess[row, column] = np.fmax(excess[row, column], finding.excess_bits)
        worst = verdicts[row][column]
        if not worst or VERDICTS.index(finding.verdict) < VERDICTS.index(worst):
            verdicts[row][column] = finding.verdict
    return excess, verdicts


@style.styled
def plot_dpi_matrix(
    plane: Plane, report: DPIReport, *, estimator: str | None = None, ax: Axes | None = None
) -> Axes:
    """Layer x layer heat map of the largest excess over all checkpoints (bits).

    Each cell has the letter of the worst verdict.

    Rows are upstream, columns downstream layers; the diagonal holds the laws of a single layer.
    ``not comparable`` pairs carry a dash and no colour. A white cell had no finding: the pair is in
    order, or the estimator is not judged. A grey one is no pair: its row comes after its column.

    Args:
        plane: knows the layers.
        report: the DPI check.
        estimator: whose findings are drawn; None draws all.
        ax: where to draw; None makes a new pyplot figure.
    """
    spec = None if estimator is None else choose_estimator(plane, estimator)
    excess, verdict = worst_of_pairs(report, plane.layers, spec)
    ax = style.new_axes(ax, style.PAGE * 0.6, style.PAGE * 0.5)
    highest = float(np.nanmax(excess)) if np.isfinite(excess).any() else 1.0
    top = highest if highest > 1e-9 else 1.0
    image = ax.imshow(np.ma.masked_invalid(excess), cmap=heat_map(), vmin=0, vmax=top, gid="matrix")
    _draw_no_pairs(ax, verdict)
    bar = style.figure_of(ax).colorbar(image, ax=ax, pad=0.02, fraction=0.045)
    bar.set_label("excess [bits]")
    ax.set_xlabel("downstream layer")
    ax.set_ylabel("upstream layer")
    letters = 13 if is_narrow(ax) else 18
    lettered = name_cells(ax, drawable_names(layer_labels(plane, plane.layers, letters)))
    for (row, column), bits in np.ndenumerate(excess):
        name = verdict[row][column]
        if lettered and name:
            text = write_cell(ax, (row, column), LETTERS.get(name, ""), dark=bits > 0.55 * top)
            text.set_fontweight("bold" if name in FAILING else "normal")
        elif name in FAILING:
            _draw_square(ax, (row, column), name)
    title_cells(ax, f"worst DPI finding, {spec or 'all estimators'}")
    bar.set_label(wrap_label(_key(verdict, lettered), int(height_points(ax) / 4.4)))
    return ax


Cell = tuple[int, int]
"""Row and column of a pair: upstream and downstream layer."""


def write_cell(ax: Axes, cell: Cell, words: str, *, dark: bool | np.bool_) -> Text:
    """Write words into a cell of a heat map, white on a dark one.

    Args:
        ax: of the heat map.
        cell: row and column.
        words: what to write.
        dark: whether the cell is dark.
    """
    row, column = cell
    return ax.text(
        column,
        row,
        words,
        ha="center",
        va="center",
        color="white" if dark else "black",
        gid=f"cell-{row}-{column}",
    )


def _draw_no_pairs(ax: Axes, verdict: Sequence[Sequence[str]]) -> None:
    """Grey the cells below the diagonal in which nothing was found."""
    cells = np.tril(np.array(verdict) == "", -1)  # (layers, layers)
    ax.imshow(np.ma.masked_equal(cells, False), cmap=ListedColormap([NO_PAIR]), gid="no-pair")


def _draw_square(ax: Axes, cell: Cell, verdict: str) -> None:
    row, column = cell
    ax.plot(
        column,
        row,
        marker="s",
        ms=4,
        mfc=VERDICT_COLOURS[verdict],
        mec="white",
        mew=0.4,
        ls="none",
        gid=f"cell-{row}-{column}",
    )


def _key(verdict: Sequence[Sequence[str]], lettered: bool) -> str:
    """Return the words of the scale.

    The unit, and what the letters or squares in the cells mean.
    """
    found = set[str]().union(*verdict)
    parts = ["excess [bits]", "white=no finding"]
    if len(verdict) > 1:
        parts.append("grey=no pair")
    if lettered:
        parts += [f"{letter}={key}" for key, letter in LETTERS.items() if key in found]
    elif failing := [key for key in FAILING if key in found]:
        parts.append(f"squares: {' and '.join(failing)}")
    return ", ".join(parts)


def name_cells(ax: Axes, names: Sequence[str]) -> bool:
    """Write layers along both axes of a heat map, of many as many as fit; return whether all do.

    To be called when all else that takes room beside the cells is there.
    """
    ax.grid(False)
    places = list(range(len(names)))
    for _ in range(3):  # names take room from the cells beside which they stand
        shown = [names[place] for place in places]
        room = min(width_points(ax), height_points(ax)) / len(places)
        turned = 90 if _LETTER * max(map(len, shown)) + 3 > room else 0
        ax.set_xticks(places, shown, rotation=turned, parse_math=False, fontsize=7)
        ax.set_yticks(places, shown, parse_math=False, fontsize=7)
        side = min(width_points(ax), height_points(ax))
        places = named(len(names), max(2, int(side / _CELL)))
        if len(places) >= len(shown):
            break
    return len(shown) == len(names)


def title_cells(ax: Axes, title: str) -> None:
    """Write a title over a heat map, from its left edge to that of the figure."""
    figure = style.figure_of(ax)
    settle(figure)
    ax.apply_aspect()  # cells are square: the map is smaller than its Axes
    room = (figure.bbox.x1 - ax.get_window_extent().x0) / figure.dpi * 72
    ax.set_title(wrap_label(title, int(room / 5)), loc="left", parse_math=False)
