"""A critic network, and the bounds that are read off its scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from infoplane.types.arrays import Ids


@dataclass(frozen=True)
class PairedRows:
    """Paired rows as a critic takes them.

    Attributes:
        a: shape ``(n, da)``.
        b: shape ``(n, db)``.
        samples: of each row the sample that it is a position of, shape ``(n,)``; None where rows
            are samples.
    """

    a: Tensor
    b: Tensor
    samples: Ids | None = None

    def batches(self, rows: Ids, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the whole batches of some rows."""
        for start in range(0, len(rows) - size + 1, size):
            batch = torch.as_tensor(rows[start : start + size], device=self.a.device)
            yield self.a[batch], self.b[batch]


class Critic(nn.Module):
    """A scalar f(a, b) for every pair of rows, shape ``(n, m)``.

    One hidden layer on each side meets in a second one.

    Args:
        units_a: columns of a.
        units_b: columns of b.
        hidden: units of every hidden layer.
    """

    def __init__(self, units_a: int, units_b: int, hidden: int) -> None:
        super().__init__()
        self.left = nn.Linear(units_a, hidden)
        self.right = nn.Linear(units_b, hidden)
        second = nn.Linear(hidden, hidden)
        self.rest = nn.Sequential(nn.ReLU(), second, nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        both = self.left(a)[:, None, :] + self.right(b)[None, :, :]  # (n, m, hidden)
        return self.rest(both)[..., 0]  # type: ignore[no-any-return]  # a tensor


def _diagonal_and_rest(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return the scores of paired rows, ``(K,)``, and of all other pairs."""
    off = ~torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    return scores.diagonal(), scores[off]


def _log_mean_exp(scores: Tensor) -> Tensor:
    return torch.logsumexp(scores, 0) - float(np.log(len(scores)))


def infonce_nats(scores: Tensor) -> Tensor:
    """Return ``log K + mean_i (f_ii - logsumexp_j f_ij)`` for a ``(K, K)`` matrix of scores.

    It is at most log K (van den Oord 2018).
    """
    against_all = torch.logsumexp(scores, 1).mean()
    return scores.diagonal().mean() - against_all + float(np.log(len(scores)))


def dv_nats(scores: Tensor) -> Tensor:
    """Return Donsker-Varadhan: ``E_joint f - log E_product e^f`` (MINE, Belghazi 2018)."""
    joint, product = _diagonal_and_rest(scores)
    return joint.mean() - _log_mean_exp(product)


def nwj_nats(scores: Tensor) -> Tensor:
    """Return Nguyen-Wainwright-Jordan: ``E_joint f - E_product e^(f-1)``."""
    joint, product = _diagonal_and_rest(scores)
    return joint.mean() - _log_mean_exp(product).sub(1).exp()


def js_objective(scores: Tensor) -> Tensor:
    """Return Jensen-Shannon objective: trains a log density ratio stably; not an information."""
    joint, product = _diagonal_and_rest(scores)
    return -nn.functional.softplus(-joint).mean() - nn.functional.softplus(product).mean()


def smile_nats(scores: Tensor, tau: float) -> Tensor:
    """Return DV with the product term clipped to [-tau, tau] (Song & Ermon 2020).

    Less variance, no longer a bound.
    """
    joint, product = _diagonal_and_rest(scores)
    return joint.mean() - _log_mean_exp(product.clamp(-tau, tau))
