"""An estimator that also fills standard error, 95 % interval and null."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from infoplane.analysis.estimators.copies import copy_groups
from infoplane.analysis.estimators.label_bins import labels_seen_by
from infoplane.analysis.measuring.plane_point import plane_points
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
from infoplane.rows import row_codes
from infoplane.types import Estimate, Kind, Null, Variable, discrete


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
                groups=copy_groups(a, b),
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
        groups = copy_groups(z, *(v for v in (x, y) if v is not None))
        splits = random_halves(z.n, self.splits, rng, groups=groups)
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
        for shuffled in self._shuffled(x, z, y, rng):
            for k, e in zip(
                [k for k, (q, _) in enumerate(found) if q == "i_zy"], shuffled, strict=True
            ):
                values[k].append(e.bits)
        return [
            (q, e if q == "i_xz" else _beside_null(e, null_from(v, e.bits)))
            for (q, e), v in zip(found, values, strict=True)
        ]

    def _shuffled(
        self, x: Variable | None, z: Variable, y: Variable, rng: np.random.Generator
    ) -> Iterator[list[Estimate]]:
        """Yield the points of I(Z;Y) under every permutation of the labels.

        They come from a shared pass where the family has one.
        """
        groups = copy_groups(z, y)
        orders = [permuted_rows(y.n, groups, rng) for _ in range(self.null)]
        labelled = y.kind == "discrete" and z.kind == "continuous"
        if isinstance(self.inner, SharesLabels) and x is not None and labelled:
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
