"""Information in bits of densities by quadrature, and of tables.

The arithmetic behind the bank's truths.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from infoplane.types.arrays import Floats

_LN2 = float(np.log(2.0))


def normal(t: Floats, mean: Floats | float = 0.0, sd: Floats | float = 1.0) -> Floats:
    """Density of N(mean, sd^2) at t."""
    return np.exp(-0.5 * ((t - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))


def entropy_on_grid(density: Floats, cell: float) -> float:
    """h = -int p log2 p of density values on an even grid whose cells have this volume.

    Vanishing ends make the sum spectrally exact.
    """
    p = density[density > 0]
    return float(-(p * np.log2(p)).sum() * cell)


def normal_entropy(sd: float) -> float:
    """h = 1/2 log2(2 pi e sd^2)."""
    return 0.5 * float(np.log2(2 * np.pi * np.e * sd * sd))


def mixture_bits(
    centres: Floats, sd: float, weights: Floats | None = None, points: int = 6001
) -> float:
    """I(K;Z) of Z = centre_K + N(0, sd^2), scalar.

    h(Z) on a grid minus the entropy of the noise. ``centres`` has shape ``(K,)``.
    """
    w = np.full(len(centres), 1 / len(centres)) if weights is None else weights
    t = np.linspace(centres.min() - 9 * sd, centres.max() + 9 * sd, points)
    p = np.zeros(points)
    for start in range(0, len(centres), 256):
        block = slice(start, start + 256)
        p += (w[block, None] * normal(t[None], centres[block, None], sd)).sum(axis=0)
    return entropy_on_grid(p, float(t[1] - t[0])) - normal_entropy(sd)


def mixture_bits_plane(centres: Floats, sd: float, points: int = 301) -> float:
    """As `mixture_bits`, for centres in the plane, shape ``(K, 2)``.

    Equal weights, noise of ``sd`` in each coordinate.
    """
    lines = [
        np.linspace(centres[:, i].min() - 7 * sd, centres[:, i].max() + 7 * sd, points)
        for i in (0, 1)
    ]
    kernels = [normal(line[:, None], centres[None, :, i], sd) for i, line in enumerate(lines)]
    p = kernels[0] @ kernels[1].T / len(centres)
    cell = float((lines[0][1] - lines[0][0]) * (lines[1][1] - lines[1][0]))
    return entropy_on_grid(p, cell) - 2 * normal_entropy(sd)


def additive_bits(
    density: Callable[[Floats], Floats],
    f: Callable[[Floats], Floats],
    sd: float,
    low: float,
    high: float,
) -> float:
    """I(X;Z) of Z = f(X) + N(0, sd^2), X with a density on [low, high].

    The midpoint rule over X makes a fine mixture.
    """
    edges = np.linspace(low, high, 4001)
    x = (edges[1:] + edges[:-1]) / 2
    w = density(x)
    return mixture_bits(f(x), sd, w / w.sum())


def joint_bits(p: Floats, dx: float, dz: float) -> float:
    """int int p log2 p / (p_x p_z) of joint density values ``(nx, nz)`` on a grid."""
    px = p.sum(axis=1) * dz
    pz = p.sum(axis=0) * dx
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log2(p / (px[:, None] * pz[None, :])), 0.0)
    return float(terms.sum() * dx * dz)


def classes_bits(densities: Floats, weights: Floats, cell: float) -> float:
    """I(Y;Z) = h(Z) - sum_y w_y h(Z|y) from class densities ``(classes, points)`` on a grid."""
    mixture = (weights[:, None] * densities).sum(axis=0)
    return entropy_on_grid(mixture, cell) - float(
        sum(w * entropy_on_grid(d, cell) for w, d in zip(weights, densities, strict=True))
    )


def student_bits(r: float, dof: float, dim: int = 1) -> float:
    """I of the two halves of a multivariate Student t with coordinate-wise correlation r.

    The Gaussian term plus a constant of ``dof`` and ``dim``
    (Czyz et al. 2023, arXiv 2306.11078): h(t_d) = ln [G(v/2) (v pi)^(d/2) / G((v+d)/2)] + (v+d)/2
    [psi((v+d)/2) - psi(v/2)] + 1/2 ln det."""
    from scipy.special import digamma, gammaln

    def h(d: int) -> float:
        v = dof
        return float(
            gammaln(v / 2)
            + d / 2 * np.log(v * np.pi)
            - gammaln((v + d) / 2)
            + (v + d) / 2 * (digamma((v + d) / 2) - digamma(v / 2))
        )

    return (2 * h(dim) - h(2 * dim)) / _LN2 - dim / 2 * float(np.log2(1 - r * r))
