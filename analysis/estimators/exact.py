"""Exact codes: two rows share a symbol when they are equal bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infoplane.analysis.estimators.cells import estimate_of_codes, same_rows
from infoplane.analysis.estimators.spec_string import SpecString
from infoplane.contract import Traits
from infoplane.rows import codes_of
from infoplane.types import Estimate, Kind, Variable
from infoplane.types.arrays import Codes


@dataclass(frozen=True)
class Exact(SpecString):
    """Count H(Z) on the probe rows: I(X;Z) for X uniform on them, the network deterministic.

    ``H(Z) = -sum_z p_z log2 p_z`` over the different rows z, plug-in; I(Z;Y) likewise. -0.0 equals
    0.0. At most log2 N: at that value every row still has its own activation and
    nothing of X was lost.

    When it lies: rounding splits equal rows (a float32 matrix product is not row-deterministic);
    half precision merges different rows, which looks like compression; a continuous X has infinite
    I(X;Z), of which this is only the part N rows can show.

    Example:
        >>> from infoplane.types import continuous, discrete
        >>> Exact().estimate(discrete([0, 1, 2, 3]), continuous([0.1, 0.2, 0.3, 0.3])).bits
        1.5
    """

    _PREFIX = "exact"
    _AXIS = "I({pair}) exact [bits], N={n}"
    traits = Traits(
        family="exact codes",
        keeps_chain=True,
        obeys_bounds=True,
        wants="row hashes",
        target="I with Z's exact values as symbols, X uniform on the probe rows",
        bound="exact, <= log2 N",
        validity="deterministic network; float32 or wider; equal rows may split by rounding",
    )

    def supports(self, a: Kind, b: Kind) -> bool:
        """Accept any kinds: continuous rows are symbols by their bits."""
        return True

    def codes(self, z: Variable) -> Codes:
        """Return dense symbols of the rows, shape ``(n,)``."""
        return codes_of(z)

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        """Estimate I(a;b) in bits; the symbols of a continuous variable are its exact rows.

        The ceiling is the entropy of the other variable than the layer. Of two discrete variables
        the first is taken for the layer.

        Args:
            a: shape ``(n, da)``.
            b: shape ``(n, db)``.
            rng: not used.

        Raises:
            EstimatorError: unpaired rows, or fewer than 2.
        """
        same_rows(a, b, self.name)
        layer, other = (b, a) if b.kind == "continuous" and a.kind == "discrete" else (a, b)
        return estimate_of_codes(self.codes(layer), self.codes(other), self.name, "exact")
