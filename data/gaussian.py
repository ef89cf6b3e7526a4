"""A linear Gaussian task whose information is known in closed form.

X ~ N(0, I/d), layers W x + noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infoplane.data.splits import shuffled_mask
from infoplane.types.arrays import Ids

if TYPE_CHECKING:
    from torch import nn

    from infoplane.data.training import OnEpoch, Trained

DIM = 3


def load(n: int = 2000, *, dim: int = DIM, seed: int = 0) -> tuple[NDArray[np.float32], Ids]:
    """Return ``x ~ N(0, I/dim)``, ``(n, dim)``, and labels ``y = [sum x > 0]``, ``(n,)``.

    H(Y) = 1 bit in the limit.
    """
    rows = np.random.default_rng(seed).normal(size=(n, dim)) / np.sqrt(dim)
    return rows.astype(np.float32), (rows.sum(axis=1) > 0).astype(np.int64)


def information_bits(
    weight: NDArray[np.floating], noise: float = 1.0, *, variance: float | None = None
) -> float:
    """Return I(x; W x + noise) = 1/2 log2 det(I + variance W W^T / noise^2) in bits.

    ``x ~ N(0, variance I)``, noise ``N(0, noise^2 I)``; variance 1/dim if left out.

    Example:
        >>> round(information_bits(np.eye(3)), 6)
        0.622556
    """
    weight = np.atleast_2d(np.asarray(weight, np.float64))
    variance = 1 / weight.shape[1] if variance is None else variance
    covariance = np.eye(len(weight)) + variance * weight @ weight.T / noise**2
    return float(np.linalg.slogdet(covariance)[1] / (2 * np.log(2)))


def network(activation: str = "linear", *, seed: int = 0) -> nn.Sequential:
    """Return a 3-3-3-2 network; layers ``fc1, act1, fc2, act2, fc3``."""
    from infoplane.data.networks import mlp

    return mlp((DIM, 3, 3, 2), activation, seed=seed)


def train(
    model: nn.Module,
    *,
    epochs: int = 100,
    seed: int = 0,
    lr: float = 1e-3,
    batch: int = 128,
    on_epoch: OnEpoch | None = None,
) -> Trained:
    """Train by Adam on 80 % of the default rows.

    ``on_epoch(epoch, metrics)`` is called after every epoch.
    """
    from infoplane.data.training import classify

    rows, labels = load()
    return classify(
        model,
        rows,
        labels,
        shuffled_mask(len(rows), seed=seed, share=0.8),
        epochs=epochs,
        seed=seed,
        lr=lr,
        batch=batch,
        on_epoch=on_epoch,
    )
