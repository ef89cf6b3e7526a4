"""The neighbour estimator that fits the rows: KSG or Ross where all rows differ, the mixed form where values repeat."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from infoplane.analysis.estimators.cells import same_rows
from infoplane.analysis.estimators.entropies import counts_of
from infoplane.analysis.estimators.ksg import KSG, MixedKSG, Ross, fewer_neighbours, slowest_bias
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import row_codes
from infoplane.types import Estimate, Kind, Variable


@dataclass(frozen=True)
class Neighbours:
    """I(A;B) by k nearest neighbours, the form chosen by the rows and named in the notes.

    `MixedKSG` with atoms apart where rows repeat (atoms after ReLU, one-hot, dead layers, repeated inputs), else `KSG` for two continuous variables and `Ross` for labels. One spec
    serves all layers of a network, some of which have atoms.

    Attributes:
        k: neighbours.
        correct: as in `KSG`, where that is the form; on unless ``correct=false`` asks for the published definition. The form of more than two scalars needs it: 0.03 bit off on vectors
            up to 3+3 dimensions, 0.10 without.

    When it lies: as the form that it names. A layer that gains its first repeated row between two checkpoints changes form; the two differ by about
    1/(2 n) nats on distinct rows.

    Example:
        >>> from infoplane.types import continuous
        >>> z = np.maximum(np.random.default_rng(0).normal(size=500), 0)
        >>> Neighbours().estimate(continuous(z), continuous(z + np.arange(500) / 500)).notes[-1]
        'rows repeat: ties counted (mixed KSG, Gao et al. 2017)'
    """

    k: int = 5
    correct: bool = True

    _FIRST = "k"
    traits = replace(
        KSG.traits,
        target="Shannon MI of the population: KSG, Ross, or mixed KSG where rows repeat",
        validity=(
            "any layer, with or without atoms; up to about 5 dimensions in all; infinite for deterministic layers of a continuous X"
        ),
    )

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"k is at least 1, got {self.k}")

    @property
    def name(self) -> str:
        """The spec string."""
        return str(self)

    def __str__(self) -> str:
        return f"knn:k={self.k}" + ("" if self.correct else ",correct=false")

    def axis_label(self, quantity: str, n: int) -> str:
        """Axis text."""
        return f"I({'Z;Y' if quantity == 'i_zy' else 'X;Z'}) [bits], k-NN k={self.k}, N={n}"

    def with_fewer_neighbours(self) -> Neighbours | None:
        """As `KSG.with_fewer_neighbours`."""
        return fewer_neighbours(self)

    def bias_exponent(self, a: Variable, b: Variable) -> float:
        """See `slowest_bias`."""
        return slowest_bias(a, b)

    def supports(self, a: Kind, b: Kind) -> bool:
        """At least one continuous variable."""
        return "continuous" in (a, b)

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        """I(a;b) in bits, symmetric in a and b. ``rng`` is used for ``correct`` only."""
        if not self.supports(a.kind, b.kind):
            raise EstimatorError(
                f"{self.name}: {a.name} and {b.name} are both discrete; use plugin"
            )
        same_rows(a, b, self.name)
        if any(
            v.kind == "continuous" and len(counts_of(row_codes(v.values))) < v.n for v in (a, b)
        ):
            found = MixedKSG(self.k, apart=True).estimate(a, b, rng=rng)
            said = "rows repeat: ties counted (mixed KSG, Gao et al. 2017)"
        elif a.kind == b.kind:
            found, said = (
                KSG(self.k, correct=self.correct).estimate(a, b, rng=rng),
                "all rows differ: KSG",
            )
        else:
            found, said = Ross(self.k).estimate(a, b, rng=rng), "all rows differ: Ross"
        return replace(found, estimator=self.name, notes=(*found.notes, said))
