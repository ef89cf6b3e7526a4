"""Pairwise-distance bounds of Kolchinsky & Tracey.

The information of a layer to which Gaussian noise of variance s2 is added.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator

from infoplane.analysis.estimators.cells import same_rows
from infoplane.analysis.estimators.kernel_views import (
    Seen,
    halves_seen,
    kernel_views,
    mean_square_distance,
)
from infoplane.analysis.estimators.label_bins import quantile_labels
from infoplane.analysis.estimators.of_vectors import OfVectorAndSymbols
from infoplane.analysis.kernels.blocks import Held
from infoplane.contract import Points, Rows, Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import codes_of
from infoplane.types import Estimate, Variable
from infoplane.types.arrays import Codes, Mask

_ANY = 1.0
"""Any width says the same of equal rows."""
Side = Literal["upper", "lower"]


@dataclass(frozen=True)
class KDE(OfVectorAndSymbols):
    """Bound I(X;Z+eps), eps ~ N(0, s2 I), X uniform on the rows, from above or below.

    Kolchinsky & Tracey 2017, arXiv 1706.02419.

    ``I_up = -(1/N) sum_i log2[(1/N) sum_j exp(-|z_i-z_j|^2 / (2 s2))]``, ``I_low`` the same with 8
    s2; 0 <= I_low <= I_up <= log2 N. For labels ``Ih(Z) - sum_y p_y Ih(Z|y)`` with the same bound
    on both terms: a difference of bounds, hence no bound.

    Attributes:
        variance: s2, in squared units of the activations (1e-3 and 0.1 in Saxe et al.'s code, 0.1
            in the paper).
        relative: instead: s = relative x RMS distance between rows of the layer; the s2 used is in
            the notes.
        bound: ``upper`` or ``lower``.
        pairs: a budget for very many rows N: ``pairs / N`` rows drawn at random are compared with
            all N. Unbiased for the value over all rows, with its standard error, which is too small
            where almost every row is alone and rare near pairs decide (then itself below 0.001
            bit); None for all N^2 pairs.

    When it lies: s2 is a choice, not a property of the network; it adds noise that the network does
    not have, so the chain is broken. Large ReLU layers sit at log2 N whatever they carry.

    Example:
        >>> from infoplane.types import continuous, discrete
        >>> KDE(variance=0.1).estimate(discrete([0, 1]), continuous([0.0, 100.0])).bits
        1.0
    """

    variance: float | None = None
    relative: float | None = None
    bound: Side = "upper"
    pairs: int | None = None

    _FIRST = "variance"
    _PREFIX = "kde"
    traits = Traits(
        family="kde",
        measures="coarsened",
        target="I(X;Z+eps), eps ~ N(0, s2 I); for Y a difference of bounds",
        bound="upper / lower for X; none for Y",
        validity="s2 is a choice; noise the network does not have; breaks the chain",
    )

    def __post_init__(self) -> None:
        if (self.variance is None) == (self.relative is None):
            raise InputError(
                "give either variance=s2 (absolute) or relative=a (s = a x RMS distance), for "
                "example kde:variance=0.001"
            )
        given = self.variance if self.variance is not None else self.relative
        if given is None or not 0 < given < float("inf"):
            raise InputError(f"variance and relative are positive numbers, got {given}")
        if self.bound not in ("upper", "lower"):
            raise InputError(f"bound must be 'upper' or 'lower', got {self.bound!r}")
        if self.pairs is not None and self.pairs < 1:
            raise InputError(
                f"pairs is a number of pairs of rows, for example 1000000000, got {self.pairs}"
            )

    @property
    def shares_layer(self) -> bool:
        """False where it draws pairs of rows at random: then each has a generator of its own."""
        return self.pairs is None

    def axis_label(self, quantity: str, n: int) -> str:
        """Return axis text, e.g. ``I(X;Z+N(0,0.001)) [bits], upper``."""
        if self.variance is not None:
            noise = f"N(0,{self.variance:g})"
        else:
            noise = f"N(0,({self.relative:g} RMS)^2)"
        if quantity == "i_xz":
            return f"I(X;Z+{noise}) [bits], {self.bound}"
        return f"I(Z+{noise};Y) [bits], difference of {self.bound} bounds"

    def labels_of(self, y: Variable) -> Variable:
        """Return continuous labels as their own quantile bins.

        Kernels compare the rows of one label.
        """
        return quantile_labels(y)

    def variance_of(self, z: Variable | Rows) -> float:
        """Return the s2 of this layer in squared units; 0 where all rows are equal."""
        if self.relative is None:
            return float(self.variance or 0.0)
        rows = z if isinstance(z, Rows) else Held(z.values)
        mean_square = mean_square_distance(rows)
        # A variance of equal numbers may round off 0.
        if mean_square == 0 or (isinstance(z, Variable) and (z.values == z.values[0]).all()):
            return 0.0
        width = self.relative * self.relative  # ** raises where this is infinite
        variance = width * mean_square
        if not 0 < variance < math.inf:
            raise self._beyond_floats()
        return variance

    def at_width_of(self, z: Variable) -> KDE:
        """Return the kernel of the absolute variance that this one has on a layer."""
        variance = 0.0 if self.relative is None else self.variance_of(z)
        return replace(self, variance=variance, relative=None) if variance else self

    def _beyond_floats(self) -> EstimatorError:
        return EstimatorError(
            f"{self.name}: distances between rows and this width differ by more than floats can "
            "count; take a width nearer to the distances, for example kde:relative=0.1"
        )

    def estimate(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Estimate:
        """Estimate I(a;b) in bits of a continuous and a discrete variable.

        When every symbol of the discrete variable is its own row the within-class term vanishes and
        the value is the bound on I(X;Z+eps).

        Args:
            a: shape ``(n, da)``.
            b: shape ``(n, db)``; one of them is continuous, the other discrete.
            rng: draws the rows that a budget of ``pairs`` compares; seed 0 without.

        Raises:
            EstimatorError: unpaired rows, fewer than 2, or not one continuous and one discrete
                variable.
        """
        z, other = self.vector_and_symbols(a, b)
        codes = codes_of(other)
        s2 = self.variance_of(z)
        ((seen,),) = kernel_views(z.values, [s2 or _ANY], [codes], pairs=self.pairs, rng=rng)
        return self._estimate(seen, self.bound, s2)

    def estimate_rows(
        self,
        x: Variable | None,
        z: Variable | Rows,
        y: Variable | None,
        *,
        rng: Generator | None = None,
    ) -> Points:
        """Return both bounds of I(X;Z+eps) and both differences for Y, from one pass over the
        pairs.

        Args:
            x: discrete row identities, n rows; None where I(X;Z) is not asked.
            z: the layer, shape ``(n, dim)``, also in blocks where it does not fit into memory.
            y: the labels, n rows; None where I(Z;Y) is not asked.
            rng: of rows that a budget of pairs draws; seed 0 without.
        """
        return self.estimate_together([self], x, z, y, rng=rng)[0]

    estimate_plane_point = estimate_rows

    @staticmethod
    def estimate_together(
        several: Sequence[KDE],
        x: Variable | None,
        z: Variable | Rows,
        y: Variable | None,
        *,
        rng: Generator | None = None,
    ) -> list[Points]:
        """Return the points of several widths with one budget of pairs.

        They come from one pass over the pairs. Each says to the last bit what it says alone.

        Args:
            several: the estimators.
            x: discrete row identities, n rows; None where I(X;Z) is not asked.
            z: the layer, shape ``(n, dim)``.
            y: the labels, n rows; None where I(Z;Y) is not asked.
            rng: of rows that a budget of pairs draws; seed 0 without.
        """
        if x is not None and isinstance(z, Variable):
            same_rows(x, z, several[0].name)
        s2 = [one.variance_of(z) for one in several]
        codes = [codes_of(v) for v in (y, x) if v is not None]  # labels first: they are fewest
        values = z.values if isinstance(z, Variable) else z
        widths = [variance or _ANY for variance in s2]
        seen = kernel_views(values, widths, codes, pairs=several[0].pairs, rng=rng)
        found = []
        for one, views, variance in zip(several, seen, s2, strict=True):
            of_x = None if x is None else views[-1]
            of_y = None if y is None else views[0]
            found.append(one._both(of_x, of_y, variance))
        return found

    def estimate_halves(
        self,
        x: Variable,
        z: Variable,
        y: Variable,
        splits: Sequence[Mask],
        *,
        rng: Generator | None = None,
    ) -> list[Points]:
        """Estimate both halves of each split at the whole layer's s2, in one pass for several.

        Args:
            x: discrete row identities, n rows.
            z: the layer, shape ``(n, dim)``.
            y: the labels, n rows.
            splits: which rows are in the first half, shape ``(n,)`` each.
            rng: not used.
        """
        s2 = self.variance_of(z)
        return [
            self._both(by_x, by_y, s2)
            for by_x, by_y in halves_seen(z.values, s2 or _ANY, codes_of(x), codes_of(y), splits)
        ]

    def estimate_labels(
        self,
        z: Variable,
        labels: Sequence[Codes],
        *,
        rng: Generator | None = None,
    ) -> list[Points]:
        """Return the points of I(Z;Y) for each labelling of the rows."""
        s2 = self.variance_of(z)
        found = []
        for start in range(0, len(labels), 32):
            (views,) = kernel_views(z.values, [s2 or _ANY], labels[start : start + 32])
            found += [self._both(None, view, s2) for view in views]
        return found

    def _both(self, x: Seen | None, y: Seen | None, s2: float) -> Points:
        points: Points = []
        bounds: tuple[Side, ...] = ("upper", "lower")
        for bound in bounds:
            if x is not None:  # where inputs repeat both curves are differences: told apart by name
                points.append(("i_xz", replace(self._estimate(x, bound, s2), sense=bound)))
            if y is not None:
                points.append(("i_zy", self._estimate(y, bound, s2, labels=True)))
        return points

    def _estimate(self, seen: Seen, bound: Side, s2: float, *, labels: bool = False) -> Estimate:
        side = 1 if bound == "upper" else 0
        is_bound = seen.groups == seen.n and not labels
        notes = [] if is_bound else [f"difference of {bound} bounds: no bound"]
        if s2 == 0:
            notes.append("all rows of the layer are equal: no information at any width")
        elif self.relative is not None:
            notes.append(f"s2={s2:.4g}")
        if seen.compared < seen.n:
            notes.append(
                f"{seen.compared} of {seen.n} rows compared with all; the error is that of drawing "
                "them"
            )
        if not math.isfinite(seen.bits[side]):
            raise self._beyond_floats()
        found = Estimate(
            seen.bits[side],
            seen.n,
            self.name,
            bound if is_bound or labels else "point",  # of labels it tells the two curves apart
            ceiling_bits=seen.group_bits,
            notes=tuple(notes),
            bound=bound if is_bound else "difference of bounds",
        )
        if seen.compared == seen.n:
            return found
        drawn = (1 / seen.compared) * (1 - seen.compared / seen.n)
        return found.with_error(float(seen.spread[side] * np.sqrt(drawn)))
