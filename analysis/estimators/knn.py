"""Estimate information by neighbours in the form that the rows ask for, atoms apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from infoplane.analysis.estimators.atoms import Noted, apart_bits
from infoplane.analysis.estimators.combined import combined_bits
from infoplane.analysis.estimators.ksg import (
    CONSTANT,
    KSG,
    ByNeighbours,
    falls_short,
)
from infoplane.analysis.estimators.neighbour_formulas import ksg_bits
from infoplane.analysis.estimators.neighbour_rows import Pair, prepare_pair, symbol_entropy
from infoplane.analysis.estimators.scales import comparable_columns, dwarfed_note
from infoplane.types import Estimate, Variable
from infoplane.types.arrays import Floats


@dataclass(frozen=True)
class Neighbours(ByNeighbours):
    """Estimate I(A;B) by k nearest neighbours, in the form that the rows ask for.

    One spec serves all layers of a network. First the rows are made ready (`prepare_pair`): copies
    and near copies are counted once, classes of one row and constant units left out, rounded values
    spread over their cells (`spread_ties`). Then, by what is left:

    - One side is constant: 0 bits.
    - Labels beside a vector without atoms: Ross 2014, k neighbours within the class (`ross_bits`).
    - Some value comes in more than k rows (an atom: 0 behind a ReLU, one-hot, repeated inputs): the
      chain rule (`apart_bits`). Atoms against atoms are a table, corrected by Chao, Wang and Jost
      2013; atoms against the other rows are Ross'; rows at no atom are read as below.
    - Two vectors, ``correct=false``: Kraskov, Stögbauer and Grassberger 2004, first estimator
      (`ksg_bits`).
    - Two vectors of fewer than 8 rows a unit: the same of 3k/5 neighbours up to six units, refused
      with more.
    - Two vectors: a weighted mean of readings (`combined_bits`), each from 3k/5 and from 2k
      neighbours. A reading weighs less, the more these two differ and the more another exceeds it
      (`weighted_nats`).

    The readings:

    - always: Kraskov's estimator;
    - always: ``h(Z) - h(R) - d E log s(X) + I(X;R)`` of the residual R of a location-scale fit,
      both ways (`residual_readings`; an identity). The entropies are those of Kozachenko and
      Leonenko 1987. Left out where rows of Z repeat (`has_density`) or X determines Z;
    - of more than two units: both of the above on normal scores;
    - of more than two units: Kraskov's estimator of the lengths of X and Z, and both of two and
      three pairs of canonical features, fitted to the other half of the rows
      (`canonical_readings`). They are lower bounds;
    - of more than two units, where residuals have tails lighter than a normal's: the residuals,
      unit by unit (`edge_readings`).

    The last note names the form; the one before it says what the readings add to Kraskov's.

    Attributes:
        k: neighbours.
        correct: as in `KSG`; on unless ``correct=false`` asks for the published definition.

    When it lies: as the form that it names.

    Example:
        >>> from infoplane.types import continuous
        >>> z = np.maximum(np.random.default_rng(0).normal(size=500), 0)
        >>> Neighbours().estimate(continuous(z), continuous(z + np.arange(500) / 500)).notes[-1]
        'form: 52% of the rows lie at atoms, taken apart; KSG for the others'
    """

    correct: bool = True

    _PREFIX = "knn"
    _TITLE = "k-NN"
    traits = replace(
        KSG.traits,
        target="Shannon MI of the population: KSG or Ross, atoms apart",
        validity=(
            "any layer, with or without atoms; up to about 5 dimensions in all; infinite for "
            "deterministic layers of a continuous X"
        ),
    )

    @property
    def ranked(self) -> bool:
        """Whether ranks are read, so that these have to be Gaussian, not the values."""
        return self.correct

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        """Estimate I(a;b) in bits, symmetric in a and b.

        Args:
            a: shape ``(n, da)``.
            b: shape ``(n, db)``; at least one of them is continuous.
            rng: not used.

        Raises:
            EstimatorError: two discrete variables, unpaired or too few rows, over a third of them
                alone with their symbol.
        """
        self.require_supported(a, b)
        pair = self._prepared(a, b)
        bits, notes = self._bits(pair)
        if not self.correct or "discrete" in (a.kind, b.kind):
            notes = (*falls_short(a, b), *notes)
        return Estimate(
            bits,
            a.n,
            self.name,
            ceiling_bits=symbol_entropy(a, b),
            target="population",
            notes=(*pair.notes, *dwarfed_note(a, b, ranked=True), *notes),
        )

    def _prepared(self, a: Variable, b: Variable) -> Pair:
        return prepare_pair(
            a,
            b,
            self.k,
            name=self.name,
            scale=comparable_columns,
            spread_lattices=not self.correct,
        )

    def _bits(self, pair: Pair) -> Noted:
        """Return the estimate in bits, and notes of which the last names the form."""
        if pair.constant:
            return 0.0, (CONSTANT,)
        bits, notes = apart_bits(pair, self.k, self._vector_bits)
        return bits, (*notes, _form(pair, self.k))

    def _vector_bits(self, x: Floats, z: Floats) -> Noted:
        if self.correct:
            return combined_bits(x, z, self.k)
        return ksg_bits(x, z, self.k), ()


def _form(pair: Pair, k: int) -> str:
    """Name the form that the rows ask for."""
    vectors = [side for side in (pair.a, pair.b) if side.values is not None]
    rest = "KSG" if len(vectors) == 2 else "Ross"
    atoms = np.logical_or.reduce([side.repeated(k) for side in vectors])
    if not atoms.any():
        return f"form: {rest}"
    return f"form: {atoms.mean():.0%} of the rows lie at atoms, taken apart; {rest} for the others"
