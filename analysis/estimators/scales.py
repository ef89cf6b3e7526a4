"""Scale units so that neighbours can compare them."""

from __future__ import annotations

import numpy as np

from infoplane.analysis.estimators.live_units import live_columns
from infoplane.analysis.estimators.rank_scores import rank_scores, standard_columns
from infoplane.types import Variable
from infoplane.types.arrays import Floats, Mask, Values

_NORMAL_REACH = 3.29
"""Deviations over which the central nine tenths of normal values reach."""
_HUGE = 10.0
"""Times the deviation of the central rows, from which a few values make that of all."""
_BEYOND_ALL = 1000.0
"""Times the deviation of the other rows, from which one value, such as a mask, makes that of all.
"""
_SATURATED = 100.0
"""Deviations of the other rows from 0, beyond which they lie at a bound: a unit that saturates."""
_MOST_ROWS = 5000
"""Rows, evenly spaced, by which units are looked at."""


def comparable_columns(z: Floats) -> Floats:
    """Return `standard_columns`, but normal scores of the `dwarfed_units`, shape ``(n, dim)``.

    Information is that of any monotone map of each unit.
    """
    columns = standard_columns(z)
    dwarfed = dwarfed_units(z)
    if dwarfed.any():
        columns[:, dwarfed] = rank_scores(z[:, dwarfed])
    return columns


def dwarfed_units(z: Values) -> Mask:
    """Return which of several units owe their deviation to few or equal rows, shape ``(dim,)``.

    Scaled by it, the other rows of the unit are equal beside those of the other units: ten massive
    activations in a thousand rows, or a mask of -1e9, hide all that a unit knows.

    Args:
        z: shape ``(n, dim)``.

    Example:
        >>> z = np.random.default_rng(0).normal(size=(500, 2))
        >>> z[:5, 0] = 1000.0
        >>> dwarfed_units(z).tolist()
        [True, False]
    """
    if z.shape[1] < 2:
        return np.zeros(z.shape[1], np.bool_)
    rows = z[:: max(1, len(z) // _MOST_ROWS)].astype(np.float64)
    rows.sort(axis=0)  # each unit by itself: quantiles are quicker
    deviation = rows.std(axis=0)
    low, middle, high = np.quantile(rows, (0.05, 0.5, 0.95), axis=0)
    central = (high - low) / _NORMAL_REACH
    free = _SATURATED * central > np.abs(middle)
    dwarfed = free & (deviation > _HUGE * central)
    for edge in (rows[0], rows[-1]):
        for unit in np.flatnonzero(_rests_on(edge, rows)):
            others = rows[rows[:, unit] != edge[unit], unit]
            scatter = others.std()
            if _SATURATED * scatter > abs(others.mean()):
                dwarfed[unit] |= deviation[unit] > _BEYOND_ALL * scatter
    return np.asarray(dwarfed)


def _rests_on(edge: Floats, rows: Floats) -> Mask:
    """Return which units may owe their deviation to the rows at an edge, shape ``(dim,)``.

    Where a share p of the rows is at the edge e, and the others have the variance v, that of all is
    ``(1 - p) v + p (e - mean)^2 / (1 - p)``. So v is known without looking at the others.

    Args:
        edge: the smallest or the largest value of each unit, shape ``(dim,)``.
        rows: shape ``(n, dim)``; each unit in any order.
    """
    share = (rows == edge).mean(axis=0)
    others = np.where(share < 1, 1 - share, 1.0)
    of_all = rows.var(axis=0)
    of_others = (of_all - share / others * (edge - rows.mean(axis=0)) ** 2) / others
    return np.asarray((share < 1) & (of_others < 2 * of_all / _BEYOND_ALL**2))


def dwarfed_note(*variables: Variable, ranked: bool) -> tuple[str, ...]:
    """Return the note of `dwarfed_units`, among the units that are not constant.

    Args:
        variables: continuous or not.
        ranked: whether their ranks are taken.
    """
    vectors = [v for v in variables if v.kind == "continuous"]
    number = sum(int(dwarfed_units(live_columns(v)).sum()) for v in vectors)
    if not number:
        return ()
    what = "their ranks are taken" if ranked else "the number may be far too low, compare knn"
    return (f"{number} units with few huge values, beside which their other rows vanish: {what}",)
