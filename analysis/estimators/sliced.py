"""Sliced mutual information.

The mean over random directions of the information between one-dimensional projections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.estimators.copies import without_copies, without_repeats
from infoplane.analysis.estimators.ksg import CONSTANT
from infoplane.analysis.estimators.neighbour_formulas import mixed_bits, mixed_label_bits
from infoplane.analysis.estimators.of_vectors import OfVectors
from infoplane.analysis.estimators.rank_scores import standard_columns
from infoplane.analysis.estimators.shared_symbols import with_shared_symbols
from infoplane.analysis.estimators.upsampled import without_upsampling
from infoplane.contract import Traits
from infoplane.errors import InputError
from infoplane.rows import codes_of
from infoplane.types import Estimate, Variable


@dataclass(frozen=True)
class Sliced(OfVectors):
    """``SI(A;B) = E I(u.A; v.B)`` over uniform directions u, v, by k neighbours.

    Goldfeld & Greenewald 2021, arXiv 2110.05279.

    A lower bound of I in expectation; zero exactly when independent; scales to any dimension, since
    only scalars meet. Labels are not projected. It is *not* subject to the data processing
    inequality: processing may raise it.

    Attributes:
        slices: random directions.
        k: neighbours in a slice.

    When it lies: it is small in high dimension even for strong dependence, so compare only layers
    of one width.

    Example:
        >>> from infoplane.types import continuous
        >>> rng = np.random.default_rng(0)
        >>> a = rng.normal(size=(500, 3))
        >>> b = continuous(rng.normal(size=(500, 3)))
        >>> Sliced(slices=20).estimate(continuous(a), b, rng=rng).bits < 0.05
        True
    """

    slices: int = 64
    k: int = 5

    _FIRST = "slices"
    _PREFIX = "sliced"
    _AXIS = "SI({pair}) [bits], {self.slices} slices, N={n}"
    traits = Traits(
        family="slices",
        measures="other",
        dpi_exempt=True,
        x_as="values",
        target="mean MI of one-dimensional projections",
        bound="lower bound of I (population)",
        validity="any dimension; not Shannon MI; the data processing inequality "
        "does not hold for it",
    )

    def __post_init__(self) -> None:
        if self.slices < 1 or self.k < 1:
            raise InputError(f"slices and k are at least 1, got slices={self.slices}, k={self.k}")

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        """Estimate SI(a;b) in bits with the standard error over directions."""
        self.require_supported(a, b)
        n = a.n
        a, b, copied = without_copies(a, b)
        a, b, repeated = without_repeats(a, b)
        a, b, alone = with_shared_symbols(a, b)
        a, b, upsampled = without_upsampling(a, b)
        left_out = (*copied, *repeated, *alone, *upsampled)
        if any((v.values == v.values[0]).all() for v in (a, b)):
            notes = (*left_out, CONSTANT)
            return Estimate(0.0, n, self.name, "lower", target="population", notes=notes)
        rng = np.random.default_rng(0) if rng is None else rng
        projections = [_project(v, self.slices, rng) for v in (a, b) if v.kind == "continuous"]
        pieces = [[p[:, [i]] for p in projections] for i in range(self.slices)]
        if len(projections) == 2:
            slices = np.array([mixed_bits(p, q, self.k) for p, q in pieces])
        else:
            codes = codes_of(a if a.kind == "discrete" else b)
            slices = np.array([mixed_label_bits(p, codes, self.k) for (p,) in pieces])
        notes = (*left_out, "sliced, not Shannon MI", "interval over directions only")
        bits = float(slices.mean())
        found = Estimate(bits, n, self.name, "lower", target="population", notes=notes)
        if self.slices == 1:
            return found
        return found.with_error(float(slices.std(ddof=1) / np.sqrt(self.slices)))


def _project(v: Variable, slices: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return standardised projections onto random directions, shape ``(n, slices)``."""
    directions = rng.normal(size=(v.dim, slices))
    p = standard_columns(v.values) @ (directions / np.linalg.norm(directions, axis=0))
    sd = p.std(axis=0)
    return p / np.where(sd > 0, sd, 1.0)
