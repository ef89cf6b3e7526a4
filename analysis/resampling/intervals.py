"""Standard errors by half-samples and the label-permutation null, for any estimator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from infoplane.analysis.estimators.label_bins import labels_seen_by
from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.measuring.plane_point import plane_points
from infoplane.analysis.resampling.half_samples import (
    half_sample_values,
    halves_from_one_pass,
    random_halves,
    rows_of_halves,
)
from infoplane.contract import (
    Estimator,
    HasBiasExponent,
    HasCodes,
    HasFrozenRange,
    HasNeighbours,
    HoldsCopies,
    KnowsItsReach,
    Points,
    Range,
    SharesLabels,
    Traits,
)
from infoplane.errors import InputError
from infoplane.rows import row_codes
from infoplane.types import Estimate, Kind, Null, Variable, discrete

_RISING = 0.15


@dataclass(frozen=True)
class Nearer:
    """What neighbours say that reach less far.

    The estimate in ``bits`` from ``fewer`` neighbours where ``k`` is the estimator's own.
    """

    bits: float
    fewer: int
    k: int

    def step_to_none(self, bits: float, exponent: float) -> float:
        """Return the step in bits from k to no neighbours, for bias as ``k^exponent``."""
        return (self.bits - bits) / (1 - (self.fewer / self.k) ** exponent)


def with_interval(
    estimate: Estimate,
    halves: Sequence[float],
    *,
    exponent: float = 0.5,
    nearer: Nearer | None = None,
    refusal: str | None = None,
) -> Estimate:
    """Return the estimate with standard error and 95 % interval from its values on half-samples.

    With ``refusal``, the reason why no interval is honest, it has the standard error and this note.

    The two halves of a split differ by chance alone: the variance at n rows is the mean square of
    half their difference, sigma^2/n. To it comes half of the variance of their mean from split to
    split, which is zero for a mean and for a smooth statistic, and is what single neighbours add to
    the drift below; not where bias falls as 1/n, which multiplies no drift. The interval is ``bits
    -+ t stderr``, t Student's quantile with as many degrees of freedom as splits.

    An estimate of a population that still moves with the rows has not arrived: on the side to which
    it moves, the interval reaches as far as it would still go if its bias fell as slowly as
    ``n^-exponent``: ``(bits - mean of the halves) / (2^exponent - 1)``. With ``nearer`` it reaches
    also to where neighbours would be that need not reach out at all, in the inside of a density,
    where bias grows with ``(k/n)^(2 exponent)``; the two as independent amounts, by the root of
    their squares. The half and the reach were chosen on the bank of `infoplane.analysis.calibrate`.
    """
    from scipy.stats import t

    pairs = np.reshape(np.asarray(halves, np.float64), (-1, 2))
    by_single_neighbours = 0.5 * float(pairs.mean(axis=1).var(ddof=1)) if exponent < 1 else 0.0
    se = float(np.sqrt(np.mean(np.diff(pairs) ** 2) / 4 + by_single_neighbours))
    reach, slope = float(t.ppf(0.975, len(pairs))) * se, estimate.bits - float(pairs.mean())
    drifts = [slope / (2.0**exponent - 1)] if estimate.target == "population" else []
    if nearer is not None:
        drifts.append(nearer.step_to_none(estimate.bits, 2 * exponent))
    up, down = (
        float(np.hypot.reduce([max(0.0, sign * d) for d in drifts] or [0.0])) for sign in (1, -1)
    )
    notes = estimate.notes
    if estimate.target == "population" and slope > max(_RISING, 2 * se):
        notes = (
            *notes,
            f"rose by {slope:.2f} bits with the last doubling of the rows: too few rows, or "
            "infinite (a deterministic layer)",
        )
    if refusal is not None:
        return replace(estimate, stderr=se, notes=(*notes, refusal))
    return replace(
        estimate,
        stderr=se,
        low=estimate.bits - reach - down,
        high=estimate.bits + reach + up,
        notes=notes,
    )


@dataclass(frozen=True)
class Slope:
    """How an estimate moves with the rows: a warning, never a verdict.

    Whether I(X;Z) is infinite follows from the network: no noise, continuous X.

    Attributes:
        rows: n/4, n/2, n. values: the mean estimate at each, in bits. bits_per_doubling:
            least-squares slope; 1 for Z = X, 0.3 for a 4-to-2 tanh map, 0 for a finite information
            well estimated.
    """

    rows: tuple[int, ...]
    values: tuple[float, ...]
    bits_per_doubling: float

    @property
    def rising(self) -> bool:
        """Whether the last doubling still adds more than 0.15 bit."""
        return self.bits_per_doubling > _RISING and self.values[-1] - self.values[-2] > _RISING


def n_slope(
    estimator: str | Estimator,
    a: Variable,
    b: Variable,
    *,
    splits: int = 4,
    rng: np.random.Generator,
) -> Slope:
    """Return the estimate over random quarters, halves and all of the rows.

    Raises:
        InputError: fewer than 32 rows.

    Example:
        >>> from infoplane.analysis.estimators import KSG
        >>> from infoplane.types import continuous
        >>> x = np.random.default_rng(0).normal(size=800)
        >>> rng = np.random.default_rng(0)
        >>> n_slope(KSG(), continuous(x), continuous(np.tanh(x)), rng=rng).rising
        True
    """
    if a.n < 32:
        raise InputError(f"a slope over n, n/2 and n/4 needs at least 32 rows, got {a.n}")
    estimator = parse(estimator)
    sizes, values = (a.n // 4, a.n // 2, a.n), []
    for size in sizes:
        found = []
        for _ in range(1 if size == a.n else splits):
            rows = np.sort(rng.permutation(a.n)[:size])
            found.append(estimator.estimate(a.take(rows), b.take(rows), rng=rng).bits)
        values.append(float(np.mean(found)))
    return Slope(sizes, tuple(values), float(np.polyfit([-2.0, -1.0, 0.0], values, 1)[0]))


def permutation_null(
    estimator: str | Estimator,
    z: Variable,
    y: Variable,
    *,
    draws: int = 100,
    rng: np.random.Generator,
    value: float | None = None,
) -> Null:
    """Return the null of I(Z;Y): the estimator on permuted labels.

    ``value`` is the estimate to compare with; computed when left out.

    Example:
        >>> from infoplane.analysis.estimators import Plugin
        >>> from infoplane.types import discrete
        >>> y = discrete(np.arange(64) % 2)
        >>> permutation_null(Plugin(), y, y, draws=99, rng=np.random.default_rng(0)).p
        0.01
    """
    if draws < 1:
        raise InputError(f"expected at least one permutation, got {draws}")
    estimator = parse(estimator)
    observed = estimator.estimate(z, y, rng=rng).bits if value is None else value
    return _null_from(
        [estimator.estimate(z, y.take(rng.permutation(y.n)), rng=rng).bits for _ in range(draws)],
        observed,
    )


def _null_from(values: list[float], observed: float) -> Null:
    low, high = np.quantile(values, [0.025, 0.975])
    p = (1 + sum(v >= observed - 1e-12 for v in values)) / (1 + len(values))
    return Null(float(np.mean(values)), float(low), float(high), float(p), len(values))


def _beside_null(estimate: Estimate, null: Null) -> Estimate:
    """Return the estimate with its null, which people read in the notes."""
    return replace(estimate, null=null, notes=(*estimate.notes, str(null)))


@dataclass(frozen=True)
class Resampled:
    """An estimator that also fills standard error, 95 % interval and null.

    Same name, same value.

    Attributes:
        inner: the estimator.
        splits: half-sample splits for the standard error, where the estimator has none of its own;
            0 for none.
        null: label permutations for I(Z;Y); 0 for none.
    """

    inner: Estimator
    splits: int = 10
    null: int = 0

    @property
    def name(self) -> str:
        """The inner estimator's spec."""
        return str(self.inner.name)

    @property
    def traits(self) -> Traits:
        """As the inner estimator."""
        return self.inner.traits

    @property
    def frozen_range(self) -> tuple[Range, Range]:
        """As the inner estimator."""
        return self.inner.frozen_range if isinstance(self.inner, HasFrozenRange) else (None, None)

    def __str__(self) -> str:
        return str(self.inner)

    def bytes_needed(self, rows: int, units: int) -> int:
        """As the inner estimator; 0 for one that works in blocks."""
        inner = self.inner
        return inner.bytes_needed(rows, units) if isinstance(inner, HoldsCopies) else 0

    def labels_of(self, y: Variable) -> Variable:
        """As the inner estimator."""
        return labels_seen_by(self.inner, y)

    def supports(self, a: Kind, b: Kind) -> bool:
        """As the inner estimator."""
        return bool(self.inner.supports(a, b))

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        """Return the inner estimate with its standard error by half-samples."""
        rng = np.random.default_rng(0) if rng is None else rng
        one = self.inner.estimate(a, b, rng=rng)
        if self.splits and one.stderr is None:
            halves = half_sample_values(
                lambda rows: float(self.inner.estimate(a.take(rows), b.take(rows), rng=rng).bits),
                a.n,
                splits=self.splits,
                rng=rng,
            )
            nearer = self._fewer.estimate(a, b, rng=rng).bits if self._fewer is not None else None
            one = self._interval(one, halves, nearer, a, b)
        return one

    @property
    def _fewer(self) -> Any:  # Any: as inner
        """The inner estimator with fewer neighbours, where it has neighbours."""
        return self.inner.with_fewer_neighbours() if isinstance(self.inner, HasNeighbours) else None

    def _interval(
        self,
        one: Estimate,
        halves: Sequence[float],
        nearer: float | None,
        a: Variable | None,
        b: Variable | None,
    ) -> Estimate:
        exponent, refusal = 0.5, None
        if isinstance(self.inner, HasBiasExponent) and a is not None and b is not None:
            exponent = self.inner.bias_exponent(a, b)
        if isinstance(self.inner, KnowsItsReach) and a is not None and b is not None:
            refusal = self.inner.no_interval(a, b)
        reading = None
        if nearer is not None and isinstance(self.inner, HasNeighbours):
            reading = Nearer(nearer, self._fewer.k, self.inner.k)
        return with_interval(one, halves, exponent=exponent, nearer=reading, refusal=refusal)

    def estimate_plane_point(
        self,
        x: Variable | None,
        z: Variable,
        y: Variable | None,
        *,
        rng: np.random.Generator | None = None,
    ) -> Points:
        """Return every point of the cell with its standard error and, for labels, its null."""
        rng = np.random.default_rng(0) if rng is None else rng
        found = plane_points(self.inner, x, z, y, rng)
        if self.splits and any(e.stderr is None for _, e in found):
            found = self._dressed(found, x, z, y, rng)
        if self.null and y is not None:
            found = self._with_null(found, x, z, y, rng)
        return found

    def _dressed(
        self,
        found: Points,
        x: Variable | None,
        z: Variable,
        y: Variable | None,
        rng: np.random.Generator,
    ) -> Points:
        values: list[list[float]] = [[] for _ in found]
        for part in self._halves(x, z, y, rng):
            for k, (_, e) in enumerate(part):
                values[k].append(e.bits)
        nearer = (
            [None] * len(found)
            if self._fewer is None
            else [e.bits for _, e in plane_points(self._fewer, x, z, y, rng)]
        )
        ends = [(x, z) if q == "i_xz" else (z, y) for q, _ in found]
        return [
            (q, e if e.stderr is not None else self._interval(e, v, near, a, b))
            for (q, e), v, near, (a, b) in zip(found, values, nearer, ends, strict=True)
        ]

    def _halves(
        self, x: Variable | None, z: Variable, y: Variable | None, rng: np.random.Generator
    ) -> Iterator[Points]:
        """Yield the points of both halves of every split, from a shared pass where there is one."""
        splits = random_halves(z.n, self.splits, rng)
        if (every := halves_from_one_pass(self.inner, x, z, y, splits, rng)) is not None:
            yield from every
            return
        for rows in rows_of_halves(splits):
            taken = [None if v is None else v.take(rows) for v in (x, y)]
            yield plane_points(self.inner, taken[0], z.take(rows), taken[1], rng)

    def _with_null(
        self, found: Points, x: Variable | None, z: Variable, y: Variable, rng: np.random.Generator
    ) -> Points:
        values: list[list[float]] = [[] for _ in found]
        for shuffled in self._shuffled(z, y, rng):
            for k, e in zip(
                [k for k, (q, _) in enumerate(found) if q == "i_zy"], shuffled, strict=True
            ):
                values[k].append(e.bits)
        return [
            (q, e if q == "i_xz" else _beside_null(e, _null_from(v, e.bits)))
            for (q, e), v in zip(found, values, strict=True)
        ]

    def _shuffled(
        self, z: Variable, y: Variable, rng: np.random.Generator
    ) -> Iterator[list[Estimate]]:
        """Yield the points of I(Z;Y) under every permutation of the labels.

        From a shared pass where the family has one.
        """
        orders = [rng.permutation(y.n) for _ in range(self.null)]
        if isinstance(self.inner, SharesLabels) and y.kind == "discrete" and z.kind == "continuous":
            codes = row_codes(y.values)
            every = self.inner.estimate_labels(z, [codes[order] for order in orders], rng=rng)
        elif isinstance(self.inner, HasCodes) and y.kind == "discrete":
            symbols = discrete(self.inner.codes(z), z.name)  # the layer's cells, found once
            every = [
                [("i_zy", self.inner.estimate(symbols, y.take(order), rng=rng))] for order in orders
            ]
        else:
            every = [plane_points(self.inner, None, z, y.take(order), rng) for order in orders]
        for points in every:
            yield [e for q, e in points if q == "i_zy"]
