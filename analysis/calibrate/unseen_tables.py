"""Tables of the bank ``unseen``.

Symbols and counts, written down before any estimator had seen them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import binom, geom, logser, nbinom, poisson

from infoplane.analysis.calibrate.case import Case
from infoplane.analysis.calibrate.discrete_cases import (
    channel,
    labelled,
    random_table,
    table_case,
    uniform,
    zipf,
)
from infoplane.types.arrays import Counts, Floats

Mass = Callable[[Counts], Floats]


def thinned(rate: float, share: float) -> Floats:
    """Poisson counts of which every one is seen with a probability, shape ``(counts, seen)``."""
    counts = np.arange(40)
    return channel(poisson.pmf(counts, rate), binom.pmf(counts[None, :], counts[:, None], share))


def classes_of_counts(weights: Floats, masses: list[Mass], most: int) -> Floats:
    """Return counts whose law depends on the class, shape ``(classes, counts)``."""
    counts = np.arange(most)
    rows = np.stack([mass(counts) for mass in masses])
    return channel(weights, rows / rows.sum(axis=1, keepdims=True))


def shared_counts(own: float, common: float) -> Floats:
    """Return two Poisson counts that share a part: A + C and B + C, shape ``(counts, counts)``."""
    counts = np.arange(25)
    alone = poisson.pmf(counts[:, None] - counts[None, :], own)  # (count, common part)
    joint = (alone * poisson.pmf(counts, common)) @ alone.T
    return joint / joint.sum()


def around_a_ring(symbols: int, stay: float) -> Floats:
    """Return a uniform symbol that moves to either neighbour of a ring with equal probabilities."""
    rows = stay * np.eye(symbols)
    for step in (-1, 1):
        rows += (1 - stay) / 2 * np.roll(np.eye(symbols), step, axis=1)
    return channel(uniform(symbols), rows)


def product(first: Floats, second: Floats) -> Floats:
    """Return two independent symbols."""
    return np.outer(first, second) / first.sum() / second.sum()


def with_zeros(share: float) -> Mass:
    """Poisson counts of rate 4 of which a share is lost to zeros."""

    def mass(counts: Counts) -> Floats:
        return share * (counts == 0) + (1 - share) * poisson.pmf(counts, 4.0)

    return mass


SECOND_LOOK: tuple[Case, ...] = (
    table_case(
        "two classes of Poisson counts with zeros",
        lambda: classes_of_counts(uniform(2), [with_zeros(0.5), with_zeros(0.2)], 30),
    ),
    table_case(
        "three classes of logarithmic counts",
        lambda: classes_of_counts(uniform(3), [logser(p).pmf for p in (0.5, 0.8, 0.97)], 300),
    ),
    table_case(
        "Poisson counts of a die",
        lambda: classes_of_counts(uniform(6), [poisson(r).pmf for r in (1, 2, 3, 4, 5, 6)], 40),
    ),
    table_case("random table 6 x 6", lambda: random_table(201, 6, 6, 0.3)),
    table_case("10 x 10 symbols, independent", lambda: product(uniform(10), uniform(10)), "0"),
    table_case(
        "three unequal classes of overdispersed counts",
        lambda: classes_of_counts(
            np.array([0.2, 0.3, 0.5]), [nbinom(3, p).pmf for p in (0.4, 0.2, 0.1)], 300
        ),
    ),
    table_case(
        "two coins tossed twenty times",
        lambda: classes_of_counts(uniform(2), [binom(20, p).pmf for p in (0.3, 0.5)], 21),
    ),
    table_case(
        "Zipf, 30 symbols, parity, flip 0.3", lambda: labelled(zipf(30), 0.3, lambda k: k % 2)
    ),
)
"""Written down after the interval of tables had been mended with the ten others in sight."""

CASES: tuple[Case, ...] = (
    table_case("random table 3 x 3", lambda: random_table(101, 3, 3, 1.0)),
    table_case("random table 30 x 20", lambda: random_table(102, 30, 20, 1.0)),
    table_case("5 x 8 symbols, unequal, independent", lambda: product(zipf(5), zipf(8)), "0"),
    table_case("ring of 7 symbols, stays 0.6", lambda: around_a_ring(7, 0.6)),
    table_case(
        "Zipf, 200 symbols, parity, flip 0.2", lambda: labelled(zipf(200), 0.2, lambda k: k % 2)
    ),
    table_case("Poisson counts of rate 4, half of them seen", lambda: thinned(4.0, 0.5)),
    table_case("two Poisson counts with a common part", lambda: shared_counts(2.0, 2.0)),
    table_case(
        "four classes of Poisson counts",
        lambda: classes_of_counts(
            uniform(4), [poisson(rate).pmf for rate in (1.0, 2.0, 4.0, 8.0)], 40
        ),
    ),
    table_case(
        "two classes of overdispersed counts",
        lambda: classes_of_counts(uniform(2), [nbinom(1, 0.3).pmf, nbinom(1, 0.05).pmf], 400),
    ),
    table_case(
        "three classes of geometric counts, unequal",
        lambda: classes_of_counts(
            np.array([0.7, 0.2, 0.1]), [geom(p).pmf for p in (0.2, 0.5, 0.9)], 120
        ),
    ),
    *SECOND_LOOK,
)
