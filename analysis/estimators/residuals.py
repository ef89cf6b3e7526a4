"""Information by what one variable leaves of the other once it has predicted it.

For every function ``f`` and every positive ``s``, with ``R = (Z - f(X)) / s(X)``,

    I(X;Z) = h(Z) - h(R) - d E log s(X) + I(X;R),

exactly: given X, Z and R determine each other. Neighbours see all of ``I(X;Z)`` at once only where a
ball of k neighbours is smaller than the dependence is sharp; they fall short where it is strong or
where there are many units. Of the right side they need to see little: two entropies, each at a scale
of its own, and what a location-scale fit has not explained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from infoplane.analysis.estimators.entropies import counts_of
from infoplane.analysis.estimators.rank_scores import rank_scores
from infoplane.analysis.kernels.neighbours import count_within, kth_distances
from infoplane.rows import row_codes

Floats = NDArray[np.float64]
_LN2 = float(np.log(2.0))
_LEAST_ROWS_PER_UNIT = 8
_SINGULAR = 1e-10
_DETERMINED = 1e-12


@dataclass(frozen=True)
class Reading:
    """One way to read the information, in nats, from fewer and from more neighbours.

    Attributes:
        entropies: the difference of entropies, near and far; 0 where neighbours see all at once.
        information: what neighbours see of the rest, near and far.
    """

    entropies: tuple[float, float]
    information: tuple[float, float]

    @property
    def near(self) -> float:
        """The reading of fewer neighbours, whose bias is smaller."""
        return self.entropies[0] + self.information[0]

    @property
    def far(self) -> float:
        """The reading of more neighbours, whose scatter is smaller."""
        return self.entropies[1] + self.information[1]

    @property
    def disagreement(self) -> float:
        """How far fewer and more neighbours are apart, in nats: an estimate of the bias."""
        return float(np.hypot(np.diff(self.entropies), np.diff(self.information))[0])


@dataclass(frozen=True)
class Whitened:
    """Rows whose live directions are uncorrelated and of variance 1.

    Attributes:
        rows: shape ``(n, rank)``.
        log_volume: logarithm of the volume by which the map shrinks, so that
            ``h(original) = h(rows) + log_volume`` on the span of the rows.
        least: the smallest variance that was kept.
    """

    rows: Floats
    log_volume: float
    least: float


def combined_bits(x: Floats, z: Floats, k: int) -> tuple[float, tuple[str, ...]]:
    """Combine KSG and the residuals of location-scale fits, weighted by what the rows say of each.

    Read are: KSG itself, and the identity above for X predicting Z and for Z predicting X; on the
    values and on their normal scores. Each is read from about 3k/5 and from 2k neighbours. Its
    uncertainty is what these two disagree by, chance, and by how much another reading, itself
    in agreement, exceeds it: neighbours that do not see a dependence fall short of it. Weights are
    the inverse squares of the squared uncertainties, so that the estimate is continuous in the rows.

    Args:
        x: shape ``(n, dx)``, standardised.
        z: shape ``(n, dz)``, standardised.
        k: neighbours.

    Returns:
        The estimate in bits and its notes.
    """
    n = len(x)
    # A neighbour beyond all repeats of a row lies at a distance.
    near = max(1, round(0.6 * k), *(int(counts_of(row_codes(v)).max()) for v in (x, z)))
    neighbours = (min(near, n - 1), min(2 * k, n - 1))
    plain = _ksg(x, z, neighbours)
    readings = [plain]
    if x.shape[1] + z.shape[1] > n / _LEAST_ROWS_PER_UNIT:
        return plain.near / _LN2, ("not corrected: too many units for so few rows",)
    for predictor, predicted in ((x, z), (z, x)):
        readings += _residual_readings(predictor, predicted, neighbours)
    if len(readings) == 1:
        return plain.near / _LN2, (
            "not corrected: one variable is a linear function of the other up to rounding, "
            "so that the information is infinite",
        )
    if x.shape[1] + z.shape[1] > 2:
        readings += _score_readings(rank_scores(x), rank_scores(z), neighbours)
    nats = _weighted(readings, n)
    more = (nats - plain.near) / _LN2
    note = f"corrected by {more:+.3f} bits: what residuals of location-scale fits tell beyond KSG"
    return nats / _LN2, (note,)


def _score_readings(x: Floats, z: Floats, neighbours: tuple[int, int]) -> list[Reading]:
    """The readings of normal scores. A single unit's are a grid, which has no entropy to estimate."""
    readings = [_ksg(x, z, neighbours)]
    if min(x.shape[1], z.shape[1]) > 1:
        readings += _residual_readings(x, z, neighbours)
        readings += _residual_readings(z, x, neighbours)
    return readings


def _weighted(readings: list[Reading], n: int) -> float:
    """The weighted mean of readings in nats; see `combined_bits`.

    The chance of one reading is put at 4/n, of a difference of two at 16/n; both were chosen on the
    bank of `infoplane.analysis.calibrate`.
    """
    bias = np.array([reading.disagreement for reading in readings]) ** 2
    near = np.array([reading.near for reading in readings])
    far = np.array([reading.far for reading in readings])
    chance = 4 / n
    nats = near + 0.5 * chance / (chance + bias) * (far - near)
    excess = np.maximum(nats[None, :] - nats[:, None], 0.0) ** 2  # (reading, exceeded by)
    shortfall = (excess**2 / (excess + bias[None, :] + 4 * chance)).max(axis=1)
    weights = (bias + chance + shortfall) ** -2.0
    return float(weights @ nats / weights.sum())


def _ksg(x: Floats, z: Floats, neighbours: tuple[int, int]) -> Reading:
    near, far = (
        float(
            digamma(k)
            + digamma(len(x))
            - sum(digamma(count_within(v, eps) + 1).mean() for v in (x, z))
        )
        for k, eps in zip(neighbours, kth_distances([x, z], neighbours), strict=True)
    )
    return Reading((0.0, 0.0), (near, far))


def _residual_readings(x: Floats, z: Floats, neighbours: tuple[int, int]) -> list[Reading]:
    """The reading of Z as X predicts it; none where X determines Z up to rounding."""
    predictor, predicted = whiten(x), whiten(z)
    if not predictor.rows.shape[1] * predicted.rows.shape[1]:
        return []
    left = whiten(_linear_residuals(predictor.rows, predicted.rows))
    if left.rows.shape[1] < predicted.rows.shape[1] or left.least < _DETERMINED:
        return []
    log_scale = _log_scale(predictor.rows, left.rows)
    scaled = whiten(left.rows / np.exp(log_scale)[:, None])
    units = predicted.rows.shape[1]
    shrunk = left.log_volume + scaled.log_volume + units * float(log_scale.mean())
    whole, rest = (_entropies(rows, neighbours) for rows in (predicted.rows, scaled.rows))
    entropies = (whole[0] - rest[0] - shrunk, whole[1] - rest[1] - shrunk)
    return [Reading(entropies, _ksg(x, scaled.rows, neighbours).information)]


def whiten(z: Floats) -> Whitened:
    """Turn and scale rows to unit variance in every direction that they have, shape ``(n, dim)``."""
    z = z - z.mean(axis=0)
    variances, directions = np.linalg.eigh(z.T @ z / len(z))
    kept = (variances > 0) & (variances > _SINGULAR * variances[-1])
    deviations = np.sqrt(variances[kept])
    rows = z @ (directions[:, kept] / deviations)
    return Whitened(rows, float(np.log(deviations).sum()), float(min(variances[kept], default=0.0)))


def _linear_residuals(x: Floats, z: Floats) -> Floats:
    """What least squares leave of z, each row scaled to the variance that it has without the fit."""
    basis, _ = np.linalg.qr(np.column_stack([np.ones(len(x)), x]))
    leverage = np.minimum((basis**2).sum(axis=1), 1 - 1e-9)
    left = z - basis @ (basis.T @ z)
    return np.asarray(left / np.sqrt(1 - leverage)[:, None])


def _log_scale(x: Floats, left: Floats) -> Floats:
    """Log of the scale of residuals as a quadratic of the log distance of x, shape ``(n,)``.

    Heavy tails share their scale: given X, a Student vector is one whose scale grows with |X|.
    """
    distance = np.log1p((x**2).mean(axis=1))
    distance = (distance - distance.mean()) / max(float(distance.std()), 1e-12)
    basis = np.column_stack([np.ones(len(x)), distance, distance**2])
    sizes = np.log((left**2).mean(axis=1) + 1e-12)
    found, *_ = np.linalg.lstsq(basis, sizes, rcond=None)
    return np.asarray(basis @ found / 2)


def _entropies(rows: Floats, neighbours: tuple[int, int]) -> tuple[float, float]:
    """Kozachenko and Leonenko's entropies, less the constant of the dimension, in nats."""
    near, far = (
        rows.shape[1] * float(np.log(eps[eps > 0]).mean()) - float(digamma(k))
        for k, eps in zip(neighbours, kth_distances([rows], neighbours), strict=True)
    )
    return near, far
