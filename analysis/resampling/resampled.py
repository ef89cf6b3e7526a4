"""An estimator that also fills standard error, 95 % interval and null."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator

from infoplane.analysis.estimators.dependent_rows import groups_in_halves, groups_of_one_label
from infoplane.analysis.estimators.label_bins import labels_seen_by
from infoplane.analysis.measuring.plane_point import plane_points, points_of_rows
from infoplane.analysis.resampling.half_samples import (
    half_sample_values,
    halves_from_one_pass,
    random_halves,
    rows_of_halves,
)
from infoplane.analysis.resampling.intervals import Nearer, with_interval
from infoplane.analysis.resampling.permutation_null import null_from, permuted_rows
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
from infoplane.types import Estimate, Kind, Variable, discrete
from infoplane.types.arrays import Ids

NO_ERROR = "no standard error: some halves of the rows are refused"
"""A note."""


def without_error(estimate: Estimate) -> Estimate:
    """Return the estimate with the note that some halves of its rows are refused."""
    return replace(estimate, notes=(*estimate.notes, NO_ERROR))


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

    def __post_init__(self) -> None:
        if self.splits < 0 or self.splits == 1:
            raise InputError(
                f"errorbars: expected 0, or at least 2 half-sample splits, got {self.splits}"
            )

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

    def estimate(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Estimate:
        """Return the inner estimate with its standard error by half-samples.

        Args:
            a, b: paired rows.
            rng: of the splits, and of an estimator that draws.
        """
        rng = np.random.default_rng(0) if rng is None else rng
        one = self.inner.estimate(a, b, rng=rng)
        if not self.splits or one.stderr is not None:
            return one

        def bits(rows: Ids) -> float:
            return self.inner.estimate(a.take(rows), b.take(rows), rng=rng).bits

        groups = groups_in_halves(a, b)
        halves = half_sample_values(bits, a.n, splits=self.splits, rng=rng, groups=groups)
        nearer = None if self._fewer is None else self._fewer.estimate(a, b, rng=rng).bits
        return self._interval(one, halves, nearer, a, b)

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
        rng: Generator | None = None,
    ) -> Points:
        """Return every point of the cell with its standard error and, for labels, its null.

        Args:
            x, z, y: paired rows; None where there are none.
            rng: of splits and permutations, and of an estimator that draws.
        """
        rng = np.random.default_rng(0) if rng is None else rng
        found = plane_points(self.inner, x, z, y, rng)
        if self.splits and any(estimate.stderr is None for _, estimate in found):
            found = self._with_intervals(found, x, z, y, rng)
        if self.null and y is not None:
            found = self._with_null(found, x, z, y, rng)
        return found

    def _with_intervals(
        self,
        found: Points,
        x: Variable | None,
        z: Variable,
        y: Variable | None,
        rng: Generator,
    ) -> Points:
        halves: dict[tuple[str, str], list[float]] = {}
        for points in self._halves(x, z, y, rng):
            for quantity, estimate in points:
                halves.setdefault((quantity, estimate.sense), []).append(estimate.bits)
        nearer: dict[tuple[str, str], float] = {}
        if self._fewer is not None:
            for quantity, estimate in plane_points(self._fewer, x, z, y, rng):
                nearer[quantity, estimate.sense] = estimate.bits
        points = []
        for quantity, estimate in found:
            series = (quantity, estimate.sense)
            values, near = halves.get(series, []), nearer.get(series)
            ends = (x, z) if quantity == "i_xz" else (z, y)
            if estimate.stderr is not None:
                points.append((quantity, estimate))
            elif len(values) == 2 * self.splits:
                points.append((quantity, self._interval(estimate, values, near, *ends)))
            else:
                points.append((quantity, without_error(estimate)))
        return points

    def _halves(
        self, x: Variable | None, z: Variable, y: Variable | None, rng: Generator
    ) -> Iterator[Points]:
        """Yield the points of both halves of every split, from a shared pass where there is one."""
        groups = groups_in_halves(z, x, y)
        splits = random_halves(z.n, self.splits, rng, groups=groups)
        every = halves_from_one_pass(self.inner, x, z, y, splits, rng)
        if every is not None:
            yield from every
            return
        for rows in rows_of_halves(splits):
            yield points_of_rows(self.inner, x, z, y, rows, rng)

    def _with_null(
        self, found: Points, x: Variable | None, z: Variable, y: Variable, rng: Generator
    ) -> Points:
        shuffled = list(self._shuffled(x, z, y, rng))
        points: Points = []
        of_labels = 0
        for quantity, estimate in found:
            if quantity == "i_xz":
                points.append((quantity, estimate))
                continue
            values = [estimates[of_labels].bits for estimates in shuffled]
            null = null_from(values, estimate.bits)
            # people read it in the notes
            noted = replace(estimate, null=null, notes=(*estimate.notes, str(null)))
            points.append((quantity, noted))
            of_labels += 1
        return points

    def _shuffled(
        self, x: Variable | None, z: Variable, y: Variable, rng: Generator
    ) -> Iterator[list[Estimate]]:
        """Yield the points of I(Z;Y) under every permutation of the labels.

        They come from a shared pass where the family has one.
        """
        groups = groups_of_one_label(z, y)
        orders = [permuted_rows(y.n, groups, rng) for _ in range(self.null)]
        labelled = y.kind == "discrete" and z.kind == "continuous"
        if isinstance(self.inner, SharesLabels) and x is not None and labelled:
            codes = row_codes(y.values)
            every = self.inner.estimate_labels(z, [codes[order] for order in orders], rng=rng)
            for points in every:
                yield [estimate for quantity, estimate in points if quantity == "i_zy"]
        elif isinstance(self.inner, HasCodes) and y.kind == "discrete":
            symbols = discrete(self.inner.codes(z), z.name)  # the layer's cells, found once
            for order in orders:
                yield [self.inner.estimate(symbols, y.take(order), rng=rng)]
        else:
            for order in orders:
                points = plane_points(self.inner, None, z, y.take(order), rng)
                yield [estimate for _, estimate in points]
