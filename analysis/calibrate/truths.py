"""Information in bits of densities by quadrature, and of tables.

The arithmetic behind the bank's truths.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from infoplane.types.arrays import Floats

_LN2 = float(np.log(2.0))


def normal(values: Floats, mean: Floats | float = 0.0, sd: Floats | float = 1.0) -> Floats:
    """Return the density of N(mean, sd^2) at values of any shape."""
    return np.exp(-0.5 * ((values - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))


def step_of(line: Floats) -> float:
    """Return the step of an even line, shape ``(points,)``."""
    return float(line[1] - line[0])


def lines_around(centres: Floats, sd: float, points: int) -> tuple[Floats, Floats]:
    """Return even lines along both coordinates, to 7 deviations beyond the outermost centres.

    Args:
        centres: shape ``(K, 2)``.
        sd: of the noise around a centre.
        points: of a line.

    Returns:
        Shape ``(points,)`` each.
    """
    low = centres.min(axis=0) - 7 * sd
    high = centres.max(axis=0) + 7 * sd
    return np.linspace(low[0], high[0], points), np.linspace(low[1], high[1], points)


def entropy_on_grid(density: Floats, cell: float) -> float:
    """Return h = -int p log2 p of density values on an even grid whose cells have this volume.

    Vanishing ends make the sum spectrally exact.
    """
    positive = density[density > 0]
    return float(-(positive * np.log2(positive)).sum() * cell)


def normal_entropy(sd: float) -> float:
    """Return h = 1/2 log2(2 pi e sd^2)."""
    return 0.5 * float(np.log2(2 * np.pi * np.e * sd * sd))


def mixture_bits(centres: Floats, sd: float, weights: Floats | None = None) -> float:
    """Return I(K;Z) of Z = centre_K + N(0, sd^2), scalar.

    h(Z) on a grid minus the entropy of the noise.

    Args:
        centres: shape ``(K,)``.
        sd: of the noise.
        weights: of the centres, shape ``(K,)``; equal when left out.
    """
    shares = np.full(len(centres), 1 / len(centres)) if weights is None else weights
    line = np.linspace(centres.min() - 9 * sd, centres.max() + 9 * sd, 6001)
    density = np.zeros_like(line)
    for start in range(0, len(centres), 256):
        block = slice(start, start + 256)
        kernels = normal(line[None], centres[block, None], sd)  # (centres, points)
        density += (shares[block, None] * kernels).sum(axis=0)
    return entropy_on_grid(density, step_of(line)) - normal_entropy(sd)


def mixture_bits_plane(centres: Floats, sd: float) -> float:
    """Return `mixture_bits` of centres in the plane, shape ``(K, 2)``.

    Their weights are equal, and the noise is in each coordinate.
    """
    along_x, along_y = lines_around(centres, sd, 301)
    of_x = normal(along_x[:, None], centres[None, :, 0], sd)  # (points, K)
    of_y = normal(along_y[:, None], centres[None, :, 1], sd)
    density = of_x @ of_y.T / len(centres)
    cell = step_of(along_x) * step_of(along_y)
    return entropy_on_grid(density, cell) - 2 * normal_entropy(sd)


def additive_bits(
    density: Callable[[Floats], Floats],
    f: Callable[[Floats], Floats],
    sd: float,
    low: float,
    high: float,
) -> float:
    """Return I(X;Z) of Z = f(X) + N(0, sd^2), X with a density on [low, high].

    The midpoint rule over X makes a fine mixture.

    Args:
        density: of X.
        f: from X to the mean of Z.
        sd: of the noise.
        low: end of X.
        high: end of X.
    """
    edges = np.linspace(low, high, 4001)
    x = (edges[1:] + edges[:-1]) / 2
    masses = density(x)
    return mixture_bits(f(x), sd, masses / masses.sum())


def joint_bits(density: Floats, dx: float, dz: float) -> float:
    """Return int int p log2 p / (p_x p_z) of a joint density on a grid.

    Args:
        density: shape ``(nx, nz)``.
        dx: step along x.
        dz: step along z.
    """
    of_x = density.sum(axis=1) * dz
    of_z = density.sum(axis=0) * dx
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = density * np.log2(density / (of_x[:, None] * of_z[None, :]))
    return float(np.where(density > 0, terms, 0.0).sum() * dx * dz)


def classes_bits(densities: Floats, weights: Floats, cell: float) -> float:
    """Return I(Y;Z) = h(Z) - sum_y w_y h(Z|y) from class densities on a grid.

    Args:
        densities: shape ``(classes, points)``.
        weights: of the classes, shape ``(classes,)``.
        cell: volume of a cell of the grid.
    """
    mixture = (weights[:, None] * densities).sum(axis=0)
    inside = 0.0
    for weight, density in zip(weights, densities, strict=True):
        inside += weight * entropy_on_grid(density, cell)
    return entropy_on_grid(mixture, cell) - float(inside)


def student_bits(r: float, dof: float, dim: int = 1) -> float:
    """Return I of the two halves of a multivariate Student t with coordinate-wise correlation r.

    The Gaussian term plus a constant of ``dof`` and ``dim`` (Czyz et al. 2023, arXiv 2306.11078):
    h(t_d) = ln [G(v/2) (v pi)^(d/2) / G((v+d)/2)] + (v+d)/2 [psi((v+d)/2) - psi(v/2)]
    + 1/2 ln det.

    Args:
        r: correlation.
        dof: degrees of freedom, v.
        dim: coordinates of a half.
    """
    from scipy.special import digamma, gammaln

    half = dof / 2

    def entropy(d: int) -> float:
        whole = (dof + d) / 2
        volume = gammaln(half) + d / 2 * np.log(dof * np.pi) - gammaln(whole)
        return float(volume + whole * (digamma(whole) - digamma(half)))

    return (2 * entropy(dim) - entropy(2 * dim)) / _LN2 - dim / 2 * float(np.log2(1 - r * r))
