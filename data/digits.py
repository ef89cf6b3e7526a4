"""Handwritten digits with a small fully connected network.

Scikit-learn's copy of the UCI test set, 1797 images of 8x8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infoplane.data.splits import shuffled_mask
from infoplane.types.arrays import Ids, Mask

if TYPE_CHECKING:
    from torch import nn

    from infoplane.data.training import OnEpoch, Trained

SIZES = (64, 32, 20, 12, 10)


def load() -> tuple[NDArray[np.float32], Ids]:
    """Return images scaled to [0, 1], shape ``(1797, 64)``, and labels 0..9, shape ``(1797,)``.

    Example:
        >>> x, y = load()
        >>> x.shape, float(x.max()), len(set(y.tolist()))
        ((1797, 64), 1.0, 10)
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return (bunch.data / 16).astype(np.float32), bunch.target.astype(np.int64)


def train_mask(seed: int = 0, share: float = 0.8) -> Mask:
    """Return which rows are trained on, shape ``(1797,)``: a random ``share``."""
    return shuffled_mask(1797, seed=seed, share=share)


def network(activation: str = "tanh", *, seed: int = 0) -> nn.Sequential:
    """Return the 64-32-20-12-10 network with layers ``fc1, act1, ..., fc4``."""
    from infoplane.data.networks import mlp

    return mlp(SIZES, activation, seed=seed)


def train(
    model: nn.Module,
    *,
    epochs: int = 200,
    seed: int = 0,
    lr: float = 1e-3,
    batch: int = 64,
    on_epoch: OnEpoch | None = None,
) -> Trained:
    """Train by Adam on 80 % of the images.

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
