"""Networks that draw noise in eval mode too.

Written from the definitions of their papers. Every one takes rows of six zeros and ones and gives
four numbers, as in `honest_networks`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class OneNoiseTwice(nn.Module):
    """The same noise is added to one layer and multiplied with the next."""

    layers = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 3), nn.Linear(3, 3), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.randn(len(x), 3)
        hidden = torch.tanh(self.b(torch.relu(self.a(x)) + 0.5 * noise))
        return self.c(hidden * (1 + 0.3 * noise))  # type: ignore[no-any-return]


class NoiseOfTheBatch(nn.Module):
    """One number drawn for all rows, before the first layer, scales two of them."""

    layers = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 3), nn.Linear(3, 3), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        level = torch.rand(1)
        hidden = torch.relu(self.b(torch.relu(self.a(x)) * level))
        return self.c(hidden + level)  # type: ignore[no-any-return]


class NoisyExperts(nn.Module):
    """Two of three experts, chosen by noisy scores (Shazeer et al. 2017)."""

    layers = ("stem", "experts.0", "out")

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.out = nn.Linear(6, 3), nn.Linear(3, 4)
        self.scores, self.spread = nn.Linear(3, 3), nn.Linear(3, 3)
        self.experts = nn.ModuleList([nn.Linear(3, 3) for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.stem(x))
        scores = self.scores(hidden)
        scores = scores + torch.randn_like(scores) * functional.softplus(self.spread(hidden))
        best, which = scores.topk(2, 1)
        share = torch.zeros_like(scores).scatter(1, which, best.softmax(1))
        said = torch.stack([expert(hidden) for expert in self.experts], 1)
        return self.out(torch.relu((share[:, :, None] * said).sum(1)))  # type: ignore[no-any-return]


class StochasticDepth(nn.Module):
    """Blocks that are left out at random, in eval mode too (Huang et al. 2016)."""

    layers = ("stem", "blocks.0", "blocks.1", "out")

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.out = nn.Linear(6, 4), nn.Linear(4, 4)
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.stem(x))
        for block in self.blocks:
            stays = (torch.rand(len(x), 1) < 0.7).float()
            hidden = hidden + stays * torch.relu(block(hidden))
        return self.out(hidden)  # type: ignore[no-any-return]


class GumbelChoice(nn.Module):
    """A symbol drawn by Gumbel noise (Jang et al. 2017)."""

    layers = ("a", "scores", "words", "out")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.scores = nn.Linear(6, 3), nn.Linear(3, 4)
        self.words, self.out = nn.Linear(4, 3, bias=False), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        chosen = functional.gumbel_softmax(self.scores(torch.relu(self.a(x))), hard=True)
        return self.out(torch.relu(self.words(chosen)))  # type: ignore[no-any-return]


class Denoiser(nn.Module):
    """Draws a time and noise of its own in every forward, as the loss of a diffusion model does."""

    layers = ("a", "b", "out")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.time = nn.Linear(6, 4), nn.Embedding(8, 4)
        self.b, self.out = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        time = torch.randint(0, 8, (len(x),))
        kept = (1 - time / 8)[:, None]
        noised = kept.sqrt() * x + (1 - kept).sqrt() * torch.randn_like(x)
        return self.out(torch.relu(self.b(torch.relu(self.a(noised) + self.time(time)))))  # type: ignore[no-any-return]


class RandomLeak(nn.Module):
    """Randomised leaky units that forget the mode (Xu et al. 2015)."""

    layers = ("a", "b", "out")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(6, 3), nn.Linear(3, 3), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.rrelu(self.a(x), training=True)
        return self.out(functional.rrelu(self.b(hidden), training=True))  # type: ignore[no-any-return]


NOISE = (
    OneNoiseTwice,
    NoiseOfTheBatch,
    NoisyExperts,
    StochasticDepth,
    GumbelChoice,
    Denoiser,
    RandomLeak,
)
