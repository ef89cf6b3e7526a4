"""Normal scores: every column replaced by the normal quantiles of its ranks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from infoplane.types.arrays import Floats


def rank_scores(values: NDArray[np.generic]) -> Floats:
    """Replace every column by the normal quantiles of its ranks, shape ``(n,)`` or ``(n, dim)``.

    Ties share the mean rank.
    """
    from scipy.stats import rankdata  # a second of imports that most planes need not wait for

    return ndtri((rankdata(values, axis=0) - 0.5) / len(values))
