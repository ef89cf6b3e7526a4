"""Verdicts as a picture (layer x layer) and the plane as its first authors drew it (one line through the layers per checkpoint)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.labels import (
    axis_of,
    choose_estimator,
    layer_labels,
    named,
    short_names,
    wrap_label,
)
from infoplane.analysis.plot.plane import plot_plane
from infoplane.analysis.plot.trajectory import trajectories
from infoplane.errors import InputError
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
_CELL = 9.0
"""Points from which on a cell has room for a letter, and for its layer's name beside it; in smaller ones squares mark what fails a check."""


def worst_of_pairs(
    report: DPIReport, layers: Sequence[str], estimator: str | None
) -> tuple[np.ndarray, list[list[str]]]:
    """Per pair (row upstream, column downstream) the largest excess in bits (NaN without a finding) and the worst verdict ('' without)."""
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
    """Layer x layer heat map of the largest excess over all checkpoints (bits), with the letter of the worst verdict.

    Rows are upstream, columns downstream layers; the diagonal holds the laws of a single layer. ``not comparable`` pairs carry a dash and no colour.
    """
    spec = None if estimator is None else choose_estimator(plane, estimator)
    excess, verdict = worst_of_pairs(report, plane.layers, spec)
    ax = style.new_axes(ax, style.PAGE * 0.6, style.PAGE * 0.5)
    top = float(np.nanmax(excess)) if np.isfinite(excess).any() else 1.0
    image = ax.imshow(
        np.ma.masked_invalid(excess),
        cmap=style.heat_map(),
        vmin=0,
        vmax=top if top > 1e-9 else 1.0,
        gid="matrix",
    )
    many = not name_cells(ax, [style.drawable(n) for n in layer_labels(plane, plane.layers, 18)])
    for i, row in enumerate(verdict):
        for j, name in enumerate(row):
            if many and name in ("fault", "violation"):
                ax.plot(
                    j,
                    i,
                    marker="s",
                    ms=4,
                    mfc=style.VERDICT_COLOURS[name],
                    mec="white",
                    mew=0.4,
                    ls="none",
                    gid=f"cell-{i}-{j}",
                )
            elif name and not many:
                dark = np.isfinite(excess[i, j]) and excess[i, j] > 0.55 * top
                weight = "bold" if name in ("fault", "violation") else "normal"
                ax.text(
                    j,
                    i,
                    LETTERS.get(name, ""),
                    ha="center",
                    va="center",
                    color="white" if dark else "black",
                    fontweight=weight,
                    gid=f"cell-{i}-{j}",
                )
    ax.set_xlabel("downstream layer")
    ax.set_ylabel("upstream layer")
    ax.set_title(
        style.drawable(f"worst DPI finding, {spec or 'all estimators'}"),
        loc="left",
        parse_math=False,
    )
    used = [v for v in VERDICTS if any(v in row for row in verdict)]
    bar = style.figure_of(ax).colorbar(image, ax=ax, pad=0.02, fraction=0.045)
    style.settle(style.figure_of(ax))
    text = ", ".join(
        ["excess [bits]", *(f"{LETTERS[v]}={v}" for v in used if v in LETTERS and not many)]
    )
    if many and (failing := [v for v in used if v in ("fault", "violation")]):
        text += f", squares: {' and '.join(failing)}"
    bar.set_label(wrap_label(text, max(18, int(style.height_points(ax) / 4.4))))
    return ax


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


@style.styled
def plot_snapshots(
    plane: Plane,
    *,
    estimator: str | None = None,
    sense: str | None = None,
    ax: Axes | None = None,
    log: bool | None = None,
) -> Axes:
    """The plane as Shwartz-Ziv and Tishby (2017, arXiv 1703.00810) drew it: at each checkpoint one line through all layers, coloured by step."""
    spec = choose_estimator(plane, estimator)
    paths = trajectories(plane, spec, sense)
    if not paths:
        raise InputError(f"no layer has both I(X;Z) and I(Z;Y) from {spec!r}")
    ax = style.new_axes(ax)
    steps = sorted({s for p in paths for s in p.steps})
    norm, colours = style.step_norm(steps, log), style.colour_map()
    lines = [[xy for p in paths if (xy := p.at(step)) is not None] for step in steps]
    drawn = LineCollection(
        lines, cmap=colours, norm=norm, linewidths=0.8, alpha=0.7, gid="snapshots"
    )
    drawn.set_array(np.asarray(steps, dtype=float))
    ax.add_collection(drawn)
    for step, points in zip(steps, lines):
        ax.plot(
            *zip(*points),
            ls="none",
            marker="o",
            ms=3,
            color=colours(norm(step)),
            gid=f"step-{step}",
        )
    ax.axvline(
        plane.ceilings["i_xz"].bits or plane.log2_n, color="#555555", lw=0.8, ls="--", zorder=0
    )
    if plane.h_y_bits is not None:
        ax.axhline(plane.h_y_bits, color="#555555", lw=0.8, ls="--", zorder=0)
    rooms = (int(style.width_points(ax) / 4.2), int(style.height_points(ax) / 4.4))
    ax.set_xlabel(
        style.drawable(wrap_label(axis_of(plane, "i_xz", spec, paths[0].senses[0]), rooms[0])),
        parse_math=False,
    )
    ax.set_ylabel(
        style.drawable(wrap_label(axis_of(plane, "i_zy", spec, paths[0].senses[1]), rooms[1])),
        parse_math=False,
    )
    bar = style.figure_of(ax).colorbar(drawn, ax=ax, pad=0.02, fraction=0.045)
    ticks = style.step_ticks(steps, log)
    bar.set_ticks(ticks, labels=[f"{t:g}" for t in ticks])
    bar.minorticks_off()
    bar.set_label("training step")
    return ax


@style.styled
def draw_side_by_side(
    planes: dict[str, Plane], *, estimator: str | None = None, sense: str | None = None
) -> Figure:
    """Several planes on equal axes, e.g. ``{"train": a, "test": b}`` or one per run, activation or estimator setting."""
    if not planes:
        raise InputError("expected at least one plane")
    figure = style.new_figure(style.PAGE, style.PAGE / max(2, len(planes)) + 0.6)
    axes = figure.subplots(1, len(planes), squeeze=False, sharex=True, sharey=True)[0]
    limits = []
    for ax, (name, plane) in zip(axes, planes.items()):
        plot_plane(
            plane, ax=ax, estimator=estimator, sense=sense, colour_bar=ax is axes[-1], legend=False
        )
        words = ax.get_title(
            loc="left"
        )  # what a reader must know first stays; the plane's name goes above it
        above = (9 * (words.count("\n") + 1) if words else 0) + 4
        ax.set_title(
            style.drawable(short_names([name], 40)[0]),
            x=0,
            ha="left",
            y=1 + above / style.height_points(ax),
            color="black",
            parse_math=False,
        )
        limits.append((ax.get_xlim(), ax.get_ylim()))
    axes[0].set_xlim(min(x[0] for x, _ in limits), max(x[1] for x, _ in limits))
    axes[0].set_ylim(min(y[0] for _, y in limits), max(y[1] for _, y in limits))
    return figure
