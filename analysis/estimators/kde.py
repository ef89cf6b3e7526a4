"""Pairwise-distance bounds of Kolchinsky & Tracey: the information of a layer to which Gaussian noise of variance s2 is added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.estimators.cells import same_rows
from infoplane.analysis.estimators.entropies import counts_of, entropy_bits
from infoplane.analysis.kernels.pairwise import gaussian_sums
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import row_codes
from infoplane.types import Estimate, Kind, Quantity, Sense, Variable

Bound = Literal["upper", "lower"]


@dataclass(frozen=True)
class KDE:
    """I(X;Z+eps), eps ~ N(0, s2 I), X uniform on the rows: upper or lower bound (Kolchinsky & Tracey 2017, arXiv 1706.02419).

    ``I_up = -(1/N) sum_i log2[(1/N) sum_j exp(-|z_i-z_j|^2 / (2 s2))]``, ``I_low`` the same with 8 s2; 0 <= I_low <= I_up <= log2 N.
    For labels ``Ih(Z) - sum_y p_y Ih(Z|y)`` with the same bound on both terms: a difference of bounds, hence no bound.

    Attributes:
        variance: s2, in squared units of the activations (1e-3 and 0.1 in Saxe et al.'s code, 0.1 in the paper).
        relative: instead: s = relative x RMS distance between rows of the layer; the s2 used is in the notes.
        bound: ``upper`` or ``lower``.

    When it lies: s2 is a choice, not a property of the network; it adds noise that the network does not have, so the chain is broken.
    Large ReLU layers sit at log2 N whatever they carry.

    Example:
        >>> from infoplane.types import continuous, discrete
        >>> KDE(variance=0.1).estimate(discrete([0, 1]), continuous([0.0, 100.0])).bits
        1.0
    """

    variance: float | None = None
    relative: float | None = None
    bound: Bound = "upper"

    _FIRST = "variance"
    keeps_chain = False
    label = "I(X;Z+N(0,s2)) [bits]"
    target_text = "I(X;Z+eps), eps ~ N(0, s2 I); for Y a difference of bounds"
    bound_text = "upper / lower for X; none for Y"
    validity = "s2 is a choice; noise the network does not have; breaks the chain"

    def __post_init__(self) -> None:
        if (self.variance is None) == (self.relative is None):
            raise InputError("give either variance=s2 (absolute) or relative=a (s = a x RMS distance), for example kde:variance=0.001")
        given = self.variance if self.variance is not None else self.relative
        if given is None or not 0 < given < float("inf"):
            raise InputError(f"variance and relative are positive numbers, got {given}")
        if self.bound not in ("upper", "lower"):
            raise InputError(f"bound must be 'upper' or 'lower', got {self.bound!r}")

    @property
    def name(self) -> str:
        """The spec string."""
        return str(self)

    def __str__(self) -> str:
        width = f"variance={self.variance:g}" if self.variance is not None else f"relative={self.relative:g}"
        return f"kde:{width}" + (",bound=lower" if self.bound == "lower" else "")

    def axis_label(self, quantity: str, n: int) -> str:
        """Axis text, e.g. ``I(X;Z+N(0,0.001)) [bits], upper``."""
        s2 = f"N(0,{self.variance:g})" if self.variance is not None else f"N(0,({self.relative:g} RMS)^2)"
        return f"I(X;Z+{s2}) [bits], {self.bound}" if quantity == "i_xz" else f"I(Z+{s2};Y) [bits], difference of {self.bound} bounds"

    def supports(self, a: Kind, b: Kind) -> bool:
        """One continuous variable (the layer) and one discrete (row ids or labels)."""
        return {a, b} == {"continuous", "discrete"}

    def variance_of(self, z: Variable) -> float:
        """The s2 used for this layer, in squared units of the activations.

        Raises:
            EstimatorError: a relative width of a constant layer.
        """
        if self.relative is None:
            return float(self.variance or 0.0)
        if (z.values == z.values[0]).all():  # asked of the values: the variance of equal numbers need not round to 0
            raise EstimatorError(f"{self.name}: all rows of {z.name} are equal, there is no distance to scale by; use variance=")
        mean_square = 2 * float(z.values.astype(np.float64).var(axis=0).sum()) * z.n / (z.n - 1)
        return self.relative**2 * mean_square

    def _scaled(self, z: Variable, s2: float) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
        """Values and variance for the pass; under a relative width both in a power-of-two unit (exact), so that no scale of the layer overflows."""
        if self.relative is None:
            return z.values, np.array([s2])
        unit = 2.0 ** -round(0.5 * np.log2(s2))
        return z.values * z.values.dtype.type(unit), np.array([s2 * unit * unit])

    def estimate(self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None) -> Estimate:
        """I(a;b) in bits; one variable is continuous (Z), the other discrete (X as row ids, or labels). ``rng`` is not used.

        When every symbol of the discrete variable is its own row the within-class term vanishes and the value is the bound on I(X;Z+eps).

        Raises:
            EstimatorError: unpaired rows, fewer than 2, or not one continuous and one discrete variable.
        """
        if not self.supports(a.kind, b.kind):
            raise EstimatorError(
                f"kde needs one continuous variable (the layer) and one discrete (row ids or labels), got {a.name} {a.kind} and {b.name} {b.kind}"
            )
        same_rows(a, b, self.name)
        z, other = (a, b) if a.kind == "continuous" else (b, a)
        codes = row_codes(other.values)
        s2 = self.variance_of(z)
        total, own = gaussian_sums(*self._scaled(z, s2), codes)
        return self._estimate(total[:, 0], own[:, 0], codes, self.bound, s2)

    def estimate_plane_point(
        self, x: Variable, z: Variable, y: Variable, *, rng: np.random.Generator | None = None
    ) -> list[tuple[Quantity, Estimate]]:
        """Both bounds of I(X;Z+eps) and both differences for Y, from one pass over the pairs (two when inputs repeat)."""
        same_rows(x, z, self.name)
        xs, ys = row_codes(x.values), row_codes(y.values)
        s2 = self.variance_of(z)
        values, variance = self._scaled(z, s2)
        total, own_y = gaussian_sums(values, variance, ys)
        repeats = int(xs.max()) + 1 < len(xs)
        own_x = gaussian_sums(values, variance, xs)[1] if repeats else np.ones_like(total)
        points: list[tuple[Quantity, Estimate]] = []
        bounds: tuple[Bound, ...] = ("upper", "lower")
        for bound in bounds:
            points.append(("i_xz", self._estimate(total[:, 0], own_x[:, 0], xs, bound, s2)))
            points.append(("i_zy", self._estimate(total[:, 0], own_y[:, 0], ys, bound, s2, labels=True)))
        return points

    def _estimate(
        self,
        total: NDArray[np.float64],
        own: NDArray[np.float64],
        codes: NDArray[np.int64],
        bound: Bound,
        s2: float,
        *,
        labels: bool = False,
    ) -> Estimate:
        n = len(total)
        column = 1 if bound == "upper" else 0
        counts = counts_of(codes)
        within = np.log2(own[:, column] / counts[codes])  # -Ih(Z|y), summed over the rows of y
        bits = float((within - np.log2(total[:, column] / n)).mean())
        unique = len(counts) == n
        sense: Sense = bound if unique and not labels else "point"
        notes = () if unique and not labels else (f"difference of {bound} bounds: no bound",)
        if self.relative is not None:
            notes = (*notes, f"s2={s2:.4g}")
        if labels:
            sense = bound  # tells the two curves apart; the note says that it is no bound
        return Estimate(bits, n, self.name, sense, ceiling_bits=entropy_bits(counts), notes=notes)
