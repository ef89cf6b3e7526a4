"""Diffusion spectral entropy and information.

Entropy of a diffusion operator's spectrum over the rows (Liao et al. 2024, arXiv 2312.04823).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from infoplane.analysis.estimators.gram import median_width, squared_distances
from infoplane.analysis.estimators.of_vectors import OfVectorAndSymbols
from infoplane.analysis.kernels.spectra import eigenvalues
from infoplane.contract import Points, Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import codes_of
from infoplane.types import Estimate, Variable
from infoplane.types.arrays import Codes, Floats, Values

_MOST_ROWS = 10_000


def diffusion_spectrum(z: Values, width: float) -> Floats:
    """Return the eigenvalues of the diffusion operator of a Gaussian kernel, shape ``(n,)``.

    Its density normalisation is anisotropic; the largest is 1.
    """
    kernel = np.exp(squared_distances(z) / (-2.0 * width**2))
    density = kernel.sum(axis=1)
    kernel /= np.outer(density, density)
    degree = np.sqrt(kernel.sum(axis=1))
    return eigenvalues(kernel / np.outer(degree, degree))


def spectral_entropy(spectrum: Floats, t: int) -> float:
    """Return ``-sum p log2 p`` with ``p = |lambda|^t / sum |lambda|^t``, in bits.

    Example:
        >>> spectral_entropy(np.array([1.0, 1.0, 0.0, 0.0]), 1)
        1.0
    """
    powers = np.abs(spectrum) ** t
    shares = powers / powers.sum()
    shares = shares[shares > 1e-300]
    return -float(shares @ np.log2(shares))


@dataclass(frozen=True)
class DiffusionEntropy(OfVectorAndSymbols):
    """Estimate the diffusion spectral entropy of a layer, and its information about labels.

    As ``i_xz`` and ``i_zy``; geometric, no Shannon information (Liao et al. 2024, arXiv
    2312.04823).

    ``DSE(Z) = H(|lambda|^t / sum)``, the effective number of directions a diffusion of ``t`` steps
    tells apart; ``DSMI(Z;Y) = DSE(Z) - sum_y p_y DSE(Z | Y=y)``, each class compared with the mean
    over equally large random subsets of rows, as a smaller set has a smaller entropy by size alone.

    Attributes:
        t: diffusion steps.
        width: kernel width in units of the median distance.
        subsets: random subsets per class size.

    When it lies: not Shannon; the value depends on ``t`` and the width. Ceiling ``log2 n``.
    """

    t: int = 1
    width: float = 0.5
    subsets: int = 3

    _FIRST = "t"
    _PREFIX = "dse"
    _ALWAYS = ("t",)
    traits = Traits(
        family="geometry",
        unit="none",
        measures="other",
        target="spectral entropy of a diffusion over the rows (geometric, not Shannon)",
        bound="none",
        validity="set by t and the kernel width; at most 10000 rows",
    )

    def __post_init__(self) -> None:
        if self.t < 1 or not self.width > 0 or self.subsets < 1:
            raise InputError(
                f"expected t >= 1, width > 0, subsets >= 1, got t={self.t}, width={self.width}, "
                f"subsets={self.subsets}"
            )

    def axis_label(self, quantity: str, n: int) -> str:
        """Return axis text naming t and that it is geometric."""
        what = "DSMI(Z;Y)" if quantity == "i_zy" else "DSE(Z)"
        return f"{what} [bits], t={self.t} (geometric), N={n}"

    def entropy(self, z: Variable) -> float:
        """Return DSE of a continuous variable in bits; 0 when all rows are equal.

        Raises:
            EstimatorError: a discrete variable, or more than 10000 rows.
        """
        if z.kind != "continuous":
            raise EstimatorError(
                f"diffusion spectral entropy needs a continuous layer, got discrete {z.name}"
            )
        if z.n > _MOST_ROWS:
            raise EstimatorError(
                f"a spectrum of {z.n} rows is too large; give at most {_MOST_ROWS} rows"
            )
        return self._at(z.values, self.width * median_width(z.values))

    def _at(self, z: Values, width: float) -> float:
        if width == 0.0:
            return 0.0
        return spectral_entropy(diffusion_spectrum(z, width), self.t)

    def estimate(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Estimate:
        """Estimate DSMI in bits of a layer and discrete labels, in either order.

        Unique row identities give DSE itself.

        Args:
            a: shape ``(n, da)``.
            b: shape ``(n, db)``; one of them is continuous, the other discrete.
            rng: draws the random subsets; seed 0 without.

        Raises:
            EstimatorError: unpaired rows, two variables of one kind, or DSE of over 10000 rows.
        """
        z, y = self.vector_and_symbols(a, b)
        codes = codes_of(y)  # classes in order of appearance: their names draw no other subsets
        if codes.max() + 1 == z.n:
            bits = self.entropy(z)
        else:
            bits = self._information(z, codes, rng or np.random.default_rng(0))
        return Estimate(
            bits,
            z.n,
            str(self),
            ceiling_bits=float(np.log2(z.n)),
            notes=("geometric, not Shannon MI",),
            unit="none",
        )

    def _information(self, z: Variable, codes: Codes, rng: Generator) -> float:
        width = self.width * median_width(z.values)
        total = 0.0
        for code in range(int(codes.max()) + 1):
            members = np.flatnonzero(codes == code)
            same_size = []
            for _ in range(self.subsets):
                drawn = rng.choice(z.n, len(members), replace=False)
                same_size.append(self._at(z.values[drawn], width))
            gain = float(np.mean(same_size)) - self._at(z.values[members], width)
            total += len(members) / z.n * gain
        return total

    def estimate_plane_point(
        self, x: Variable, z: Variable, y: Variable, *, rng: Generator | None = None
    ) -> Points:
        """Estimate DSE(Z) at ``i_xz`` and DSMI(Z;Y) at ``i_zy``.

        Args:
            x: discrete row identities, shape ``(n, 1)``.
            z: the layer, shape ``(n, dim)``.
            y: the labels, n rows.
            rng: draws the random subsets; seed 0 without.
        """
        rows = Variable("rows", np.arange(z.n)[:, None], "discrete")
        return [("i_xz", self.estimate(rows, z, rng=rng)), ("i_zy", self.estimate(z, y, rng=rng))]
