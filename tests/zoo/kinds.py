"""What a network of the zoo is, and the inputs that several of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

ROWS = 12
TOKENS = torch.randint(3, 50, (ROWS, 6), generator=torch.Generator().manual_seed(2))


@dataclass(frozen=True)
class Network:
    """One network of the zoo.

    Attributes:
        package: where it comes from.
        build: makes it.
        inputs: rows first, `ROWS` of them.
    """

    package: str
    build: Callable[[], nn.Module]
    inputs: object


def amounts(*shape: int) -> Tensor:
    """Fixed random numbers, a row each."""
    return torch.randn(ROWS, *shape, generator=torch.Generator().manual_seed(5))
