"""What X is at a row: the prefix, the whole sequence, or the token. Equal X, equal id."""

from __future__ import annotations

import numpy as np

from infoplane.positions.masks import Sequences
from infoplane.types.arrays import Ids, Mask


def prefix_ids(s: Sequences) -> Ids:
    """Return ids of all that stands up to each position, shape ``(n, T)``.

    Equal prefixes (and contexts) have one id.

    A trie: the id of a prefix is that of (id of the prefix before, content here). Padding on either
    side is skipped.
    """
    n, _ = s.valid.shape
    ids = np.zeros(s.valid.shape, np.int64)
    places = [np.flatnonzero(real) for real in s.valid]
    now, used = s.context.copy(), int(s.context.max(initial=-1)) + 1
    for k in range(max(map(len, places), default=0)):
        rows = np.array([i for i in range(n) if k < len(places[i])])
        columns = np.array([places[i][k] for i in rows])
        pairs = np.stack([now[rows], s.content[rows, columns]], axis=1)
        codes = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1) + used
        used = int(codes.max()) + 1
        now[rows] = codes
        ids[rows, columns] = codes
    return ids


def sequence_ids(s: Sequences) -> Ids:
    """Return ids of (whole sequence, position in it), shape ``(n, T)``."""
    whole = prefix_ids(s)
    last = s.valid.shape[1] - 1 - s.valid[:, ::-1].argmax(axis=1)
    final = np.take_along_axis(whole, last[:, None], axis=1)
    return in_sample(np.unique(final, return_inverse=True)[1].reshape(-1), s.valid)


def in_sample(sample: Ids, valid: Mask) -> Ids:
    """Return ids of (sample, place among its real positions), shape ``(n, T)``.

    Args:
        sample: shape ``(n,)``, equal for equal samples.
        valid: shape ``(n, T)``.
    """
    place = np.cumsum(valid, axis=1) - 1
    return sample[:, None] * valid.shape[1] + np.maximum(place, 0)
