"""Networks whose side paths are shut when training begins.

Written from the definitions of their papers. Every one takes rows of six zeros and ones and gives
four numbers, as in `honest_networks`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def zeroed(layer: nn.Linear) -> nn.Linear:
    """The layer with nothing in it."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class LayerScale(nn.Module):
    """Residual branches scaled by almost nothing (Touvron et al. 2021)."""

    layers = ("stem", "first", "second", "head")

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(6, 4), nn.Linear(4, 4)
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.scales = nn.Parameter(torch.full((2, 4), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.stem(x))
        hidden = hidden + self.scales[0] * functional.gelu(self.first(hidden))
        hidden = hidden + self.scales[1] * functional.gelu(self.second(hidden))
        return self.head(hidden)  # type: ignore[no-any-return]


class DiffusionBlock(nn.Module):
    """A block of a diffusion transformer: shifts, scales and gates start at zero (Peebles)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.modulation = zeroed(nn.Linear(width, 6 * width))

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        changes = self.modulation(functional.silu(condition))[:, None].chunk(6, 2)
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = changes
        read = self.norm(tokens) * (1 + scale) + shift
        tokens = tokens + gate * self.attention(read, read, read, need_weights=False)[0]
        read = self.norm(tokens) * (1 + mlp_scale) + mlp_shift
        return tokens + mlp_gate * self.mlp(read)  # type: ignore[no-any-return]


class DiffusionTransformer(nn.Module):
    """Two such blocks; the condition is the last two inputs."""

    layers = ("patch", "blocks.0", "blocks.1", "head")

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.time = nn.Linear(2, 4), nn.Linear(2, 4)
        self.blocks = nn.ModuleList([DiffusionBlock(4), DiffusionBlock(4)])
        self.head = zeroed(nn.Linear(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        tokens, condition = self.patch(x[:, :4].reshape(-1, 2, 2)), self.time(x[:, 4:])
        for block in self.blocks:
            tokens = block(tokens, condition)
        return self.head(tokens).mean(1)  # type: ignore[no-any-return]


class Modulated(nn.Module):
    """Feature-wise scales from a condition, one everywhere at first (Perez et al. 2018)."""

    layers = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 4)
        self.film = zeroed(nn.Linear(3, 3))
        nn.init.ones_(self.film.bias)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.b(torch.relu(self.a(x[:, :3])))
        return self.c(torch.tanh(hidden * self.film(x[:, 3:])))  # type: ignore[no-any-return]


class RealNVP(nn.Module):
    """Affine couplings that start as the identity (Dinh et al. 2017), then a head."""

    layers = ("flows.0.0", "flows.1.0", "flows.2.0", "head")

    def __init__(self) -> None:
        super().__init__()
        nets = [
            nn.Sequential(nn.Linear(3, 5), nn.Tanh(), zeroed(nn.Linear(5, 6))) for _ in range(3)
        ]
        self.flows, self.head = nn.ModuleList(nets), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        kept, moved = x.chunk(2, 1)
        for flow in self.flows:
            scale, shift = flow(kept).chunk(2, 1)
            kept, moved = moved * torch.tanh(scale).exp() + shift, kept
        return self.head(kept)  # type: ignore[no-any-return]


class SkipInit(nn.Module):
    """Residual branches times a scalar that starts at zero (De & Smith 2020)."""

    layers = ("stem", "branch.0", "branch.2", "head")

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(6, 3), nn.Linear(3, 4)
        self.branch = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.stem(x))
        return self.head(hidden + self.alpha * self.branch(hidden))  # type: ignore[no-any-return]


class Fixup(nn.Module):
    """Scalar biases, and a zero at the end of every branch (Zhang et al. 2019)."""

    layers = ("stem", "first", "second", "head")

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(6, 3), zeroed(nn.Linear(3, 4))
        self.first, self.second = nn.Linear(3, 3), zeroed(nn.Linear(3, 3))
        self.biases, self.scale = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.stem(x))
        branch = torch.relu(self.first(hidden + self.biases[0])) + self.biases[1]
        hidden = hidden + self.scale * self.second(branch) + self.biases[2]
        return self.head(torch.relu(hidden))  # type: ignore[no-any-return]


class SideAdapter(nn.Module):
    """A low-rank side path from the input into a deep layer; its second factor starts at zero."""

    layers = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 3), nn.Linear(3, 3), nn.Linear(3, 4)
        self.down, self.up = nn.Linear(6, 2), zeroed(nn.Linear(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.b(torch.relu(self.a(x))) + self.up(self.down(x))
        return self.c(torch.relu(hidden))  # type: ignore[no-any-return]


class Highway(nn.Module):
    """A transform gate that its bias shuts until it is pushed open (Srivastava et al. 2015)."""

    layers = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 3), nn.Linear(3, 3), nn.Linear(3, 4)
        self.side, self.gate = nn.Linear(6, 3), zeroed(nn.Linear(6, 3))
        nn.init.constant_(self.gate.bias, -20.0)

    def forward(self, x: Tensor) -> Tensor:
        hidden, gate = torch.relu(self.b(torch.relu(self.a(x)))), torch.sigmoid(self.gate(x))
        return self.c(hidden * (1 - gate) + gate * self.side(x))  # type: ignore[no-any-return]


class FadedIn(nn.Module):
    """A new path fades in while the old one fades out (Karras et al. 2018)."""

    layers = ("a", "b", "out")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 4)
        self.new, self.batches = nn.Linear(6, 3), 0

    def forward(self, x: Tensor) -> Tensor:
        self.batches += self.training
        share = min(1.0, max(0.0, (self.batches - 5) / 30))
        old = torch.tanh(self.b(torch.relu(self.a(x[:, :2]))))
        return self.out((1 - share) * old + share * torch.tanh(self.new(x)))  # type: ignore[no-any-return]


GATES = (
    LayerScale,
    DiffusionTransformer,
    Modulated,
    RealNVP,
    SkipInit,
    Fixup,
    SideAdapter,
    Highway,
    FadedIn,
)
