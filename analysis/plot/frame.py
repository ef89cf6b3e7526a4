"""The frame of a plane: limits, reference lines, axis labels, step scale, legend, numbers beside the last marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from infoplane.analysis.plot import style
from infoplane.analysis.plot.labels import axis_of, layer_labels, named, wrap_label
from infoplane.analysis.plot.place import place_labels
from infoplane.analysis.plot.trajectory import Trajectory
from infoplane.plane import Plane

MOST_NAMED = {"page": 24, "column": 12}
"""Layers in a legend, and with a number beside their mark: more would leave the plane itself no room."""


def draw_frame(
    ax: Axes, plane: Plane, paths: Sequence[Trajectory], spec: str, *, proved_bits: float = 0.0
) -> None:
    """Limits, reference lines (with what the predictions prove of I(Z;Y), where that is above 0) and the saturated band."""
    xs, ys = [v for p in paths for v in p.x], [v for p in paths for v in p.y]
    across, up = plane.ceilings["i_xz"], plane.ceilings["i_zy"]
    most = plane.log2_n if across.bits is None else across.bits
    top_x, top_y = max([*xs, most]), max([*ys, plane.h_y_bits or 0.0])
    low_x, low_y = min([0.0, *xs]), min([0.0, *ys])
    ax.set_xlim(low_x - 0.03 * (top_x - low_x), top_x + 0.06 * (top_x - low_x or 1))
    ax.set_ylim(low_y - 0.04 * (top_y - low_y or 1), top_y + 0.09 * (top_y - low_y or 1))
    ax.axvline(most, color="#555555", lw=0.8, ls="--", zorder=0, gid="log2n")
    ax.axvspan(
        most - 0.5,
        most,
        color="#bbbbbb",
        alpha=0.25,
        lw=0,
        zorder=0,
        gid="saturated",
    )
    note: dict[str, Any] = {"fontsize": 6.5, "color": "#444444", "parse_math": False}
    ax.annotate(
        f"{across.name} = {most:.4g}",
        (most, 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(-3, 0),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="bottom",
        **note,
    )
    if plane.h_y_bits is not None:
        ax.axhline(plane.h_y_bits, color="#555555", lw=0.8, ls="--", zorder=0, gid="hy")
        ax.annotate(
            f"{up.name} = {plane.h_y_bits:.4g}",
            (0.01, plane.h_y_bits),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="left",
            va="bottom",
            **note,
        )
    if proved_bits > 0:
        ax.axhline(proved_bits, color="#8a6d00", lw=0.9, ls=":", zorder=0, gid="floor")


def label_across(
    ax: Axes, plane: Plane, paths: Sequence[Trajectory], spec: str, scale: Axes | None
) -> None:
    """The label of the flat axis, broken to the width that the Axes, laid out, has with the step scale beside it."""
    extent, beside = ax.get_window_extent(), None if scale is None else scale.get_tightbbox()
    room = ((beside or extent).x1 - extent.x0) / style.figure_of(ax).dpi * 72
    across = style.drawable(axis_of(plane, "i_xz", spec, paths[0].senses[0]))
    ax.set_xlabel(wrap_label(across, max(18, int(room / 4.2))), parse_math=False)


def label_up(ax: Axes, plane: Plane, paths: Sequence[Trajectory], spec: str) -> None:
    """The label of the upright axis, broken to the height that legend and title have left."""
    style.settle(style.figure_of(ax))
    up = style.drawable(axis_of(plane, "i_zy", spec, paths[0].senses[1]))
    ax.set_ylabel(wrap_label(up, max(18, int(style.height_points(ax) / 4.4))), parse_math=False)


def draw_step_scale(
    ax: Axes, lines: LineCollection, steps: Sequence[int], log: bool | None
) -> Axes:
    bar = style.figure_of(ax).colorbar(lines, ax=ax, pad=0.02, fraction=0.045, aspect=28)
    ticks = style.step_ticks(steps, log)
    bar.set_ticks(ticks, labels=[f"{t:g}" for t in ticks])
    bar.minorticks_off()
    bar.outline.set_linewidth(0.4)
    bar.set_label("training step")
    if bar.solids is not None:
        bar.solids.set_alpha(1)
    return bar.ax


def draw_legend(
    ax: Axes,
    plane: Plane,
    paths: Sequence[Trajectory],
    marks: list[Line2D],
    width: float,
    spec: str = "",
) -> None:
    names = layer_labels(plane, [p.layer for p in paths], estimator=spec)
    names = [style.drawable(name) for name in names]
    chosen = _named(ax, paths)
    entries = [
        Line2D(
            [],
            [],
            marker=style.marker(k),
            ls="none",
            ms=5.5,
            mfc="#9aa7b0",
            mec="black",
            mew=0.7,
            label=f"{k + 1}  {names[k]}",
        )
        for k in chosen
    ]
    if len(chosen) < len(paths):
        entries.append(
            Line2D([], [], ls="none", label=f"{len(chosen)} of {len(paths)} layers named")
        )
    entries.append(
        Line2D(
            [],
            [],
            marker="o",
            ls="none",
            ms=5.5,
            mfc="none",
            mec="#444444",
            mew=0.8,
            label="first checkpoint",
        )
    )
    if any(any(p.sparse) and not all(s for s, c in zip(p.saturated, p.sparse) if c) for p in paths):
        entries.append(
            Line2D(
                [],
                [],
                marker="o",
                ls="none",
                ms=3,
                mfc="white",
                mec="#444444",
                mew=0.7,
                label="hollow: coverage < 0.95",
            )
        )
    if any(any(p.saturated) for p in paths):
        entries.append(
            Line2D(
                [],
                [],
                marker="X",
                ls="none",
                ms=3.5,
                mfc="white",
                mec="#444444",
                mew=0.6,
                label="crossed: saturated",
            )
        )
    if any(p.null is not None for p in paths):
        entries.append(
            Line2D([], [], color="#8a8a8a", lw=3, alpha=0.7, label="shuffled labels, 95 %")
        )
    if any(str(line.get_gid()).startswith("notation") for line in ax.lines):
        entries.append(Line2D([], [], color="#d55e00", lw=5, alpha=0.3, label="invariance error"))
    if any(str(line.get_gid()).startswith("tightened") for line in ax.lines):
        entries.append(
            Line2D(
                [],
                [],
                color="#009e73",
                lw=0.9,
                marker="^",
                ms=4,
                label="lower bound, raised by layers downstream",
            )
        )
    if any(line.get_gid() == "floor" for line in ax.lines):
        entries.append(
            Line2D(
                [], [], color="#8a6d00", lw=0.9, ls=":", label="floor: proved by the predictions"
            )
        )
    widest = max(len(str(e.get_label())) for e in entries + marks)
    room = min(width + 90, 68.0 * style.figure_of(ax).get_figwidth())
    columns = max(1, min(4, int(room / (3.9 * widest + 24)), (len(entries) + len(marks) + 2) // 3))
    lines = ax.get_xlabel().count("\n") + 1
    box = ax.legend(
        handles=entries + marks,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=style.below(ax, 20 + 11 * lines),
        ncols=columns,
        handletextpad=0.3,
        columnspacing=1.0,
        borderaxespad=0,
    )
    for text in box.get_texts():
        text.set_parse_math(False)


def _named(ax: Axes, paths: Sequence[Trajectory]) -> list[int]:
    return named(len(paths), MOST_NAMED["column" if style.is_narrow(ax) else "page"])


def number_ends(ax: Axes, paths: Sequence[Trajectory]) -> None:
    """The layer's number beside its last mark, moved aside where numbers would collide; of many layers, those that the legend names."""
    chosen = _named(ax, paths)
    figure = style.figure_of(ax)
    style.settle(figure)  # the layout must be settled before pixels mean anything
    scale = figure.dpi / 72
    anchors = [
        tuple(ax.transData.transform((paths[k].x[-1], paths[k].y[-1])) / scale) for k in chosen
    ]
    frame = ax.get_window_extent()
    sizes = [(4.6 * len(str(k + 1)) + 1, 7.5) for k in chosen]
    box = (frame.x0 / scale, frame.y0 / scale, frame.x1 / scale, frame.y1 / scale)
    words = [tuple(np.array(t.get_window_extent().extents) / scale) for t in ax.texts]
    for k, (x, y), (cx, cy) in zip(
        chosen, anchors, place_labels(anchors, sizes, box, obstacles=words)
    ):
        far = float(np.hypot(cx - x, cy - y)) > 11
        ax.annotate(
            str(k + 1),
            (paths[k].x[-1], paths[k].y[-1]),
            xytext=(cx - x, cy - y),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=7,
            zorder=7,
            gid=f"number-{k}",
            arrowprops={
                "arrowstyle": "-",
                "lw": 0.4,
                "color": "#888888",
                "shrinkA": 3,
                "shrinkB": 3,
            }
            if far
            else None,
        )
