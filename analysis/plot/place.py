"""Where labels go so that none covers another. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""left, bottom, right, top."""


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
        pools: list[_Pool] = []
        for rank, index in enumerate(order):
            pools.append(_Pool(wanted[index] - rank * gap))
            while len(pools) > 1 and pools[-2].mean > pools[-1].mean:
                pools[-2].take(pools.pop())
        slots = []
        for pool in pools:
            base = min(max(pool.mean, low), high - space)
            slots += [base + rank * gap for rank in range(len(slots), len(slots) + pool.members)]
    placed = [0.0] * count
    for slot, index in zip(slots, order, strict=True):
        placed[index] = slot
    return placed


@dataclass
class _Pool:
    """Neighbours that would collide: the sum of their wishes less their ranks; their number."""

    total: float
    members: int = 1

    @property
    def mean(self) -> float:
        return self.total / self.members

    def take(self, other: _Pool) -> None:
        self.total += other.total
        self.members += other.members


def overlap(first: Box, second: Box) -> bool:
    """Return whether two boxes share area."""
    left, bottom, right, top = first
    return left < second[2] and second[0] < right and bottom < second[3] and second[1] < top


def place_labels(
    anchors: Sequence[Point],
    sizes: Sequence[Point],
    frame: Box,
    pad: float = 3.0,
    obstacles: Sequence[Box] = (),
) -> list[Point]:
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
    taken = [_box(anchor, (3 * pad, 3 * pad)) for anchor in anchors] + list(obstacles)
    centres = []
    for anchor, size in zip(anchors, sizes, strict=True):
        best_cost, centre = math.inf, anchor
        for place in _rings(anchor, size, pad):
            box = _box(place.centre, size)
            covered = sum(overlap(box, other) for other in taken)
            cost = 1e6 * _leaves(box, frame) + 1e3 * covered + place.ring
            if cost < best_cost:
                best_cost, centre = cost, place.centre
            if place.is_last and best_cost < 1e3:
                break
        centres.append(centre)
        taken.append(_box(centre, size))
    return centres


class _Place(NamedTuple):
    """A centre of a label, and the ring around its anchor on which it lies."""

    centre: Point
    ring: int
    is_last: bool


def _rings(anchor: Point, size: Point, pad: float) -> Iterator[_Place]:
    """Yield sixteen places on each ring around an anchor, the nearest ring first."""
    (x, y), (width, height) = anchor, size
    for ring in range(1, 14):
        for turn in range(16):
            angle = math.pi / 4 + 2 * math.pi * turn / 16
            across = math.cos(angle) * (width / 2 + ring * pad)
            up = math.sin(angle) * (height / 2 + ring * pad)
            yield _Place((x + across, y + up), ring, turn == 15)


def _box(centre: Point, size: Point) -> Box:
    (x, y), (width, height) = centre, size
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _leaves(box: Box, frame: Box) -> bool:
    left, bottom, right, top = frame
    return box[0] < left or box[1] < bottom or box[2] > right or box[3] > top
