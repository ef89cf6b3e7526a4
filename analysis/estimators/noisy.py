"""A network with noise in its forward pass.

Finite, true mutual information by sample propagation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from infoplane.analysis.estimators.cells import same_rows
from infoplane.analysis.estimators.entropies import counts_of, entropy_bits
from infoplane.analysis.estimators.noise_models import NOISES, Noise, channel_of
from infoplane.analysis.estimators.of_vectors import OfVectorAndSymbols
from infoplane.analysis.estimators.spec_string import written
from infoplane.contract import Points, Traits
from infoplane.errors import InputError
from infoplane.rows import codes_of
from infoplane.types import Estimate, Variable
from infoplane.types.arrays import Codes, Floats

TILE = 512


@dataclass(frozen=True)
class NoisyChannel(OfVectorAndSymbols):
    """Estimate I(X;Z) and I(Z;Y) of a layer with known noise, X uniform on the rows.

    The layer variable holds the clean ``f(x)``. Z is a mixture with one component per row: ``f(x) +
    sigma n``, n ~ N(0, I), unless ``noise`` names another
    (`infoplane.analysis.estimators.noise_models.channel_of`). Noise is drawn ``draws`` times around
    every row and the mixture's density is evaluated exactly (Goldfeld et al. 2019, arXiv
    1810.05728): ``I(X;Z) = log2 N - E log2 sum_j p(z | j) / p(z | i)``, z drawn around row i.
    Unbiased for these rows; the standard error is that of the Monte-Carlo draws. Repeated inputs
    are taken as one.

    Attributes:
        sigma: standard deviation of the noise that the network has. Adding it to a network that has
            none makes it another network.
        draws: noise draws per row.
        noise: ``additive``, ``multiplicative`` (Gaussian dropout), ``lognormal`` (information
            dropout), ``uniform`` (dithered quantisation) or ``latent`` (means, and after them log
            variances, of an encoder).

    When it lies: it is the truth for X uniform on the probe rows; for a population behind them it
    saturates at log2 N.

    Example:
        >>> from infoplane.types import continuous, discrete
        >>> z, rng = continuous([0.0, 100.0]), np.random.default_rng(0)
        >>> e = NoisyChannel(sigma=0.1).estimate(discrete([0, 1]), z, rng=rng)
        >>> round(e.bits, 6)
        1.0
    """

    sigma: float = 0.1
    draws: int = 8
    noise: Noise = "additive"

    _FIRST = "sigma"
    _TAKES = "the clean layer (continuous) and row ids or labels (discrete)"
    _AXIS = "I({pair}) [bits], noisy net{self.noise_words}, N={n}"
    traits = Traits(
        family="noisy network",
        keeps_chain=True,
        target="true MI of the network with this noise, X uniform on the rows",
        bound="none needed: unbiased with a Monte-Carlo error",
        validity=(
            "only for networks whose forward pass adds this noise independently; saturates at log2 "
            "N"
        ),
    )

    def __post_init__(self) -> None:
        if not 0 < self.sigma < float("inf"):
            raise InputError(
                f"sigma is the positive standard deviation of the noise, got {self.sigma}"
            )
        if self.draws < 1:
            raise InputError(f"draws is at least 1, got {self.draws}")
        if self.noise not in NOISES:
            raise InputError(f"noise is one of {', '.join(NOISES)}, got {self.noise!r}")

    def __str__(self) -> str:
        parts = [] if self.noise == "latent" else [f"sigma={written(self.sigma)}"]
        parts += [f"draws={self.draws}"] if self.draws != 8 else []
        parts += [f"noise={self.noise}"] if self.noise != "additive" else []
        return f"noisy:{','.join(parts)}"

    def with_noise(self, sigma: float) -> NoisyChannel:
        """Return the estimator for noise of this standard deviation."""
        return replace(self, sigma=sigma)

    @property
    def noise_words(self) -> str:
        """Size and kind of the noise, for axes."""
        size = "" if self.noise == "latent" else f" sigma={self.sigma:g}"
        return size + ("" if self.noise == "additive" else f" ({self.noise})")

    def estimate(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Estimate:
        """Estimate I in bits between the noisy layer and row ids (X) or labels (Y).

        Args:
            a: shape ``(n, da)``.
            b: shape ``(n, db)``; one of them is the clean layer, the other discrete.
            rng: of the noise; seed 0 without.

        Raises:
            EstimatorError: unpaired rows, or not one continuous and one discrete variable.
        """
        z, other = self.vector_and_symbols(a, b)
        return self._estimates(z, [codes_of(other)], rng)[0]

    def estimate_plane_point(
        self, x: Variable, z: Variable, y: Variable, *, rng: Generator | None = None
    ) -> Points:
        """Return both quantities from the same draws.

        Args:
            x: discrete row identities, shape ``(n, 1)``.
            z: the layer, shape ``(n, dim)``.
            y: the labels, n rows.
            rng: of the noise; seed 0 without.
        """
        same_rows(x, z, self.name)
        found = self._estimates(z, [codes_of(x), codes_of(y)], rng)
        return [("i_xz", found[0]), ("i_zy", found[1])]

    def _estimates(self, z: Variable, codes: list[Codes], rng: Generator | None) -> list[Estimate]:
        """Return the information of every variable from the same draws.

        Args:
            z: the clean layer, shape ``(n, dim)``.
            codes: of the variables, shape ``(n,)`` each.
            rng: of the noise; seed 0 without.
        """
        rng = rng or np.random.default_rng(0)
        channel = channel_of(z.values.astype(np.float64), self.noise, self.sigma)
        ratios = np.zeros((self.draws, len(codes), z.n))
        for of_draw in ratios:
            noisy = channel.draw(rng)  # drawn whole: the tiles do not change it
            for start in range(0, z.n, TILE):
                block = slice(start, min(start + TILE, z.n))
                log_densities = channel.log_densities(noisy[block], block)
                of_draw[:, block] = _log_ratios(log_densities, codes, block)
        found = [
            Estimate(bits, z.n, self.name, ceiling_bits=entropy_bits(counts_of(of_variable)))
            for bits, of_variable in zip(
                ratios.mean(axis=0).mean(axis=1).tolist(), codes, strict=True
            )
        ]
        if self.draws == 1:
            return found
        spread = ratios.var(axis=0, ddof=1).sum(axis=1)
        return [
            estimate.with_error(float(np.sqrt(noise / self.draws) / z.n))
            for estimate, noise in zip(found, spread, strict=True)
        ]


def _log_ratios(log_densities: Floats, codes: list[Codes], block: slice) -> Floats:
    """Return ``log2 p(z|symbol) / p(z)`` at one noisy value of every row of a block.

    Args:
        log_densities: around every row, shape ``(b, n)``; b rows of the block, n rows.
        codes: of every variable, shape ``(n,)`` each.
        block: the rows.

    Returns:
        Shape ``(variables, b)``.
    """
    top = log_densities.max(axis=1, keepdims=True)
    everything = np.log2(np.exp(log_densities - top).sum(axis=1) / log_densities.shape[1])
    ratios = []
    for of_variable in codes:
        own = of_variable[block][:, None] == of_variable[None, :]  # (b, n)
        inside = np.where(own, log_densities, -np.inf)
        best = inside.max(axis=1, keepdims=True)
        mean = np.exp(inside - best).sum(axis=1) / own.sum(axis=1)
        ratios.append(np.log2(mean) + ((best - top)[:, 0]) / np.log(2.0) - everything)
    return np.stack(ratios)
