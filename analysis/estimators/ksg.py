"""Nearest-neighbour estimators: KSG, Ross for symbols, Gao's mixed form where values repeat. Shannon information in bits, no bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from infoplane.analysis.estimators.cells import same_rows
from infoplane.analysis.estimators.entropies import counts_of, entropy_bits
from infoplane.analysis.estimators.surrogate import gaussian_shortfall, rank_scores
from infoplane.analysis.kernels.neighbours import count_within, kth_distance
from infoplane.contract import Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import row_codes
from infoplane.types import Estimate, Kind, Variable

_LN2 = float(np.log(2.0))
_HIGH = 10
_MANY = 0.05
LABELS_APART = 1e6
"""Distance of two labels: farther than any two standardised rows."""
Floats = NDArray[np.float64]
Counting = TypeVar("Counting", bound=Any)  # Any: a dataclass with a field k


def standardised(v: Variable) -> Floats:
    """Columns of mean 0 and standard deviation 1, shape ``(n, dim)``; constant columns become 0."""
    z = v.values.astype(np.float64)
    z = z - z.mean(axis=0)
    sd = z.std(axis=0)
    return np.asarray(z / np.where(sd > 0, sd, 1.0))


def normal_scores(v: Variable) -> Floats:
    """`rank_scores` of a variable's columns, shape ``(n, dim)``."""
    return rank_scores(v.values)


def ksg_bits(x: Floats, z: Floats, k: int) -> float:
    """Kraskov's first estimator ``psi(k) + psi(N) - <psi(n_x + 1) + psi(n_z + 1)>``, Euclidean within x and z, maximum across, in bits."""
    eps = kth_distance([x, z], k)
    nx, nz = count_within(x, eps), count_within(z, eps)
    return float(digamma(k) + digamma(len(x)) - (digamma(nx + 1) + digamma(nz + 1)).mean()) / _LN2


def ross_bits(z: Floats, codes: NDArray[np.int64], k: int) -> float:
    """Ross (2014): ``psi(N) + <psi(k_i)> - <psi(N_c)> - <psi(m)>`` over rows of classes with at least two members, in bits.

    A class with no more than k members uses all its others as neighbours; classes of one row tell nothing and are left out.
    """
    counts = counts_of(codes)
    eps = np.zeros(len(z))
    used_k = np.zeros(len(z))
    for c in np.flatnonzero(counts > 1):
        rows = np.flatnonzero(codes == c)
        used_k[rows] = min(k, len(rows) - 1)
        eps[rows] = kth_distance([z[rows]], int(used_k[rows[0]]))
    kept = used_k > 0
    if not kept.any():
        raise EstimatorError(
            "every class has one row: there is no neighbour within a class; give labels, not row ids"
        )
    inside = (
        eps * (1 - 1e-9)
    )  # distances within a class and in the whole set are rounded differently: the k-th neighbour is counted once, below
    m = count_within(z, inside)[kept] + 1
    n = int(kept.sum())
    return (
        float(
            digamma(n)
            + digamma(used_k[kept]).mean()
            - digamma(counts[codes[kept]]).mean()
            - digamma(m).mean()
        )
        / _LN2
    )


def mixed_bits(x: Floats, z: Floats, k: int) -> float:
    """Gao et al. (2017): KSG where a row at distance 0 from its k-th neighbour counts its ties instead of k, in bits.

    Labels are given as multiples of `LABELS_APART`; any two of them count as equally far (the discrete metric), whatever their numbers.
    """
    n = len(x)
    eps = np.minimum(kth_distance([x, z], k), LABELS_APART)
    tied = eps == 0
    neighbours = np.where(tied, 0, k).astype(np.float64)
    if tied.any():
        pair = row_codes(np.concatenate([x, z], axis=1))
        neighbours[tied] = counts_of(pair)[pair[tied]]
    nx, nz = count_within(x, eps) + 1, count_within(z, eps) + 1
    if tied.any():
        for counts, part in ((nx, x), (nz, z)):
            codes = row_codes(part)
            counts[tied] = counts_of(codes)[codes[tied]]
    return float((digamma(neighbours) + np.log(n) - digamma(nx) - digamma(nz)).mean()) / _LN2


def slowest_bias(a: Variable, b: Variable) -> float:
    """The power of 1/n with which the bias of neighbours falls at an edge of the densities: a ball of k neighbours in d dimensions reaches (k/n)^(1/d) far.

    1 for one scalar and symbols, 1/2 for two scalars; in more dimensions it is 1/d, and 1/2 is said, since no interval could reach there. A variable all of whose values repeat is symbols.
    """
    dims = sum(
        v.dim
        for v in (a, b)
        if v.kind == "continuous" and counts_of(row_codes(v.values)).min() == 1
    )
    return 1.0 if dims < 2 else 0.5


def fewer_neighbours(e: Counting) -> Counting | None:
    """The estimator with three fifths of its neighbours; None where these are all."""
    k = -(-3 * e.k // 5)
    return replace(e, k=k) if k < e.k else None


@dataclass(frozen=True)
class KSG:
    """I(A;B) of continuous vectors by k nearest neighbours (Kraskov et al. 2004, first estimator); labels by Ross (2014).

    Coordinates are standardised. The norm is Euclidean within a variable and the maximum across the two.

    Attributes:
        k: neighbours.
        scores: replace every coordinate by its normal scores first: cures heavy tails and makes the value exactly invariant to monotone
            maps of single units; made curved tanh channels worse.
        jitter: standard deviation of noise added to standardised values so that equal rows can be told apart; off unless asked for.
        correct: from 3 joint dimensions on, add what the estimator misses on Gaussian surrogates with the same rank correlations (see
            `infoplane.analysis.estimators.surrogate`); the notes say how much. Mean error on vectors up to 3+3 dimensions 0.03 where it is 0.10 without.

    When it lies: without ``correct`` it falls short in high dimension (-0.6 bit at 5+5 dimensions, -1.9 of 2.2 bits at 20+20, N=2000) and above about
    log2 N - 2 bits; infinite truths (a deterministic layer of a continuous input) give a finite number that grows with N. Equal rows are
    refused: use `MixedKSG`.

    Raises:
        EstimatorError: equal rows, fewer than k + 2 rows, two discrete variables.

    Example:
        >>> from infoplane.types import continuous
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=2000)
        >>> z = 0.8 * x + 0.6 * rng.normal(size=2000)
        >>> abs(KSG(k=5).estimate(continuous(x), continuous(z)).bits - 0.737) < 0.06
        True
    """

    k: int = 5
    scores: bool = False
    jitter: float = 0.0
    correct: bool = False

    _FIRST = "k"
    traits = Traits(
        family="neighbours",
        tolerance_bits=0.02,
        x_as="values",
        target="Shannon MI of the population, by neighbours",
        bound="none",
        validity=(
            "continuous, distinct rows, up to about 5 dimensions in all; infinite for deterministic layers of a continuous X"
        ),
    )

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"k is at least 1, got {self.k}")
        if not 0 <= self.jitter < 1:
            raise InputError(
                f"jitter is a small standard deviation of standardised values, 0 for none, got {self.jitter}"
            )
        if self.correct and self._PREFIX != "ksg":
            raise InputError(
                f"correct belongs to ksg on two continuous vectors without ties, not to {self._PREFIX}"
            )

    @property
    def name(self) -> str:
        """The spec string."""
        return str(self)

    def __str__(self) -> str:
        text = f"{self._PREFIX}:k={self.k}" + (",scores=true" if self.scores else "")
        return (
            text
            + (f",jitter={self.jitter:g}" if self.jitter else "")
            + (",correct=true" if self.correct else "")
        )

    _PREFIX = "ksg"
    _TITLE = "KSG"

    def axis_label(self, quantity: str, n: int) -> str:
        """Axis text, e.g. ``I(Z;Y) [bits], KSG k=5, N=4096``."""
        return (
            f"I({'Z;Y' if quantity == 'i_zy' else 'X;Z'}) [bits], {self._TITLE} k={self.k}, N={n}"
        )

    def with_fewer_neighbours(self) -> KSG | None:
        """The same estimator with three fifths of the neighbours, whose bias is smaller; None below 3 neighbours."""
        return fewer_neighbours(self)

    def bias_exponent(self, a: Variable, b: Variable) -> float:
        """See `slowest_bias`."""
        return slowest_bias(a, b)

    def supports(self, a: Kind, b: Kind) -> bool:
        """At least one continuous variable; the other may be labels."""
        return "continuous" in (a, b)

    def _prepared(self, v: Variable, rng: np.random.Generator | None) -> Floats:
        z = normal_scores(v) if self.scores else standardised(v)
        if self.jitter:
            z = z + self.jitter * (np.random.default_rng(0) if rng is None else rng).normal(
                size=z.shape
            )
        return z

    def _check(self, a: Variable, b: Variable) -> None:
        if not self.supports(a.kind, b.kind):
            raise EstimatorError(
                f"{self.name}: {a.name} and {b.name} are both discrete; use plugin"
            )
        same_rows(a, b, self.name)
        if a.n < self.k + 2:
            raise EstimatorError(
                f"{self.name}: expected at least {self.k + 2} rows for k={self.k} neighbours, got {a.n}"
            )

    def _notes(self, a: Variable, b: Variable) -> tuple[str, ...]:
        dims = sum(v.dim for v in (a, b) if v.kind == "continuous")
        notes = [f"falls short in high dimension: {dims} dimensions here"] if dims >= _HIGH else []
        if self.jitter:
            notes.append(f"jitter {self.jitter:g} added to tell equal rows apart")
        constant = sum(
            int((v.values == v.values[0]).all(axis=0).sum())
            for v in (a, b)
            if v.kind == "continuous"
        )
        if constant:
            notes.append(f"{constant} constant units carry nothing")
        return tuple(notes)

    def _result(
        self, bits: float, a: Variable, b: Variable, more: tuple[str, ...] = ()
    ) -> Estimate:
        ceilings = [
            entropy_bits(counts_of(row_codes(v.values))) for v in (a, b) if v.kind == "discrete"
        ]
        return Estimate(
            bits,
            a.n,
            self.name,
            ceiling_bits=min(ceilings, default=None),
            target="population",
            notes=(*self._notes(a, b), *more),
        )

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        """I(a;b) in bits, symmetric in a and b. ``rng`` is used for ``jitter`` and ``correct`` only."""
        self._check(a, b)
        parts = {id(v): self._prepared(v, rng) for v in (a, b) if v.kind == "continuous"}
        for v in (a, b):
            if v.kind == "continuous" and len(counts_of(row_codes(parts[id(v)]))) < v.n:
                raise EstimatorError(
                    f"{self.name}: {v.name} has equal rows (atoms, dead units or repeated inputs), where plain neighbours go wrong by bits; "
                    f"use mixed:k={self.k}, or jitter=1e-6 if you know why"
                )
        if a.kind == b.kind:
            return self._vectors(a, b, parts[id(a)], parts[id(b)], rng)
        z, y = (a, b) if a.kind == "continuous" else (b, a)
        return self._result(ross_bits(parts[id(z)], row_codes(y.values), self.k), a, b)

    def _vectors(
        self, a: Variable, b: Variable, x: Floats, z: Floats, rng: np.random.Generator | None
    ) -> Estimate:
        bits = ksg_bits(x, z, self.k)
        if not self.correct or a.dim + b.dim < 3:
            return self._result(bits, a, b)
        rng = np.random.default_rng(0) if rng is None else rng
        more = gaussian_shortfall(x, z, lambda u, v: ksg_bits(u, v, self.k), rng=rng)
        if more is None:
            return self._result(
                bits,
                a,
                b,
                (
                    "not corrected: no Gaussian fit of these correlations, or beyond what the rows can show",
                ),
            )
        return self._result(
            bits + more,
            a,
            b,
            (f"corrected by {more:+.3f} bits: what it misses on Gaussian surrogates",),
        )


@dataclass(frozen=True)
class Ross(KSG):
    """I(Z;Y) of a continuous vector and labels by k nearest neighbours within the class (Ross 2014); what `KSG` uses for labels.

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

    def __str__(self) -> str:
        return super().__str__()

    def supports(self, a: Kind, b: Kind) -> bool:
        """One continuous variable and labels."""
        return {a, b} == {"continuous", "discrete"}

    def _check(self, a: Variable, b: Variable) -> None:
        if not self.supports(a.kind, b.kind):
            raise EstimatorError(
                f"{self.name}: expected one continuous and one discrete variable, got {a.kind} {a.name} and {b.kind} {b.name}"
            )
        super()._check(a, b)


@dataclass(frozen=True)
class MixedKSG(KSG):
    """I(A;B) where values may repeat: atoms after ReLU, one-hot, dead units, labels (Gao et al. 2017, arXiv 1709.06212).

    A row whose k-th neighbour lies at distance 0 counts its ties. Labels enter with the discrete metric. On continuous data it is KSG with
    ``ln N`` for ``psi(N)``. Use it wherever a layer has atoms: Ross gave -7.6 bits there for a true 0.006.

    Attributes:
        apart: atoms that more than k rows share are taken apart by the chain rule (`infoplane.analysis.estimators.atoms`), Gao's form does the rest; what
            `Neighbours` uses.

    When it lies: as KSG; where nearly all rows are distinct but near-ties are many; and, without ``apart``, where both variables have an atom in common rows:
    -0.27 bit for two units that are off together in 40 % of 2000 rows.
    """

    apart: bool = False

    traits = replace(
        KSG.traits,
        target="Shannon MI of a continuous-discrete mixture",
        validity="any kinds; the choice where layers have atoms; falls short in high dimension",
    )
    _PREFIX = "mixed"
    _TITLE = "mixed KSG"

    def __str__(self) -> str:
        return super().__str__() + (",apart=true" if self.apart else "")

    def supports(self, a: Kind, b: Kind) -> bool:
        """Any two kinds."""
        return a in ("continuous", "discrete") and b in ("continuous", "discrete")

    def _part(self, v: Variable, rng: np.random.Generator | None) -> Floats:
        if v.kind == "continuous":
            return self._prepared(v, rng)
        return LABELS_APART * row_codes(v.values).astype(np.float64)[:, None]

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        """I(a;b) in bits, symmetric in a and b. ``rng`` is used for ``jitter`` only."""
        self._check(a, b)
        x, z = self._part(a, rng), self._part(b, rng)
        if not self.apart:
            return self._result(mixed_bits(x, z, self.k), a, b, _beside_atoms(x, z, self.k))
        from infoplane.analysis.estimators.atoms import apart_bits

        return self._result(apart_bits(x, z, self.k), a, b, ("atoms taken apart",))


def _beside_atoms(x: Floats, z: Floats, k: int) -> tuple[str, ...]:
    """A note where rows at an atom of both variables and rows at an atom of neither are a twentieth each: there Gao's form falls short."""
    at = [(counts_of(codes) > k)[codes] for codes in (row_codes(x), row_codes(z))]
    both, neither = float((at[0] & at[1]).mean()), float((~at[0] & ~at[1]).mean())
    if min(both, neither) < _MANY:
        return ()
    return (
        f"{both:.0%} of the rows lie at an atom of both variables, beside which ties mislead by tenths of a bit: use knn or mixed:apart=true",
    )
