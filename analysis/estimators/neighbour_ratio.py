"""Log ratio of two densities at the rows of one sample, by neighbours in one ball."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma

from infoplane.errors import InputError
from infoplane.types.arrays import Floats

_ROUNDING = 1e-12
"""Share by which a ball is widened, so that the row at its edge counts in spite of rounding."""


def log_ratios(p: Floats, q: Floats, k: int, *, paired: bool = False) -> Floats:
    """Return estimates of ln p/q at the rows of p, in nats, shape ``(n,)``.

    The ball of a row reaches to the farther of its k-th neighbours in p and in q (Wang, Kulkarni &
    Verdu 2009, section IV), so that both densities are smoothed alike. The sample whose k-th
    neighbour lies at the edge enters with psi(k). The other has c rows inside, a Poisson number of
    mean m, and E psi(c + 1) is about ln m, where E psi(c) would fall short by 1/m.

    Args:
        p: shape ``(n, dim)``, distinct rows, more than k of them.
        q: shape ``(m, dim)``, distinct rows, at least k of them.
        k: neighbours.
        paired: row i of q depends on row i of p and on no other: it is left out of the ball around
            row i of p. What remains of q is independent of that row.

    Raises:
        InputError: too few rows, or k equal ones.
    """
    if p.shape[1] != q.shape[1] or len(p) <= k or len(q) - paired < k:
        raise InputError(
            f"expected rows of one width, more than k={k} of them, got shapes {p.shape} and "
            f"{q.shape}"
        )
    own = cKDTree(p)
    other = cKDTree(q)
    reach_p = own.query(p, k=[k + 1])[0][:, 0]
    if paired:
        reach_q = _reach_beyond_partner(other, p, k)
    else:
        reach_q = other.query(p, k=[k])[0][:, 0]
    if (reach_p == 0).any() or (reach_q == 0).any():
        raise InputError(
            "equal rows: neighbours at distance 0; use a binned divergence (kl of histograms) for "
            "layers with atoms"
        )
    ball = np.maximum(reach_p, reach_q) * (1 + _ROUNDING)
    in_p = own.query_ball_point(p, ball, return_length=True) - 1
    in_q = other.query_ball_point(p, ball, return_length=True)
    if paired:
        in_q = in_q - (np.linalg.norm(p - q, axis=1) <= ball)
    inside_p = in_p + (reach_p < reach_q)
    inside_q = in_q + (reach_q < reach_p)
    others = len(q) - paired
    return digamma(inside_p) - digamma(inside_q) + np.log(others / (len(p) - 1))


def _reach_beyond_partner(tree: cKDTree, p: Floats, k: int) -> Floats:
    """Return distances to the k-th neighbour other than the row of the same number, ``(n,)``."""
    distances, rows = tree.query(p, k=k + 1)
    partner_is_near = (rows == np.arange(len(p))[:, None]).any(axis=1)
    return np.where(partner_is_near, distances[:, k], distances[:, k - 1])
