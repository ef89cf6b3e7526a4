"""One layer's path on an Axes: its line, points, bars, first and last mark."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap, Normalize
from numpy.typing import NDArray

from infoplane.analysis.plot import style
from infoplane.analysis.plot.marks import MARKS
from infoplane.analysis.plot.tones import layer_tone, marker, pale
from infoplane.analysis.plot.trajectory import Trajectory

Tones = NDArray[np.float64]
"""Colours of the checkpoints of one path, shape (steps, 4)."""


MARK_POINTS, CROWDED = 6.5, 24
"""Size of a layer's first and last mark, and the number of layers beyond which marks are smaller.
"""


def mark_points(layers: int) -> float:
    """Return the size of the marks where so many layers are drawn.

    Example:
        >>> mark_points(8), mark_points(96)
        (6.5, 4.0)
    """
    return MARK_POINTS if layers <= CROWDED else 4.0


def draw_path(
    ax: Axes,
    path: Trajectory,
    index: int,
    norm: Normalize,
    colours: Colormap,
    *,
    size: float = MARK_POINTS,
    shape: int | None = None,
) -> None:
    """Draw the path of one layer.

    Args:
        ax: where to draw.
        path: the layer's path, in bits.
        index: of the layer: its shape, and the end of the ids of what is drawn.
        norm, colours: colour of a step.
        size: of the first and last mark, in points.
        shape: of the last mark; that of the layer when left out.
    """
    tones = np.asarray(colours(norm(np.asarray(path.steps, float))))
    if len(path.steps) > 1:
        _draw_line(ax, path, index, norm, colours)
    _draw_points(ax, path, index, tones)
    if path.runs:
        _draw_ranges(ax, path, index)
    _draw_bars(ax, path, index, tones)
    if path.null is not None:
        x = path.x[-1]
        ax.plot([x, x], path.null, zorder=1, gid=f"null-{index}", **MARKS["null"].look)
    _draw_ends(ax, path, index, tones, size, index if shape is None else shape)


def _draw_line(ax: Axes, path: Trajectory, index: int, norm: Normalize, colours: Colormap) -> None:
    points = np.column_stack([path.x, path.y])  # (steps, 2)
    segments = np.stack([points[:-1], points[1:]], axis=1)  # (steps - 1, 2, 2)
    steps, refused = np.asarray(path.steps), np.asarray(path.refused)
    before, after = np.searchsorted(refused, steps[:-1]), np.searchsorted(refused, steps[1:])
    whole = before == after  # no refused checkpoint between the two
    lines = LineCollection(
        list(segments[whole]),
        cmap=colours,
        norm=norm,
        array=steps[1:][whole],
        linewidths=1.1,
        alpha=0.85,
        zorder=2,
        gid=f"path-{index}",
    )
    ax.add_collection(lines)


def hollow_points(path: Trajectory) -> NDArray[np.bool_]:
    """Return which points are drawn hollow: saturated ones, and those of little coverage."""
    sparse = path.sparse or (False,) * len(path.steps)
    return np.asarray(path.saturated) | np.asarray(sparse)


def _draw_points(ax: Axes, path: Trajectory, index: int, tones: Tones) -> None:
    x, y, full = np.asarray(path.x), np.asarray(path.y), np.asarray(path.saturated)
    faces = np.where(hollow_points(path)[:, None], np.ones(4), tones)
    ax.scatter(
        x,
        y,
        s=7,
        c=faces,
        edgecolors=list(map(tuple, tones)),
        linewidths=0.6,
        zorder=3,
        gid=f"points-{index}",
    )
    if full.any():
        ax.scatter(
            x[full],
            y[full],
            s=5,
            c=tones[full],
            marker="x",
            linewidths=0.4,
            zorder=3,
            gid=f"crosses-{index}",
        )


def _draw_bars(ax: Axes, path: Trajectory, index: int, tones: Tones) -> None:
    """Draw 95 % intervals across and up at every checkpoint that has one."""
    for name, bars in (("x", path.x_bars), ("y", path.y_bars)):
        lines, shades = [], []
        for x, y, bar, tone in zip(path.x, path.y, bars, tones, strict=False):
            if bar is None:
                continue
            ends = [(bit, y) for bit in bar] if name == "x" else [(x, bit) for bit in bar]
            lines.append(ends)
            shades.append(tone)
        if lines:
            bars_drawn = LineCollection(lines, colors=shades, linewidths=0.8, alpha=0.55)
            bars_drawn.set(zorder=1.5, gid=f"bars-{name}-{index}")
            ax.add_collection(bars_drawn)


def _draw_ranges(ax: Axes, path: Trajectory, index: int) -> None:
    """Draw one pale band along the path: the hull of all runs at neighbouring checkpoints."""
    pairs = list(itertools.pairwise(path.runs)) or [(path.runs[0], ())]
    hulls = [convex_hull([*first, *second]) for first, second in pairs]
    tone = layer_tone(index)
    bands = PolyCollection(
        hulls, color=pale(tone), linewidths=0.5, zorder=0.5, gid=f"range-{index}"
    )
    ax.add_collection(bands)
    lines = LineCollection(
        list(np.swapaxes(path.runs, 0, 1)),  # (runs, steps, 2)
        colors=[tone],
        linewidths=0.4,
        alpha=0.4,
        zorder=1,
        gid=f"runs-{index}",
    )
    ax.add_collection(lines)


Corner = tuple[float, float]


def convex_hull(points: Sequence[Corner]) -> list[Corner]:
    """Return the corners of the smallest convex polygon around points, anticlockwise.

    Points on one line are returned in their order along it.

    Example:
        >>> sorted(convex_hull([(0, 0), (2, 0), (1, 1), (1, 0.5), (1, 2)]))
        [(0, 0), (1, 2), (2, 0)]
    """
    from scipy.spatial import ConvexHull, QhullError

    try:
        return [points[index] for index in ConvexHull(points).vertices]
    except QhullError:
        return sorted(points)


def _draw_ends(
    ax: Axes, path: Trajectory, index: int, tones: Tones, size: float, shape: int
) -> None:
    """Draw an open ring at the first of several checkpoints, the layer's own shape at the last.

    The last mark is crossed where it is saturated.
    """
    look: style.Look = {"ls": "none", "mew": 0.8, "zorder": 5}
    if len(path.steps) > 1:
        ring = {**MARKS["first"].look, "ms": size}
        ax.plot(path.x[0], path.y[0], zorder=4, gid=f"first-{index}", **ring)
    face = "white" if hollow_points(path)[-1] else tones[-1]
    last = {"marker": marker(shape), "ms": size, "mfc": face, "mec": "black"}
    ax.plot(*path.end, **look | last, gid=f"last-{index}")
    if path.saturated[-1]:
        ax.plot(*path.end, marker="x", ms=size / 2, mec="black", **look, gid=f"last-cross-{index}")
