"""Nearest-neighbour estimators: KSG, Ross for symbols, Gao's mixed form where values repeat.

Shannon information in bits, no bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.random import Generator

from infoplane.analysis.estimators.atoms import Noted, apart_bits
from infoplane.analysis.estimators.combined import combined_bits
from infoplane.analysis.estimators.copies import without_copies
from infoplane.analysis.estimators.entropies import counts_of
from infoplane.analysis.estimators.neighbour_formulas import (
    ksg_bits,
    mixed_bits,
    mixed_label_bits,
    ross_bits,
)
from infoplane.analysis.estimators.neighbour_rows import (
    Pair,
    prepare_pair,
    symbol_entropy,
)
from infoplane.analysis.estimators.of_vectors import OfVectors
from infoplane.analysis.estimators.rank_scores import rank_scores, standard_columns
from infoplane.analysis.estimators.resolution import unresolved
from infoplane.analysis.estimators.scales import dwarfed_note
from infoplane.contract import Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import codes_of
from infoplane.types import Estimate, Kind, Variable
from infoplane.types.arrays import Floats

_HIGH = 10
"""Dimensions from which an estimate notes that it falls short."""
_MANY = 0.05
"""Share of rows at atoms of both variables, and at none, from which ties mislead."""
_REPEATED = 0.05
"""Share of rows that may repeat another where atoms are refused."""
CONSTANT = "a constant variable carries nothing: 0 bits exactly"


def falls_short(a: Variable, b: Variable) -> tuple[str, ...]:
    """Return the note of neighbours in many dimensions, where nothing corrects them."""
    dims = sum(v.dim for v in (a, b) if v.kind == "continuous")
    return (f"falls short in high dimension: {dims} dimensions here",) if dims >= _HIGH else ()


@dataclass(frozen=True)
class ByNeighbours(OfVectors):
    """An estimator by k neighbours.

    Attributes:
        k: neighbours.
    """

    k: int = 5

    _FIRST = "k"
    _ALWAYS = ("k",)
    _TITLE = ""
    _AXIS = "I({pair}) [bits], {self._TITLE} k={self.k}, N={n}"

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"k is at least 1, got {self.k}")

    @property
    def ranked(self) -> bool:
        """Whether ranks are read, so that these have to be Gaussian, not the values."""
        raise NotImplementedError

    def with_fewer_neighbours(self) -> Self | None:
        """Return the estimator with three fifths of its neighbours, whose bias is smaller.

        None below 3 neighbours.
        """
        k = -(-3 * self.k // 5)
        return replace(self, k=k) if k < self.k else None

    def bias_exponent(self, a: Variable, b: Variable) -> float:
        """Return the power of 1/n with which the bias falls at an edge of the densities.

        A ball of k neighbours in d dimensions reaches (k/n)^(1/d) far.

        1 for one scalar and symbols, 1/2 for two scalars; in more dimensions it is 1/d, and 1/2 is
        said, since no interval could reach there. A variable all of whose values repeat is symbols,
        unless its rows are copies.
        """
        a, b, _ = without_copies(a, b)
        dims = 0
        for v in (a, b):
            if v.kind == "continuous" and counts_of(codes_of(v)).min() == 1:
                dims += v.dim
        return 1.0 if dims < 2 else 0.5

    def no_interval(self, a: Variable, b: Variable) -> str | None:
        """Return why no interval is honest, None where one is, see `unresolved`."""
        pair = prepare_pair(a, b, self.k, name=self.name)
        return unresolved(pair, self.k, ranked=self.ranked)


@dataclass(frozen=True)
class KSG(ByNeighbours):
    """Estimate I(A;B) of continuous vectors by k nearest neighbours.

    ``psi(k) + psi(N) - <psi(n_a + 1) + psi(n_b + 1)>`` in nats, over ln 2 (Kraskov et al. 2004,
    first estimator); labels by Ross (2014).

    Coordinates are standardised. The norm is Euclidean within a variable and the maximum across the
    two.

    Attributes:
        k: neighbours.
        scores: replace every coordinate by its normal scores first: cures heavy tails and makes the
            value exactly invariant to monotone maps of single units; made curved tanh channels
            worse.
        jitter: standard deviation of noise added to standardised values so that equal rows can be
            told apart; off unless asked for.
        correct: combine with the residuals of location-scale fits
            (`infoplane.analysis.estimators.residuals`); the notes say how much that adds.

    When it lies: without ``correct`` it falls short in high dimension (-0.6 bit at 5+5 dimensions,
    -1.9 of 2.2 bits at 20+20, N=2000) and above about log2 N - 2 bits; infinite truths (a
    deterministic layer of a continuous input) give a finite number that grows with N. Atoms are
    refused: use `Neighbours` or `MixedKSG`. Rounded values, constant units and classes of one row:
    see `prepare_pair`.

    Raises:
        EstimatorError: a value that more than k rows share, more than a twentieth of the rows
            repeated, fewer than k + 2 rows, two discrete variables.

    Example:
        >>> from infoplane.types import continuous
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=2000)
        >>> z = 0.8 * x + 0.6 * rng.normal(size=2000)
        >>> abs(KSG(k=5).estimate(continuous(x), continuous(z)).bits - 0.737) < 0.06
        True
    """

    scores: bool = False
    jitter: float = 0.0
    correct: bool = False

    traits = Traits(
        family="neighbours",
        tolerance_bits=0.02,
        x_as="values",
        target="Shannon MI of the population, by neighbours",
        bound="none",
        validity=(
            "continuous, distinct rows, up to about 5 dimensions in all; infinite for "
            "deterministic layers of a continuous X"
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.jitter < 1:
            raise InputError(
                "jitter is a small standard deviation of standardised values, 0 for none, got "
                f"{self.jitter}"
            )
        if self.correct and self._PREFIX != "ksg":
            raise InputError(
                "correct belongs to ksg on two continuous vectors without ties, not to "
                f"{self._PREFIX}"
            )

    _PREFIX = "ksg"
    _TITLE = "KSG"

    @property
    def ranked(self) -> bool:
        """Whether ranks are read, so that these have to be Gaussian, not the values."""
        return self.scores or self.correct

    def _scale(self, rng: Generator) -> Callable[[Floats], Floats]:
        """Standardise columns, or replace them by normal scores; then add ``jitter``."""

        def scale(values: Floats) -> Floats:
            scaled = rank_scores(values) if self.scores else standard_columns(values)
            if not self.jitter:
                return scaled
            return scaled + self.jitter * rng.normal(size=scaled.shape)

        return scale

    def _result(self, bits: float, a: Variable, b: Variable, pair: Pair, *notes: str) -> Estimate:
        of_rows = falls_short(a, b)
        if self.jitter:
            of_rows += (f"jitter {self.jitter:g} added to tell equal rows apart",)
        if not self.scores:
            of_rows += dwarfed_note(a, b, ranked=False)
        return Estimate(
            bits,
            a.n,
            self.name,
            ceiling_bits=symbol_entropy(a, b),
            target="population",
            notes=(*of_rows, *pair.notes, *notes),
        )

    def estimate(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Estimate:
        """Estimate I(a;b) in bits, symmetric in a and b.

        Args:
            a: shape ``(n, da)``.
            b: shape ``(n, db)``; at least one of them is continuous.
            rng: for ``jitter`` only; seed 0 without.
        """
        self.require_supported(a, b)
        scale = self._scale(rng or np.random.default_rng(0))
        pair = prepare_pair(a, b, self.k, name=self.name, scale=scale)
        if pair.constant:
            return self._result(0.0, a, b, pair, CONSTANT)
        self._refuse_atoms(pair, a, b)
        bits, notes = self._bits(pair)
        return self._result(bits, a, b, pair, *notes)

    def _bits(self, pair: Pair) -> Noted:
        """Return the estimate in bits, and what to note about it."""
        x = pair.a.values
        z = pair.b.values
        if x is None or z is None:
            return ross_bits(*pair.vector_and_symbols(), self.k), ()
        if self.correct:
            return combined_bits(x, z, self.k)
        return ksg_bits(x, z, self.k), ()

    def _refuse_atoms(self, pair: Pair, a: Variable, b: Variable) -> None:
        for side, v in ((pair.a, a), (pair.b, b)):
            if side.values is None:
                continue
            if side.repeated(self.k).any() or side.repeated_share > _REPEATED:
                raise EstimatorError(
                    f"{self.name}: {v.name} has equal rows (atoms, dead units or repeated inputs), "
                    f"where plain neighbours go wrong by bits; use knn:k={self.k} or "
                    f"mixed:k={self.k}, or jitter=1e-6 if you know why"
                )


@dataclass(frozen=True)
class Ross(KSG):
    """Estimate I(Z;Y) of a continuous vector and labels by neighbours within the class.

    ``psi(N) + psi(k) - <psi(N_y)> - <psi(m)>`` in nats, over ln 2: m rows of all classes are as
    near as the k-th of the own (Ross 2014, doi:10.1371/journal.pone.0087357); what `KSG` uses for
    labels.

    When it lies: falls short where classes are finer than the reach of k neighbours, or have few
    rows; an infinite truth has no place here, H(Y) is the most.

    Raises:
        EstimatorError: equal rows in Z; two variables of one kind.
    """

    traits = replace(
        KSG.traits,
        x_as="row ids",
        target="Shannon MI of a continuous vector and labels",
        validity="distinct rows (untied), several rows per class",
    )
    _PREFIX = "ross"
    _TITLE = "Ross"

    def supports(self, a: Kind, b: Kind) -> bool:
        """Accept one continuous variable and labels."""
        return {a, b} == {"continuous", "discrete"}

    def require_supported(self, a: Variable, b: Variable) -> None:
        """Refuse all but one continuous and one discrete variable of paired rows."""
        if not self.supports(a.kind, b.kind):
            raise EstimatorError(
                f"{self.name}: expected one continuous and one discrete variable, got {a.kind} "
                f"{a.name} and {b.kind} {b.name}"
            )
        super().require_supported(a, b)


@dataclass(frozen=True)
class MixedKSG(KSG):
    """Estimate I(A;B) where values may repeat: ReLU, one-hot, dead units, labels.

    ``<psi(k_i)> + ln N - <psi(n_a)> - <psi(n_b)>`` in nats, over ln 2 (Gao et al. 2017, arXiv
    1709.06212).

    A row whose k-th neighbour lies at distance 0 counts its ties. Labels enter with the discrete
    metric. On continuous data it is KSG with ``ln N`` for ``psi(N)``. Use it wherever a layer has
    atoms: Ross gave -7.6 bits there for a true 0.006.

    Attributes:
        apart: atoms that more than k rows share are taken apart by the chain rule
            (`infoplane.analysis.estimators.atoms`), Gao's form does the rest; what `Neighbours`
            uses.

    When it lies: as KSG; where nearly all rows are distinct but near-ties are many; and, without
    ``apart``, where both variables have an atom in common rows: -0.27 bit for two units that are
    off together in 40 % of 2000 rows.
    """

    apart: bool = False

    traits = replace(
        KSG.traits,
        target="Shannon MI of a continuous-discrete mixture",
        validity="at least one continuous variable; layers with atoms; "
        "falls short in high dimension",
    )
    _PREFIX = "mixed"
    _TITLE = "mixed KSG"

    def _bits(self, pair: Pair) -> Noted:
        if self.apart:
            bits, _ = apart_bits(pair, self.k, self._vector_bits)
            return bits, ("atoms taken apart",)
        x = pair.a.values
        z = pair.b.values
        if x is None or z is None:
            return mixed_label_bits(*pair.vector_and_symbols(), self.k), ()
        return mixed_bits(x, z, self.k), _at_atoms(pair, self.k)

    def _vector_bits(self, x: Floats, z: Floats) -> Noted:
        return mixed_bits(x, z, self.k), ()

    def no_interval(self, a: Variable, b: Variable) -> str | None:
        """Return why no interval is honest, also beside atoms of both variables, or None."""
        pair = prepare_pair(a, b, self.k, name=self.name)
        vectors = pair.a.values is not None and pair.b.values is not None
        if vectors and not self.apart and _at_atoms(pair, self.k):
            return (
                "no interval: ties beside atoms of both variables mislead, by how much is unknown"
            )
        return super().no_interval(a, b)

    def _refuse_atoms(self, pair: Pair, a: Variable, b: Variable) -> None:
        """Refuse nothing: atoms are what this form is for."""


def _at_atoms(pair: Pair, k: int) -> tuple[str, ...]:
    """Return notes about rows at atoms of both variables, where Gao's form is wrong."""
    at_a = pair.a.repeated(k)
    at_b = pair.b.repeated(k)
    both = float((at_a & at_b).mean())
    neither = float((~at_a & ~at_b).mean())
    if both > 1 - _MANY:
        return ("nearly all rows repeat in both variables: ties mislead, use knn or plugin",)
    if min(both, neither) < _MANY:
        return ()
    return (
        f"{both:.0%} of the rows lie at an atom of both variables, beside which ties mislead by "
        "tenths of a bit: use knn or mixed:apart=true",
    )
