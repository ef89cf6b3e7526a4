"""KL divergence of two samples three ways.

Each with the question whether these rows can show it at all.
"""

from __future__ import annotations

import numpy as np
from scipy.special import digamma

from infoplane.analysis.estimators.gaussian_fit import misfit, whitened
from infoplane.analysis.vocabulary import counts_of_units
from infoplane.errors import EstimatorError
from infoplane.types.arrays import Floats

_LN2 = float(np.log(2.0))
_NEAR = 5
"""Which neighbour counts as near."""
_OWN = 0.99
"""Quantile of a sample's own neighbour distances that counts as its reach."""
_BEYOND = 0.03
"""Share of rows beyond the other sample's reach from which neighbours say nothing of the tails;
0.01 are expected.
"""
_BEYOND_OF_SCALARS = 0.07
"""The same of single units, where neighbours are near."""
_UNSEEN = 0.02
"""Share of rows in cells that the other sample never visits from which cells say nothing of them.
"""
_ROWS_PER_UNIT = 10


def share_beyond(p: Floats, q: Floats) -> float:
    """Return the share of p's rows that lie farther from q than q's rows from one another.

    A divergence D(p||q) needs the density of q where p is; where q has no rows, no estimator can
    know it.

    Args:
        p, q: shapes ``(n, d)`` and ``(m, d)``.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(q)
    own = tree.query(q, k=[_NEAR + 1])[0][:, 0]
    across = tree.query(p, k=[_NEAR])[0][:, 0]
    return float((across > np.quantile(own, _OWN)).mean())


def share_unseen(p: Floats, q: Floats) -> float:
    """Return the mean share, over units, of p's values in cells that q never visits.

    A unit has 30 equal cells over the range of both.

    Args:
        p, q: shapes ``(n, d)`` and ``(m, d)``.
    """
    shares = []
    for counts, reference in counts_of_units(p, q, bins=30):
        shares.append(float(counts[reference == 0].sum()) / len(p))
    return float(np.mean(shares)) if shares else 0.0


def gaussian_reason(p: Floats, q: Floats) -> str:
    """Return why Gaussian fits of both samples are no answer.

    Empty where nothing speaks against them.
    """
    if p.shape[1] * _ROWS_PER_UNIT > len(p) // 2:
        return f"{p.shape[1]} units want {2 * _ROWS_PER_UNIT * p.shape[1]} rows, got {len(p)}"
    for rows in (p, q):
        covariance = np.atleast_2d(np.cov(rows, rowvar=False))
        scale = np.sqrt(np.diag(covariance))
        if not (scale > 0).all():
            return "a unit is constant"
        eigenvalues = np.linalg.eigvalsh(covariance / np.outer(scale, scale))
        if eigenvalues[0] < 1e-9 * eigenvalues[-1]:
            return "the units are linear functions of one another"
        doubt = misfit(whitened(rows, covariance))
        if doubt:
            return doubt
    return ""


def gaussian_kl_of_samples(p: Floats, q: Floats) -> float:
    """Return D(p||q) in bits of Gaussian fits, unbiased for Gaussians.

    The rows have shapes ``(n, d)`` and ``(m, d)``.

    ``1/2 [tr S_q^-1 S_p + (m_p - m_q)^T S_q^-1 (m_p - m_q) - d + ln det S_q / det S_p] / ln 2``
    with the moments of an inverse Wishart matrix, ``E S^-1 = (m - 1) / (m - d - 2) Sigma^-1``, and
    of the log-determinants taken off.
    """
    (n, d), m = p.shape, len(q)
    s_p, s_q = (np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (p, q))
    gap = p.mean(axis=0) - q.mean(axis=0)
    shrink = (m - d - 2) / (m - 1)
    trace = shrink * float(np.trace(np.linalg.solve(s_q, s_p)))
    distance = shrink * float(gap @ np.linalg.solve(s_q, gap)) - trace / n - d / m
    logs = float(np.linalg.slogdet(s_q)[1] - np.linalg.slogdet(s_p)[1])
    return 0.5 * (trace + distance - d + logs - _bias(m, d) + _bias(n, d)) / _LN2


def _bias(n: int, d: int) -> float:
    """Return E ln det S - ln det Sigma of the covariance of n Gaussian rows of d units."""
    return float(digamma((n - np.arange(1, d + 1)) / 2).sum() + d * np.log(2.0 / (n - 1)))


def out_of_reach(p: Floats, q: Floats) -> float:
    """Return the share of p's rows beyond q's reach where neighbours cannot tell, else 0.

    Args:
        p, q: shapes ``(n, d)`` and ``(m, d)``.
    """
    share = 0.0 if np.array_equal(p, q) else share_beyond(p, q)
    beyond = _BEYOND_OF_SCALARS if p.shape[1] == 1 else _BEYOND
    return share if share > beyond + 3 * float(np.sqrt((1 - _OWN) / len(q))) else 0.0


def require_reach(p: Floats, q: Floats) -> None:
    """Refuse neighbours where part of a divergence lies where the other sample has no rows.

    Raises:
        EstimatorError: too many rows of p out of reach of q.
    """
    share = out_of_reach(p, q)
    if share:
        raise EstimatorError(
            f"{share:.0%} of the rows lie where the other checkpoint has none: D is larger than "
            "neighbours can show and may be infinite; compare nearer checkpoints "
            "(reference='previous'), take method='binned', or more rows"
        )


def bound_of_reach(share: float, n: int) -> tuple[float, float]:
    """Return a lower bound of D(p||q) in bits, with its standard error, by q's reach alone.

    The event has probability ``share`` under p and 0.01 under q: by the data processing inequality
    D is at least ``s log2(s / 0.01) + (1 - s) log2((1 - s) / 0.99)``.

    Example:
        >>> [round(v, 2) for v in bound_of_reach(0.5, 1000)]
        [2.33, 0.1]
    """
    rare = 1 - _OWN
    certain = min(share, 1 - 1 / (2 * n))
    bits = certain * np.log2(certain / rare) + (1 - certain) * np.log2((1 - certain) / _OWN)
    slope = np.log2(certain * _OWN / ((1 - certain) * rare))
    return float(bits), float(slope * np.sqrt(certain * (1 - certain) / n))


def unseen_note(p: Floats, q: Floats) -> str:
    """Return what binned divergences miss.

    Rows of p in cells that q never visits, beyond those that chance leaves empty.
    """
    share = share_unseen(p, q)
    if share <= _UNSEEN + 3 * float(np.sqrt(_UNSEEN / len(q))):
        return ""
    return (
        f"larger than this: {share:.0%} of the values lie in cells that the reference never visits"
    )
