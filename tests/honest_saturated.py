"""Networks that saturate, and one that pads few rows.

Written from the definitions of their papers. Every one takes rows of six zeros and ones and gives
four numbers, as in `honest_networks`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SaturatedBy(nn.Module):
    """Large weights before a squashing function; subclasses say which."""

    layers = ("a", "b", "out")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(6, 20), nn.Linear(20, 20), nn.Linear(20, 4)
        with torch.no_grad():
            self.a.weight.mul_(200)
            self.b.weight.mul_(200)

    def squash(self, values: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.squash(self.b(self.squash(self.a(x)))))  # type: ignore[no-any-return]


class SaturatedSigmoid(SaturatedBy):
    """Sigmoids at both ends."""

    def squash(self, values: Tensor) -> Tensor:
        return torch.sigmoid(values)


class SaturatedSoftmax(SaturatedBy):
    """Softmax that has chosen."""

    def squash(self, values: Tensor) -> Tensor:
        return values.softmax(1)


class Signs(SaturatedBy):
    """Binary units with a straight-through gradient (Hubara et al. 2016)."""

    def squash(self, values: Tensor) -> Tensor:
        through = values.clamp(-1, 1)
        return torch.sign(values).detach() + through - through.detach()


class HardAttention(nn.Module):
    """Attention whose scores are so large that each token reads one other."""

    layers = ("embedding", "attention", "out")

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.places = nn.Embedding(2, 4), nn.Parameter(torch.randn(6, 4))
        self.attention = nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True)
        self.out = nn.Linear(4, 4)
        with torch.no_grad():
            self.attention.self_attn.in_proj_weight.mul_(100)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embedding(x.long()) + self.places
        return self.out(self.attention(tokens).mean(1))  # type: ignore[no-any-return]


class RarePadding(nn.Module):
    """Pooling that leaves positions out where the first five inputs are one: 3 rows of 100."""

    layers = ("a", "b", "out")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(1, 3), nn.Linear(3, 3), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        padded = x[:, :5].sum(1) == 5
        counts = torch.where(padded[:, None], torch.tensor([1.0, 1, 0, 0, 0, 0]), 1.0)
        tokens = torch.tanh(self.b(torch.relu(self.a(x[:, :, None]))))
        return self.out((tokens * counts[:, :, None]).sum(1))  # type: ignore[no-any-return]


SATURATED = (
    SaturatedSigmoid,
    SaturatedSoftmax,
    Signs,
    HardAttention,
    RarePadding,
)
