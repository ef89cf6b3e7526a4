"""Information by what is left of a prediction, where this has edges.

A ball of neighbours that reaches over the edge of a density takes the density inside for thinner
than it is, so that the entropy of a cube reads too high, the more the more units it has. The
entropy of each unit alone has hardly an edge. Where units depend on each other as normal ones do,

    h(Z) = sum_j h(Z_j) + h(S) - sum_j h(S_j),

S_j the normal score of Z_j: S has no edge, and the last term is a constant.
"""

from __future__ import annotations

import numpy as np

from infoplane.analysis.estimators.gaussian_fit import CLEAR, excess_kurtosis, largest_mixed
from infoplane.analysis.estimators.rank_scores import rank_scores
from infoplane.analysis.estimators.readings import Neighbours, Reading, ksg_reading
from infoplane.analysis.estimators.repeated_values import has_density
from infoplane.analysis.estimators.residuals import (
    DETERMINED,
    Whitened,
    ball_entropies,
    linear_residuals,
    log_scale_of,
    whiten,
)
from infoplane.analysis.kernels.neighbours import Distances
from infoplane.types.arrays import Floats


def edge_readings(x: Distances, z: Distances, neighbours: Neighbours) -> list[Reading]:
    """Read the information by what X leaves of Z, the units of both apart.

    Args:
        x: distances of the predictor, of shape ``(n, dx)``.
        z: of the predicted, of shape ``(n, dz)``.
        neighbours: fewer and more.

    Returns:
        Nothing where what is left has no edges, where units depend other than as normal ones, or
        where rows of Z repeat.
    """
    if not has_density(z.points):
        return []
    predictor = whiten(x.points).rows
    predicted = z.points[:, np.ptp(z.points, axis=0) > 0]
    if not predictor.shape[1] or predicted.shape[1] < 2:
        return []
    left = linear_residuals(predictor, predicted - predicted.mean(axis=0))
    if not _has_edges(left):
        return []
    log_scale = log_scale_of(predictor, whiten(left).rows)
    rest = left / np.exp(log_scale)[:, None]
    scores = whiten(rank_scores(predicted))
    of_rest = whiten(rank_scores(rest))
    if not (_depend_normally(scores, predicted) and _depend_normally(of_rest, rest)):
        return []
    whole = _entropies_apart(predicted, scores, neighbours)
    less = _entropies_apart(rest, of_rest, neighbours)
    shrunk = predicted.shape[1] * float(log_scale.mean())
    near, far = (float(entropy) for entropy in whole - less - shrunk)
    information = ksg_reading(x, Distances(of_rest.rows), neighbours).information
    return [Reading((near, far), information)]


def _has_edges(left: Floats) -> bool:
    """Return whether every unit of ``(n, dim)`` has tails clearly lighter than a normal unit's."""
    deviations = left.std(axis=0)
    if not (deviations**2 > DETERMINED).all():
        return False
    return all(excess_kurtosis(unit[:, None]) < -CLEAR for unit in (left / deviations).T)


def _depend_normally(scores: Whitened, units: Floats) -> bool:
    """Return whether no moment speaks against whitened normal scores of units being Gaussian."""
    if scores.rows.shape[1] < units.shape[1]:
        return False
    return max(abs(excess_kurtosis(scores.rows)), largest_mixed(scores.rows)) < CLEAR


def _entropies_apart(units: Floats, scores: Whitened, neighbours: Neighbours) -> Floats:
    """Entropies of units, each alone, and of their scores, less constants, in nats, shape ``(2,)``.

    Args:
        units: shape ``(n, dim)``.
        scores: their whitened normal scores.
        neighbours: fewer and more.
    """
    alone = [ball_entropies(Distances(unit[:, None].copy()), neighbours) for unit in units.T]
    together = ball_entropies(Distances(scores.rows), neighbours)
    return np.sum([*alone, together], axis=0) + scores.log_volume
