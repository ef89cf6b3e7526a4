"""A case: two variables that can be drawn at will and whose information is known."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from infoplane.types import Variable

Family = Literal[
    "discrete",
    "1-D",
    "vector",
    "heavy-tailed",
    "warped",
    "label",
    "mixed",
    "channel",
    "noisy network",
    "high-dimensional",
    "deterministic",
]
FAMILIES: tuple[Family, ...] = get_args(Family)


@dataclass(frozen=True, eq=False)
class Sample:
    """Paired rows of a case.

    Attributes:
        a, b: what any estimator sees.
        ids, clean, sigma: for networks with Gaussian noise of standard deviation ``sigma`` in the
            last step: row identities of the input and the layer before that noise, which sample
            propagation takes in place of ``a`` and ``b``.
    """

    a: Variable
    b: Variable
    ids: Variable | None = None
    clean: Variable | None = None
    sigma: float | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """Two variables with known mutual information.

    Attributes:
        name: unique.
        family: one of `FAMILIES`.
        draw: ``(n, rng)`` to n paired rows.
        truth: computes I(A;B) in bits; infinite for a deterministic map of a continuous input.
        how: where the truth comes from, in words.
        low_dimensional: at most two continuous units in all (or 256 cells of a table): intervals
            are held to their nominal coverage here.
    """

    name: str
    family: Family
    draw: Callable[[int, np.random.Generator], Sample] = field(repr=False)
    truth: Callable[[], float] = field(repr=False)
    how: str
    low_dimensional: bool = True

    @cached_property
    def bits(self) -> float:
        """I(A;B) in bits, computed once."""
        return float(self.truth())

    @property
    def finite(self) -> bool:
        """Whether the truth is a number that an estimate can be compared with."""
        return math.isfinite(self.bits)

    def sample(self, n: int, seed: int) -> Sample:
        """Return the rows that belong to a seed: the same for every estimator and every machine."""
        return self.draw(n, np.random.default_rng([seed, n, zlib.crc32(self.name.encode())]))
