"""Where labels go so that none covers another. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""left, bottom, right, top."""

PAD = 3.0
"""Free space around labels and anchors, in the unit of the anchors."""


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return positions on a line as near to ``wanted`` as they can be.

    Neighbours are at least ``gap`` apart, and all lie inside [low, high].

    Pools neighbours that collide and puts each pool at the mean of its wishes (least squares). When
    they cannot fit, they are spaced evenly.

    Args:
        wanted: positions.
        gap: least distance of neighbours.
        low, high: ends of the line.

    Example:
        >>> spread([0.0, 0.0, 1.0], 0.2, 0.0, 1.0)
        [0.0, 0.2, 1.0]
    """
    count = len(wanted)
    order = sorted(range(count), key=lambda index: wanted[index])
    space = (count - 1) * gap
    if space >= high - low:
        step = (high - low) / max(count - 1, 1)
        slots = [low + rank * step for rank in range(count)]
    else:
        pools: list[list[float]] = []  # wishes of neighbours that would collide, less their ranks
        for rank, index in enumerate(order):
            pools.append([wanted[index] - rank * gap])
            while len(pools) > 1 and fmean(pools[-2]) > fmean(pools[-1]):
                last = pools.pop()
                pools[-1] += last
        slots = []
        for pool in pools:
            base = min(max(fmean(pool), low), high - space)
            slots += [base + rank * gap for rank in range(len(slots), len(slots) + len(pool))]
    placed = [0.0] * count
    for slot, index in zip(slots, order, strict=True):
        placed[index] = slot
    return placed


def overlap(first: Box, second: Box) -> bool:
    """Return whether two boxes share area."""
    left, bottom, right, top = first
    return left < second[2] and second[0] < right and bottom < second[3] and second[1] < top


def place_labels(
    anchors: Sequence[Point],
    sizes: Sequence[Point],
    frame: Box,
    obstacles: Sequence[Box] = (),
) -> list[Point]:
    """Return centres of labels near their anchors, none over another.

    Inside ``frame``; greedy, nearest ring first; not over another anchor either.

    Args:
        anchors: points to label.
        sizes: (width, height) of each label, in the unit of the anchors.
        frame: the labels stay inside.
        obstacles: boxes that no label may cover, such as other words.

    Returns:
        One centre per anchor. Where a frame is too full for all, the least bad place is taken.
    """
    left, bottom, right, top = frame
    taken = [_box(anchor, (3 * PAD, 3 * PAD)) for anchor in anchors] + list(obstacles)
    centres = []
    for anchor, size in zip(anchors, sizes, strict=True):
        best_cost, centre = math.inf, anchor
        for ring in range(1, 14):
            for place in _around(anchor, size, ring * PAD):
                box = _box(place, size)
                covered = sum(overlap(box, other) for other in taken)
                leaves = box[0] < left or box[1] < bottom or box[2] > right or box[3] > top
                cost = 1e6 * leaves + 1e3 * covered + ring
                if cost < best_cost:
                    best_cost, centre = cost, place
            if best_cost < 1e3:
                break
        centres.append(centre)
        taken.append(_box(centre, size))
    return centres


def _around(anchor: Point, size: Point, distance: float) -> Iterator[Point]:
    """Yield sixteen centres of a label on a ring around its anchor."""
    (x, y), (width, height) = anchor, size
    for turn in range(16):
        angle = math.pi / 4 + 2 * math.pi * turn / 16
        across = math.cos(angle) * (width / 2 + distance)
        up = math.sin(angle) * (height / 2 + distance)
        yield x + across, y + up


def _box(centre: Point, size: Point) -> Box:
    (x, y), (width, height) = centre, size
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2
