"""Matrix-based Renyi entropy: spectral diversity of Gram matrices.

A geometric quantity, not Shannon information.

Giraldo, Rao & Principe 2015 (IEEE TIT 61(1)), Yu et al. 2020 (arXiv 1808.07912). All logarithms to
base 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal

import numpy as np
from numpy.random import Generator

from infoplane.analysis.estimators.entropies import counts_of
from infoplane.analysis.estimators.gram import (
    alignment_width,
    gram,
    median_width,
    silverman_width,
)
from infoplane.analysis.estimators.live_units import live_units
from infoplane.analysis.estimators.matrix_entropy import (
    class_blocks,
    lanczos_entropy,
    pair_entropies,
    spectrum_entropy,
)
from infoplane.analysis.estimators.spec_string import SpecString
from infoplane.analysis.kernels.spectra import spectra
from infoplane.contract import Points, Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import codes_of, row_codes
from infoplane.types import Estimate, Kind, Quantity, Variable, require_same_rows
from infoplane.types.arrays import Codes, Floats

Width = Literal["silverman", "median", "alignment"]
_WIDTHS = ("silverman", "median", "alignment")
_MOST_ROWS = 20_000


@dataclass(frozen=True)
class MatrixRenyi(SpecString):
    """Estimate matrix-based Renyi "information" ``S(A) + S(B) - S(A o B / tr)``, not Shannon's.

    ``S(A) = log2(tr A^alpha) / (1 - alpha)`` of trace-one Gram matrices, in bits (Giraldo, Rao &
    Principe 2015; Yu et al. 2020, arXiv 1808.07912).

    Attributes:
        alpha: order; 1 is von Neumann, 2 needs no eigenvalues, 1.01 is the literature's.
        width: ``silverman`` (times ``gamma``), ``median``, ``alignment`` (to the labels), or a
            number in the units of the layer.
        gamma: factor of Silverman's rule.
        lanczos: 0 for exact spectra, else the number of Lanczos steps.

    A discrete variable (labels, row identities) has the equality kernel. Ceiling ``log2 n``. When
    it lies: always, if read as Shannon information; the value is set by the kernel width as much as
    by the layer, and equals ``log2 n`` or 0 at the ends of the widths.

    Example:
        >>> pairs = Variable("pairs", np.array([[0], [0], [1], [1]]), "discrete")
        >>> rows = Variable("id", np.arange(4)[:, None], "discrete")
        >>> round(MatrixRenyi(alpha=2.0).estimate(pairs, rows).bits, 9)
        1.0
    """

    alpha: float = 1.01
    width: Width | float = "silverman"
    gamma: float = 1.0
    lanczos: int = 0

    _FIRST = "alpha"
    _PREFIX = "renyi"
    _AXIS = "I_{self.alpha:g}({pair}) [bits], kernel {self.width} (geometric), N={n}"
    _ALWAYS = ("alpha",)
    traits = Traits(
        family="geometry",
        measures="other",
        target="spectral diversity shared by two Gram matrices (geometric, not Shannon)",
        bound="none",
        validity="set by the kernel width; compare only at one width rule; at most 20000 rows",
    )

    def __post_init__(self) -> None:
        if not self.alpha > 0:
            raise InputError(f"alpha must be positive, got {self.alpha}")
        known = self.width in _WIDTHS if isinstance(self.width, str) else self.width > 0
        if not known:
            raise InputError(
                f"width must be a positive number or one of {', '.join(_WIDTHS)}, got "
                f"{self.width!r}"
            )
        if not self.gamma > 0 or self.lanczos < 0:
            raise InputError(
                f"expected gamma > 0 and lanczos >= 0, got gamma={self.gamma}, "
                f"lanczos={self.lanczos}"
            )

    def supports(self, a: Kind, b: Kind) -> bool:
        """Accept any two kinds."""
        return a in ("continuous", "discrete") and b in ("continuous", "discrete")

    def width_of(self, v: Variable, labels: Variable | None = None) -> float:
        """Return the kernel width used for ``v``, in its units; 0 for a constant layer."""
        if v.kind == "discrete":
            return 1.0
        if self.width == "silverman":
            live = live_units(v)[0]
            return 0.0 if live is None else silverman_width(live.values, self.gamma)
        if self.width == "median":
            return median_width(v.values)
        if self.width == "alignment":
            if labels is None:
                raise EstimatorError(
                    "width=alignment needs the labels as the other variable; use width=median or "
                    "silverman"
                )
            return alignment_width(v.values, labels)
        return float(self.width)

    def entropy(self, v: Variable, *, labels: Variable | None = None) -> float:
        """Return S_alpha of one variable in bits."""
        return self._alone(v, None, labels)

    def _gram(self, v: Variable, width: float) -> Floats:
        if v.n > _MOST_ROWS:
            raise EstimatorError(
                f"a Gram matrix of {v.n} rows needs {v.n**2 * 8 / 2**30:.0f} GiB; give at most "
                f"{_MOST_ROWS} rows, or alpha=2, which needs none"
            )
        return np.full((v.n, v.n), 1.0 / v.n) if width == 0 else gram(v, width)

    def _discrete(self, codes: Codes) -> float:
        """Return S of an equality kernel: its eigenvalues are the shares of its classes."""
        shares = counts_of(codes) / len(codes)
        if self.alpha == 2.0:
            return -float(np.log2(shares @ shares))
        return spectrum_entropy(shares, self.alpha)

    def _parts(
        self, z: Variable, others: Sequence[Variable], rng: Generator | None, width: float
    ) -> list[float]:
        """Return ``S(Z)``, then ``S(Z o other)`` for each of the others.

        Args:
            z: continuous, shape ``(n, dim)``.
            others: paired with it.
            rng: for Lanczos steps.
            width: of the kernel of Z.
        """
        if self.alpha == 2.0:
            return self._squares(z, others, width)
        gram_of_z = self._gram(z, width)
        whole: list[Callable[[], Floats]] = [lambda: gram_of_z]
        blocks_of = [whole, *(self._blocks(gram_of_z, other) for other in others)]
        of_identity = float(np.log2(z.n))  # over n, which has no blocks
        if self.lanczos:
            return [
                lanczos_entropy(part[0](), self.alpha, self.lanczos, rng) if part else of_identity
                for part in blocks_of  # of one block each, or none
            ]
        spectrum = iter(spectra(list(chain.from_iterable(blocks_of))))
        parts = [list(islice(spectrum, len(part))) for part in blocks_of]
        return [
            spectrum_entropy(np.concatenate(part), self.alpha) if part else of_identity
            for part in parts
        ]

    def _blocks(self, gram_of_z: Floats, other: Variable) -> list[Callable[[], Floats]]:
        """Return the matrix ``Z o other`` of trace one, or its blocks that are not zero.

        Each made when called; none where it is the identity over n.
        """
        if other.kind == "continuous":
            return [lambda: gram_of_z * self._gram(other, self.width_of(other)) * other.n]
        codes = codes_of(other)
        if int(codes.max()) + 1 == other.n:
            return []
        if self.lanczos:
            return [lambda: gram_of_z * (codes[:, None] == codes[None])]
        return class_blocks(gram_of_z, codes)

    def _squares(self, z: Variable, others: Sequence[Variable], width: float) -> list[float]:
        """Return `_parts` of order 2, from sums over pairs of rows."""
        values = np.asarray(z.values, np.float64)
        found = [pair_entropies(values, width, None)[0]]
        for other in others:
            if other.kind == "discrete":
                found.append(pair_entropies(values, width, codes_of(other))[1])
                continue
            sides = ((values, width), (np.asarray(other.values, np.float64), self.width_of(other)))
            scaled = [side / of_side for side, of_side in sides if of_side > 0]
            bits = 0.0
            if scaled:
                bits = pair_entropies(np.concatenate(scaled, axis=1), 1.0, None)[0]
            found.append(bits)
        return found

    def _alone(self, v: Variable, rng: Generator | None, labels: Variable | None = None) -> float:
        if v.kind == "discrete":
            return self._discrete(codes_of(v))
        return self._parts(v, (), rng, self.width_of(v, labels))[0]

    def _result(self, bits: float, n: int, widths: str, *variables: Variable) -> Estimate:
        dead = chain.from_iterable(live_units(v)[1] for v in variables)
        return Estimate(
            bits,
            n,
            str(self),
            "point",
            ceiling_bits=float(np.log2(n)),
            notes=("geometric, not Shannon MI", widths, *dead),
        )

    def estimate(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Estimate:
        """Estimate I_alpha(a;b) in bits.

        Args:
            a: shape ``(n, da)``.
            b: shape ``(n, db)``.
            rng: of the vectors of ``lanczos``; seed 0 without.

        Raises:
            EstimatorError: more rows than a Gram matrix may have, or ``width=alignment`` without
                discrete labels.
        """
        require_same_rows(a, b)
        widths = f"widths {self._used(a, b)}, {self._used(b, a)}"
        if a.kind == b.kind == "discrete":
            pair = row_codes(np.stack([codes_of(a), codes_of(b)], axis=1))
            bits = self._alone(a, rng) + self._alone(b, rng) - self._discrete(pair)
            return self._result(bits, a.n, widths)
        z, other = (a, b) if a.kind == "continuous" else (b, a)
        labels = other if other.kind == "discrete" else None
        of_z, joint = self._parts(z, (other,), rng, self.width_of(z, labels))
        return self._result(of_z + self._alone(other, rng) - joint, a.n, widths, a, b)

    def _used(self, v: Variable, other: Variable) -> str:
        """Name a variable and its width."""
        if v.kind == "discrete":
            return f"{v.name} equality"
        labels = other if other.kind == "discrete" else None
        return f"{v.name} {self.width_of(v, labels):.4g}"

    def estimate_plane_point(
        self, x: Variable, z: Variable, y: Variable, *, rng: Generator | None = None
    ) -> Points:
        """Return both quantities from one spectrum of Z.

        Unique row identities X give ``I(X;Z) = S(Z)``.

        Identity o A = identity.

        Args:
            x: discrete row identities, shape ``(n, 1)``.
            z: the layer, shape ``(n, dim)``.
            y: the labels, n rows.
            rng: of the vectors of ``lanczos``; seed 0 without.
        """
        labels = y if y.kind == "discrete" else None
        if z.kind == "discrete":
            return [("i_xz", self.estimate(x, z, rng=rng)), ("i_zy", self.estimate(z, y, rng=rng))]
        width = self.width_of(z, labels)
        sides: tuple[tuple[Quantity, Variable], ...] = (("i_xz", x), ("i_zy", y))
        of_z, *joints = self._parts(z, [other for _, other in sides], rng, width)
        points: Points = []
        for (quantity, other), joint in zip(sides, joints, strict=True):
            bits = of_z + self._alone(other, rng) - joint
            points.append((quantity, self._result(bits, z.n, f"width {width:.4g}", z)))
        return points
