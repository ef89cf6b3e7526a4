"""Columns on one scale: of variance 1, or replaced by the normal quantiles of their ranks."""

from __future__ import annotations

import numpy as np

from infoplane.types.arrays import Array, Floats


def rank_scores(values: Array) -> Floats:
    """Replace every column by the normal quantiles of its ranks, shape ``(n,)`` or ``(n, dim)``.

    Ties share the mean rank.
    """
    # a second of imports that most planes need not wait for
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return ndtri((rankdata(values, axis=0) - 0.5) / len(values))


def standard_columns(values: Array) -> Floats:
    """Shift and scale columns to mean 0 and standard deviation 1, shape ``(n, dim)``.

    Constant columns become 0.
    """
    centred = values.astype(np.float64)
    centred -= centred.mean(axis=0)
    deviations = centred.std(axis=0)
    return centred / np.where(deviations > 0, deviations, 1.0)
