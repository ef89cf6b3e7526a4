"""KL divergence of one set of rows at two checkpoints, with an error that knows the pairing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.random import Generator

from infoplane.analysis.estimators.neighbour_ratio import log_ratios
from infoplane.analysis.studies.divergences import (
    gaussian_kl_of_samples,
    gaussian_reason,
    require_reach,
)
from infoplane.analysis.vocabulary import kl_binned
from infoplane.errors import EstimatorError
from infoplane.rows import row_codes
from infoplane.types.arrays import Floats, Ids

Method = Literal["auto", "knn", "gauss", "binned"]
Halves = tuple[Ids, Ids]
Value = Callable[[Floats, Floats], float]
NEIGHBOURS = 5
SPLITS = 16
"""Splits of the rows: the error of eight is itself uncertain by a quarter."""
_MOST_ROWS = 1000
"""Rows of a half that are read for the chance error of neighbours."""
_LN2 = float(np.log(2.0))
_FEWEST = 2 * (NEIGHBOURS + 1)
"""Rows of which a half still holds the neighbours of a row."""
_MOST_UNITS = 2
"""Units up to which neighbours are asked before a Gaussian fit."""
_FINER_BINS = 60
_WIDER = 4
"""Times as many neighbours as show by how much the balls of a few are too wide."""
_SLOWEST = 2
"""Units from which a shortfall grows with the reach: the tails of a scalar are no nearer."""


class Divergence(NamedTuple):
    """D(p||q) of paired rows.

    Attributes:
        bits: the estimate.
        stderr: of what other rows would say, and of the shortfall that is seen.
        method: ``knn``, ``gauss`` or ``binned``.
    """

    bits: float
    stderr: float
    method: Method


def divergence(
    p: Floats,
    q: Floats,
    *,
    method: Method = "auto",
    splits: int = SPLITS,
    rng: Generator,
) -> Divergence:
    """Return D(p||q) in bits of rows that are the same samples at two checkpoints.

    Row i of p and row i of q belong together, the rows are independent. Neighbours leave a row's
    partner out. Gaussian fits and cells compare one half of p with the other half of q, averaged
    over both directions and all splits.

    The error: every split reads the two halves of the rows by themselves, pairs kept together. Half
    of their difference is one draw of the error of all rows; its mean square over the splits is the
    variance. What wider balls, or fewer rows and finer cells, show of the shortfall is added.

    Args:
        p: shape ``(n, dim)``.
        q: shape ``(n, dim)``.
        method: see `drift`.
        splits: random splits of the rows into halves.
        rng: draws the splits.

    Raises:
        EstimatorError: fewer than 12 rows, rows of p where q has none, or a Gaussian fit that the
            rows speak against.
    """
    require_rows(p)
    how = choose_method(p, q) if method == "auto" else method
    reason = gaussian_reason(p, q) if how == "gauss" else ""
    if reason:
        raise EstimatorError(
            f"gauss: the rows are not Gaussian, or too few: {reason}; use knn or binned"
        )
    halves = [_halves(len(p), rng) for _ in range(splits)]
    if how == "knn":
        require_reach(p, q)
        return _by_neighbours(p, q, halves)
    value = gaussian_kl_of_samples if how == "gauss" else kl_binned
    bits, chance, shortfall = _by_crossing(p, q, value, halves, rng)
    if how == "gauss":
        return Divergence(bits, chance, how)
    finer = float(np.mean([_cross(p, q, _finer_cells, half) for half in halves]))
    return Divergence(bits, float(np.hypot(chance, max(abs(finer - bits), shortfall))), how)


def require_rows(p: Floats) -> None:
    """Refuse samples of which a half does not hold the neighbours of a row.

    Raises:
        EstimatorError: fewer than 12 rows.
    """
    if len(p) < _FEWEST:
        raise EstimatorError(f"drift wants at least {_FEWEST} rows, got {len(p)}")


def choose_method(p: Floats, q: Floats) -> Method:
    """Return the method for these rows.

    ``knn`` also where none will do, which `out_of_reach` then says.
    """
    if any(len(np.unique(row_codes(rows))) < len(rows) for rows in (p, q)):
        return "binned"
    if p.shape[1] <= _MOST_UNITS:
        with contextlib.suppress(EstimatorError):
            require_reach(p, q)
            return "knn"
    return "knn" if gaussian_reason(p, q) else "gauss"


def _halves(n: int, rng: Generator) -> Halves:
    order = rng.permutation(n)
    return order[: n // 2], order[n // 2 :]


def _by_neighbours(p: Floats, q: Floats, halves: Sequence[Halves]) -> Divergence:
    """Return the mean log ratio of all rows, with its error."""
    ratios = log_ratios(p, q, NEIGHBOURS, paired=True) / _LN2
    bits = float(ratios.mean())
    part = min(len(p) // 2, _MOST_ROWS)
    bits_of_halves = []
    for first, second in halves:
        read = (first[:part], second[:part])
        bits_of_halves.append([_paired_bits(p[rows], q[rows]) for rows in read])
    of_halves = _half_difference(bits_of_halves) * float(np.sqrt(2 * part / len(p)))
    chance = max(of_halves, float(ratios.std() / np.sqrt(len(p))))
    return Divergence(bits, float(np.hypot(chance, max(0.0, _shortfall(p, q, bits)))), "knn")


def _paired_bits(p: Floats, q: Floats, k: int = NEIGHBOURS) -> float:
    return float(log_ratios(p, q, k, paired=True).mean()) / _LN2


def _shortfall(p: Floats, q: Floats, bits: float) -> float:
    """Return how far neighbours fall short, in bits, by what wider balls fall shorter.

    A ball of k of n rows in d units reaches ``(k / n)^(1/d)`` far, and the shortfall grows with it.
    """
    wider = min(_WIDER * NEIGHBOURS, len(p) // 2)
    growth = (wider / NEIGHBOURS) ** (1 / max(p.shape[1], _SLOWEST)) - 1
    return (bits - _paired_bits(p, q, wider)) / growth


def _by_crossing(
    p: Floats, q: Floats, value: Value, halves: Sequence[Halves], rng: Generator
) -> tuple[float, float, float]:
    """Return bits, their chance error and how far half of the rows falls shorter, all in bits."""
    bits = float(np.mean([_cross(p, q, value, half) for half in halves]))
    parts = []
    for half in halves:
        parts.append([_cross(p[rows], q[rows], value, _halves(len(rows), rng)) for rows in half])
    return bits, _half_difference(parts), bits - float(np.mean(parts))


def _cross(p: Floats, q: Floats, value: Value, halves: Halves) -> float:
    """Return the mean of both directions: one half of p against the other half of q."""
    first, second = halves
    return (value(p[first], q[second]) + value(p[second], q[first])) / 2


def _half_difference(parts: Sequence[Sequence[float]]) -> float:
    """Return the standard error of all rows by readings of two halves, shape ``(splits, 2)``."""
    return float(np.sqrt(np.mean(np.diff(parts) ** 2))) / 2


def _finer_cells(p: Floats, q: Floats) -> float:
    return kl_binned(p, q, bins=_FINER_BINS)
