"""Noise of a layer that may depend on its activation, and the densities that it gives."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.random import Generator

from infoplane.errors import EstimatorError
from infoplane.rows import row_codes
from infoplane.types.arrays import Codes, Floats

Noise = Literal["additive", "multiplicative", "lognormal", "uniform", "latent"]
NOISES: tuple[Noise, ...] = get_args(Noise)
_WIDTH = float(np.sqrt(12.0))


def channel_of(values: Floats, noise: Noise, sigma: float) -> EvenNormal | Normal | Uniform:
    """Return the channel of a layer, whose row i turns ``f_i`` into noisy values.

    - ``additive``: ``f + sigma n``, n ~ N(0, 1).
    - ``multiplicative``: ``f (1 + sigma n)``. Gaussian dropout of rate p has ``sigma^2 = p / (1 -
      p)``.
    - ``lognormal``: ``f exp(sigma n)``, as in information dropout.
    - ``uniform``: ``f + u``, u uniform and of standard deviation sigma: rounding with a dither to
      steps of ``sigma sqrt(12)``.
    - ``latent``: ``m + s n``; the units are the means m and after them ``log s^2``, as the encoder
      of a variational autoencoder gives them. ``sigma`` is not used.

    Args:
        values: clean values, shape ``(n, units)``.
        noise: the model.
        sigma: the standard deviation that it scales with.

    Raises:
        EstimatorError: ``latent`` for an odd number of units, or deviations that are no numbers.
    """
    if noise == "additive":
        return EvenNormal(values, sigma)
    if noise == "uniform":
        return Uniform(values, sigma * _WIDTH / 2)
    if noise == "multiplicative":
        return Normal(values, sigma * np.abs(values))
    if noise == "lognormal":
        sizes = np.log(np.where(values == 0, 1.0, np.abs(values)))
        return Normal(sizes, np.where(values == 0, 0.0, sigma), np.sign(values))
    units = values.shape[1]
    if units % 2:
        raise EstimatorError(
            f"noisy:noise=latent expects as many log variances as means, got {units} units"
        )
    with np.errstate(over="ignore"):
        deviations = np.exp(values[:, units // 2 :] / 2)
    if not np.isfinite(deviations).all():
        raise EstimatorError(
            "noisy:noise=latent expects log variances after the means; exp overflows"
        )
    return Normal(values[:, : units // 2], deviations)


class EvenNormal:
    """Normal noise of one standard deviation.

    Args:
        values: shape ``(n, dim)``.
        sigma: the standard deviation.
    """

    def __init__(self, values: Floats, sigma: float) -> None:
        self._centres = (values - values.mean(axis=0)) / sigma
        self._norms = np.einsum("ij,ij->i", self._centres, self._centres)

    def draw(self, rng: Generator) -> Floats:
        """Return one noisy value of every row, in units of sigma from the mean."""
        return self._centres + rng.normal(size=self._centres.shape)

    def log_densities(self, noisy: Floats, rows: slice) -> Floats:
        """Return the log density of noisy values around every row, up to a constant of the value.

        Args:
            noisy: shape ``(b, dim)``.
            rows: the rows that they were drawn around.

        Returns:
            Shape ``(b, n)``; minus infinity where the value cannot come from the row.
        """
        squares = np.einsum("ij,ij->i", noisy, noisy)[:, None] + self._norms
        return -0.5 * np.maximum(squares - 2 * noisy @ self._centres.T, 0)


class Normal:
    """Normal noise with a standard deviation for every unit of every row.

    A unit of deviation 0 is known exactly. Rows whose exact units differ share no noisy value.

    Args:
        values: shape ``(n, dim)``.
        deviations: shape ``(n, dim)``, not negative.
        exact: shape ``(n, any)``; what else of a row is known exactly.
    """

    def __init__(self, values: Floats, deviations: Floats, exact: Floats | None = None) -> None:
        random = deviations > 0
        scales = np.where(random, deviations, 1.0)
        self._values = values
        self._deviations = deviations
        known = [random, np.where(random, 0.0, values)]
        if exact is not None:
            known.append(exact)
        self._known: Codes = row_codes(np.column_stack(known))
        self._precisions = np.where(random, 1 / scales, 0.0)
        self._log_scales = np.log(scales).sum(axis=1)

    def draw(self, rng: Generator) -> Floats:
        """Return one noisy value of every row, shape ``(n, dim)``."""
        return self._values + self._deviations * rng.normal(size=self._values.shape)

    def log_densities(self, noisy: Floats, rows: slice) -> Floats:
        """Return those of `EvenNormal.log_densities`.

        They are exact also where deviations are far smaller than values.
        """
        squares = np.zeros((len(noisy), len(self._values)))
        for unit in range(noisy.shape[1]):
            steps = noisy[:, unit, None] - self._values[:, unit]
            squares += (steps * self._precisions[:, unit]) ** 2
        possible = self._known[rows, None] == self._known
        return np.where(possible, -0.5 * squares - self._log_scales, -np.inf)


class Uniform:
    """Uniform noise around the value of every unit.

    Args:
        values: shape ``(n, dim)``.
        reach: the largest step away from a value.
    """

    def __init__(self, values: Floats, reach: float) -> None:
        self._values = values
        self._reach = reach

    def draw(self, rng: Generator) -> Floats:
        """Return one noisy value of every row, shape ``(n, dim)``."""
        return self._values + rng.uniform(-self._reach, self._reach, size=self._values.shape)

    def log_densities(self, noisy: Floats, rows: slice) -> Floats:
        """Return those of `EvenNormal.log_densities`.

        A row reaches its own noisy values, however they are rounded.
        """
        inside = np.ones((len(noisy), len(self._values)), bool)
        for unit in range(noisy.shape[1]):
            inside &= np.abs(noisy[:, unit, None] - self._values[:, unit]) <= self._reach
        own = np.arange(len(self._values))[rows]
        inside[np.arange(len(own)), own] = True
        return np.where(inside, 0.0, -np.inf)
