"""Shwartz-Ziv & Tishby's task, generated from its rule.

The inputs are 12 bits on the vertices of an icosahedron; the label is invariant under its
symmetries. All 4096 patterns occur once. ``f(x) = popcount(x) + |sum of the set vertices|`` and
``y = 1`` iff ``f > 7.63``: 2118 ones, 64 classes of patterns with the same popcount and length, and
H(X) = 12 bits, I(X;Y) = H(Y) = 0.9991571 bits.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infoplane.data.splits import shuffled_mask
from infoplane.types.arrays import Array, Floats, Ids, Mask

if TYPE_CHECKING:
    from torch import nn

    from infoplane.data.training import OnEpoch, Trained

THRESHOLD = 7.63
SIZES = (12, 10, 7, 5, 4, 3, 2)
"""Widths of the network: input, five hidden layers, two outputs."""


def vertices() -> Floats:
    """Return the 12 unit vectors of an icosahedron, shape ``(12, 3)``.

    Neighbours have inner product 1/sqrt(5).
    """
    golden = (1 + 5**0.5) / 2
    signs = np.array(list(itertools.product((1, -1), repeat=2)))
    corners = np.c_[np.zeros(4), signs * (1, golden)]  # in one of three planes
    rolled = [np.roll(corners, axis, axis=1) for axis in range(3)]
    return np.asarray(np.vstack(rolled) / np.hypot(1, golden))


def rule(x: Array) -> Floats:
    """Return ``popcount(x) + |sum of the set vertices|``, ``(n,)``, of patterns ``(n, 12)``."""
    bits = np.asarray(x, np.float64)
    return np.asarray(bits.sum(axis=1) + np.linalg.norm(bits @ vertices(), axis=1))


def symmetry_classes() -> Ids:
    """Return which of the 64 classes each pattern belongs to, shape ``(4096,)``.

    Equal popcount and equal length of the sum, hence equal label.
    """
    patterns, _ = load()
    lengths = np.linalg.norm(patterns @ vertices(), axis=1).round(6)
    keys = np.stack([patterns.sum(axis=1), lengths], axis=1)
    return np.asarray(np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1), np.int64)


def load() -> tuple[NDArray[np.float32], Ids]:
    """Return all patterns, shape ``(4096, 12)`` of 0 and 1, and their labels, shape ``(4096,)``.

    Example:
        >>> x, y = load()
        >>> x.shape, int(y.sum())
        ((4096, 12), 2118)
    """
    bits = (np.arange(4096)[:, None] >> np.arange(11, -1, -1)) & 1
    return bits.astype(np.float32), (rule(bits) > THRESHOLD).astype(np.int64)


def soft_labels(*, gain: float = 60.0, rng: np.random.Generator) -> Ids:
    """Return labels drawn from ``p(y=1|x) = 1/(1 + exp(-gain (f - 7.63)))``, shape ``(4096,)``.

    I(X;Y) = 0.9927 bits at gain 60.
    """
    probability = 1 / (1 + np.exp(-gain * (rule(load()[0]) - THRESHOLD)))
    return (rng.random(4096) < probability).astype(np.int64)


def train_mask(seed: int = 0, share: float = 0.8) -> Mask:
    """Return which rows are trained on, shape ``(4096,)``: a random ``share``."""
    return shuffled_mask(4096, seed=seed, share=share)


def network(activation: str = "tanh", *, seed: int = 0) -> nn.Sequential:
    """Return the 12-10-7-5-4-3-2 network with layers ``fc1, act1, ..., fc6``.

    See `infoplane.data.networks.mlp`.
    """
    from infoplane.data.networks import mlp

    return mlp(SIZES, activation, seed=seed)


def train(
    model: nn.Module,
    *,
    epochs: int = 8000,
    seed: int = 0,
    lr: float = 4e-4,
    batch: int = 256,
    on_epoch: OnEpoch | None = None,
) -> Trained:
    """Train by Adam on 80 % of the patterns.

    ``on_epoch(epoch, metrics)`` is called after every epoch. ``batch=0`` is full batch.
    """
    from infoplane.data.training import classify

    return classify(
        model,
        *load(),
        train_mask(seed),
        epochs=epochs,
        seed=seed,
        lr=lr,
        batch=batch,
        on_epoch=on_epoch,
    )
