"""Which rows of a task are trained on."""

from __future__ import annotations

import numpy as np

from infoplane.types.arrays import Mask


def shuffled_mask(n: int, *, seed: int, share: float) -> Mask:
    """Return a mask of shape ``(n,)`` that is true for a random share of the rows."""
    mask = np.zeros(n, bool)
    mask[np.random.default_rng(seed).permutation(n)[: round(n * share)]] = True
    return mask
