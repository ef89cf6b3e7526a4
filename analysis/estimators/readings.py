"""Readings of information by neighbours, and their mean weighted by what each shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import digamma

from infoplane.analysis.kernels.neighbours import Distances, count_within, kth_distances
from infoplane.types.arrays import Counts, Floats

Neighbours = tuple[int, int]
_EQUAL = 1e-9


@dataclass(frozen=True)
class Reach:
    """How far neighbours lie.

    Attributes:
        neighbours: of each row, shape ``(n,)``.
        distances: of the last of them, shape ``(n,)``.
    """

    neighbours: Counts
    distances: Floats


@dataclass(frozen=True)
class Reading:
    """One way to read the information, in nats, from fewer and from more neighbours.

    Attributes:
        entropies: the difference of entropies, near and far; 0 where neighbours see all at once.
        information: what neighbours see of the rest, near and far.
        lower_bound: whether it is read of functions of the variables, which know no more than
            these.
    """

    entropies: tuple[float, float]
    information: tuple[float, float]
    lower_bound: bool = False

    @property
    def near(self) -> float:
        """The reading of fewer neighbours, whose bias is smaller."""
        return self.entropies[0] + self.information[0]

    @property
    def far(self) -> float:
        """The reading of more neighbours, whose scatter is smaller."""
        return self.entropies[1] + self.information[1]

    @property
    def disagreement(self) -> float:
        """How far fewer and more neighbours are apart, in nats: an estimate of the bias."""
        return float(np.hypot(np.diff(self.entropies), np.diff(self.information))[0])


def reaches(vectors: Sequence[Distances], neighbours: Neighbours) -> list[Reach]:
    """Find how far fewer and more neighbours lie; repeats of a row are passed over.

    Where so many rows are equal, up to rounding, that the fewer ones lie at no distance, the more
    ones are taken.

    Args:
        vectors: distances of equally many rows; the norm is the largest of theirs.
        neighbours: fewer and more.
    """
    near, far = kth_distances(vectors, neighbours)
    equal = near <= _EQUAL * far
    few = np.where(equal, neighbours[1], neighbours[0])
    more = np.full(len(far), neighbours[1])
    return [Reach(few, np.where(equal, far, near)), Reach(more, far)]


def ksg_reading(x: Distances, z: Distances, neighbours: Neighbours) -> Reading:
    """Read the information by Kraskov's first estimator.

    Args:
        x: distances of rows of shape ``(n, dx)``.
        z: of shape ``(n, dz)``.
        neighbours: fewer and more.
    """
    nats = []
    for reach in reaches([x, z], neighbours):
        in_x = digamma(count_within(x, reach.distances) + 1).mean()
        in_z = digamma(count_within(z, reach.distances) + 1).mean()
        together = digamma(reach.neighbours).mean() + digamma(x.n)
        nats.append(float(together - (in_x + in_z)))
    return Reading((0.0, 0.0), (nats[0], nats[1]))


def mean_reading(readings: Sequence[Reading]) -> Reading:
    """Return the mean of the same reading of several sets of rows."""
    entropies = np.mean([reading.entropies for reading in readings], axis=0)
    information = np.mean([reading.information for reading in readings], axis=0)
    return Reading(
        (float(entropies[0]), float(entropies[1])),
        (float(information[0]), float(information[1])),
        any(reading.lower_bound for reading in readings),
    )


def weighted_nats(readings: Sequence[Reading], n: int) -> float:
    """Return the mean of readings, in nats, weighted by their uncertainty.

    The uncertainty of a reading is what fewer and more neighbours disagree by, chance, and by how
    much another reading, itself in agreement, exceeds it: neighbours that do not see a dependence
    fall short of it. Weights fall with the eighth power of the uncertainty, so that the mean is
    near the best reading and still continuous in the rows. A lower bound weighs less where another
    reading exceeds it: then it has lost something, however well its neighbours agree.

    The chance of one reading is put at 2/n and of a difference of two at 8/n: readings of the same
    rows err together. Power and chance were chosen on the banks of `infoplane.analysis.calibrate`.
    """
    bias = np.array([reading.disagreement for reading in readings]) ** 2
    near = np.array([reading.near for reading in readings])
    far = np.array([reading.far for reading in readings])
    chance = 2 / n
    nats = near + 0.5 * chance / (chance + bias) * (far - near)
    excess = np.maximum(nats[None, :] - nats[:, None], 0.0) ** 2  # (reading, exceeded by)
    shortfall = (excess**2 / (excess + bias[None, :] + 4 * chance)).max(axis=1)
    weights = (bias + chance + shortfall) ** -4.0
    loss = (excess / (bias[None, :] + 4 * chance)).max(axis=1)
    lower = np.array([reading.lower_bound for reading in readings])
    weights = np.where(lower, weights / (1 + loss) ** 2, weights)
    return float(weights @ nats / weights.sum())
