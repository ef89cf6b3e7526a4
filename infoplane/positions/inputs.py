"""Ids of X at a row: of the prefix, the whole sequence, or the token. Equal X, equal id."""

from __future__ import annotations

import numpy as np

from infoplane.positions.masks import Sequences
from infoplane.types.arrays import Ids, Mask


def prefix_ids(sequences: Sequences) -> Ids:
    """Return ids of all tokens up to each position, and the context, shape ``(n, T)``.

    A trie: the id of a prefix is that of (id of the prefix before, token here). Padding on either
    side is skipped.
    """
    valid = sequences.valid
    ids = np.zeros(valid.shape, np.int64)
    before = sequences.context.copy()
    used = int(before.max(initial=-1)) + 1
    samples, positions = np.nonzero(valid)
    places = (np.cumsum(valid, axis=1) - 1)[samples, positions]  # among the real positions
    order = np.argsort(places, kind="stable")
    for group in np.split(order, np.cumsum(np.bincount(places))[:-1]):
        rows, columns = samples[group], positions[group]
        pairs = np.stack([before[rows], sequences.content[rows, columns]], axis=1)
        codes = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1) + used
        used = int(codes.max(initial=used)) + 1
        before[rows] = codes
        ids[rows, columns] = codes
    return ids


def sequence_ids(sequences: Sequences) -> Ids:
    """Return ids of (whole sequence, position in it), shape ``(n, T)``."""
    valid = sequences.valid
    last = valid.shape[1] - 1 - valid[:, ::-1].argmax(axis=1)
    final = np.take_along_axis(prefix_ids(sequences), last[:, None], axis=1)
    return in_sample(np.unique(final, return_inverse=True)[1].reshape(-1), valid)


def in_sample(sample: Ids, valid: Mask) -> Ids:
    """Return ids of (sample, place among its real positions), shape ``(n, T)``.

    Args:
        sample: shape ``(n,)``, equal for equal samples.
        valid: shape ``(n, T)``.
    """
    place = np.cumsum(valid, axis=1) - 1
    return sample[:, None] * valid.shape[1] + np.maximum(place, 0)
