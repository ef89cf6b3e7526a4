"""Where labels go so that none covers another. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence

Box = tuple[float, float, float, float]
"""left, bottom, right, top."""


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return positions on a line as near to ``wanted`` as they can be.

    Neighbours are at least ``gap`` apart, and all lie inside [low, high].

    Pools neighbours that collide and puts each pool at the mean of its wishes (least squares). When
    they cannot fit, they are spaced evenly.

    Example:
        >>> spread([0.0, 0.0, 1.0], 0.2, 0.0, 1.0)
        [0.0, 0.2, 1.0]
    """
    k = len(wanted)
    if k == 0:
        return []
    if (k - 1) * gap >= high - low:
        step = (high - low) / max(k - 1, 1)
        slots = [low + i * step for i in range(k)]
    else:
        order = sorted(range(k), key=lambda i: wanted[i])
        pools: list[list[float]] = []  # [sum of (wish - offset), members]
        for rank, i in enumerate(order):
            pools.append([wanted[i] - rank * gap, 1])
            while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
                total, count = pools.pop()
                pools[-1][0] += total
                pools[-1][1] += count
        bases = [total / count for total, count in pools for _ in range(int(count))]
        slots = [
            min(max(base, low), high - (k - 1) * gap) + rank * gap
            for rank, base in enumerate(bases)
        ]
    out = [0.0] * k
    for rank, i in enumerate(sorted(range(k), key=lambda i: wanted[i])):
        out[i] = slots[rank]
    return out


def overlap(a: Box, b: Box) -> bool:
    """Return whether two boxes share area."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def place_labels(
    anchors: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    pad: float = 3.0,
    obstacles: Sequence[Box] = (),
) -> list[tuple[float, float]]:
    """Return centres of labels near their anchors, none over another.

    Inside ``frame``; greedy, nearest ring first; not over another anchor either.

    Args:
        anchors: points to label.
        sizes: (width, height) of each label, in the unit of the anchors.
        frame: the labels stay inside.
        pad: free space around labels and anchors.
        obstacles: boxes that no label may cover, such as other words.

    Returns:
        One centre per anchor. Where a frame is too full for all, the least bad place is taken.
    """
    taken: list[Box] = [
        (x - 1.5 * pad, y - 1.5 * pad, x + 1.5 * pad, y + 1.5 * pad) for x, y in anchors
    ] + list(obstacles)
    out: list[tuple[float, float]] = []
    for (x, y), (w, h) in zip(anchors, sizes, strict=True):
        best: tuple[float, float, float] = (math.inf, x, y)
        for ring in range(1, 14):
            for k in range(16):
                angle = math.pi / 4 + 2 * math.pi * k / 16
                cx = x + math.cos(angle) * (w / 2 + ring * pad)
                cy = y + math.sin(angle) * (h / 2 + ring * pad)
                box = (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)
                outside = (
                    box[0] < frame[0] or box[1] < frame[1] or box[2] > frame[2] or box[3] > frame[3]
                )
                cost = 1e6 * outside + 1e3 * sum(overlap(box, other) for other in taken) + ring
                if cost < best[0]:
                    best = (cost, cx, cy)
            if best[0] < 1e3:
                break
        _, cx, cy = best
        out.append((cx, cy))
        taken.append((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2))
    return out
