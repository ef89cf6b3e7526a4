"""Networks that are what they are: gates that open, masks, noise, saturation.

Nothing in them is a fault of a pipeline.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import torch
from torch import Tensor, nn

import infoplane as ip
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.types import DPIReport

ROWS = 400


class ReZero(nn.Module):
    """A residual branch behind a gate of zero."""

    layers = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 3), nn.Linear(3, 3), nn.Linear(3, 4)
        self.side, self.gate = nn.Linear(6, 3), nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.b(torch.relu(self.a(x))))
        return self.c(hidden + torch.tanh(self.gate) * self.side(x))  # type: ignore[no-any-return]


class AdaLNZero(nn.Module):
    """Scale and shift from a condition, by a layer whose weights start at zero."""

    layers = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 4)
        self.condition = nn.Linear(3, 6)
        nn.init.zeros_(self.condition.weight)
        nn.init.zeros_(self.condition.bias)

    def forward(self, x: Tensor) -> Tensor:
        scale, shift = self.condition(x[:, 3:]).chunk(2, 1)
        hidden = torch.relu(self.b(torch.relu(self.a(x[:, :3]))))
        return self.c(hidden * (1 + scale) + shift)  # type: ignore[no-any-return]


class ControlNet(nn.Module):
    """A side network that enters through a convolution of zeros."""

    layers = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv1d(1, 2, 3), nn.Conv1d(2, 1, 3), nn.Linear(2, 4)
        self.copy, self.zero = nn.Conv1d(1, 2, 5), nn.Conv1d(2, 1, 1)
        nn.init.zeros_(self.zero.weight)
        nn.init.zeros_(self.zero.bias)

    def forward(self, x: Tensor) -> Tensor:
        rows = x[:, None]
        hidden = torch.tanh(self.b(torch.relu(self.a(rows))))
        return self.c((hidden + self.zero(torch.relu(self.copy(rows)))).flatten(1))  # type: ignore[no-any-return]


class Coupling(nn.Module):
    """Half of the variables shift the other half, by a network whose last layer starts at zero."""

    layers = ("first", "net.0", "out")

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3))
        nn.init.zeros_(self.net[2].weight)
        nn.init.zeros_(self.net[2].bias)
        self.out = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        kept = torch.relu(self.first(x[:, :3]))
        return self.out(kept + self.net(x[:, 3:]))  # type: ignore[no-any-return]


class RareBypass(nn.Module):
    """A bypass that is open where the first five inputs are one: three of a hundred rows."""

    layers = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 4)
        self.side = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        open_ = (x[:, :5].sum(1, keepdim=True) == 5).float()
        hidden = torch.tanh(self.b(torch.tanh(self.a(x[:, :2]))))
        return self.c(hidden + open_ * self.side(x))  # type: ignore[no-any-return]


class Uneven(nn.Linear):
    """A matrix product that adds up every other row in another order, as kernels do at the edge of
    a block.
    """

    def forward(self, x: Tensor) -> Tensor:
        turned = nn.functional.linear(x.flip(1), self.weight.flip(1), self.bias)
        odd = (torch.arange(len(x)) % 2 == 1)[:, None]
        return torch.where(odd, turned, super().forward(x))


class Saturated(nn.Module):
    """Tanh layers of large weights: rows coincide in the corners, and rounding is amplified behind
    them.
    """

    layers = ("act1", "act2", "act3")

    def __init__(self, width: int = 40, scale: float = 300.0) -> None:
        super().__init__()
        self.fc1, self.act1 = nn.Linear(6, width), nn.Tanh()
        self.fc2, self.act2 = Uneven(width, width), nn.Tanh()
        self.fc3, self.act3 = Uneven(width, width), nn.Tanh()
        self.out = nn.Linear(width, 4)
        with torch.no_grad():
            self.fc1.weight.mul_(100)
            self.fc2.weight.mul_(scale)
            self.fc3.weight.mul_(scale)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.act3(self.fc3(self.act2(self.fc2(self.act1(self.fc1(x))))))
        return self.out(hidden)  # type: ignore[no-any-return]


class DeadHead(nn.Module):
    """The last layers are constant until training wakes them."""

    layers = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 3), nn.Linear(3, 3), nn.Linear(3, 4)
        nn.init.zeros_(self.c.weight)
        nn.init.zeros_(self.b.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.tanh(self.b(torch.relu(self.a(x)))))  # type: ignore[no-any-return]


class Sampling(nn.Module):
    """A variational autoencoder that samples in eval mode too."""

    layers = ("a", "mu", "d", "out")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.mu, self.lv = nn.Linear(6, 3), nn.Linear(3, 2), nn.Linear(3, 2)
        self.d, self.out = nn.Linear(2, 5), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.a(x))
        mean = self.mu(hidden)
        noise = torch.randn_like(mean) * (self.lv(hidden) / 2).exp()
        return self.out(torch.relu(self.d(mean + noise)))  # type: ignore[no-any-return]


class Masked(nn.Module):
    """A masked autoencoder: it draws its mask in eval mode too, and both layers see it."""

    layers = ("a", "b", "out")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(6, 5), nn.Linear(5, 6), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        mask = torch.bernoulli(torch.full_like(x, 0.5))
        hidden = self.b(torch.relu(self.a(x * mask)))
        return self.out(torch.tanh(hidden) * mask)  # type: ignore[no-any-return]


class FunctionalDropout(nn.Module):
    """Dropout by a function that forgets the mode."""

    layers = ("a", "b", "out")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(6, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        hidden = nn.functional.dropout(torch.relu(self.a(x)), 0.5)
        return self.out(torch.relu(self.b(hidden)))  # type: ignore[no-any-return]


OPENING = (ReZero, AdaLNZero, ControlNet, Coupling)
HONEST = (*OPENING, RareBypass, Saturated, DeadHead, Sampling, Masked, FunctionalDropout)
SPECS = ("exact", "bin:quantile,n=8", "bin:range,n=30")


def inputs(seed: int) -> tuple[Tensor, Tensor]:
    """Rows of zeros and ones, of which many coincide, and their parity."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 2, (ROWS, 6), generator=generator).float()
    return x, (x.sum(1) % 2).long()


def trained(
    build: Callable[[], nn.Module], seed: int, *, steps: int = 60, **options: object
) -> str:
    """The run of a network that is trained for some steps and captured five times; its path."""
    torch.manual_seed(seed)
    x, y = inputs(seed)
    net, path = build(), tempfile.mkdtemp() + "/run"
    optimiser = torch.optim.Adam(net.parameters(), 3e-2)
    given = {"layers": list(net.layers), "schedule": ip.at(0, 1, 2, 10, 20, 40, steps), **options}  # type: ignore[call-overload]
    with ip.Recorder(net, probe=(x, y), to=path, **{"verbose": False, **given}) as rec:  # type: ignore[arg-type]
        for step in range(1, steps + 1):
            loss = nn.functional.cross_entropy(net(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rec.step(step)
    return path


def judged(path: str) -> DPIReport:
    """The check of a run under exact codes and bins."""
    return ip.check_dpi(ip.measure(ip.open_archive(path), SPECS), DPISettings(permutations=99))
