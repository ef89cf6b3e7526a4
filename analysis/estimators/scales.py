"""Scale units so that neighbours can compare them."""

from __future__ import annotations

import numpy as np

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
    deviation = rows.std(axis=0)
    low, high = np.quantile(rows, (0.05, 0.95), axis=0)
    central = (high - low) / _NORMAL_REACH
    free = _SATURATED * central > np.abs(np.median(rows, axis=0))
    dwarfed = free & (deviation > _HUGE * central)
    least, largest = rows.min(axis=0), rows.max(axis=0)
    for edge in (least, largest):
        others = (rows != edge) | (least == largest)
        scatter = rows.std(axis=0, where=others)
        free = _SATURATED * scatter > np.abs(rows.mean(axis=0, where=others))
        dwarfed |= free & (deviation > _BEYOND_ALL * scatter)
    return np.asarray(dwarfed)


def dwarfed_note(*variables: Variable, ranked: bool) -> tuple[str, ...]:
    """Return the note of `dwarfed_units`.

    Args:
        variables: continuous or not.
        ranked: whether their ranks are taken.
    """
    vectors = [v for v in variables if v.kind == "continuous"]
    number = sum(int(dwarfed_units(v.values).sum()) for v in vectors)
    if not number:
        return ()
    what = "their ranks are taken" if ranked else "the number may be far too low, compare knn"
    return (f"{number} units with few huge values, beside which their other rows vanish: {what}",)
