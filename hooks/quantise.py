"""Networks whose activations are quantised inside the forward pass.

Mutual information of such layers is finite and exact, and obeys the DPI.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from infoplane.errors import InputError


class FakeQuantise(nn.Module):
    """Round a layer's output to ``2^bits`` even levels over its range in the batch.

    Lorenzen et al. 2022.

    ``code = round((t - min) (2^b - 1) / (max - min))``; the output is ``min + code (max - min) /
    (2^b - 1)``: the same code, bitwise the same value. Run the whole probe in one batch, so that
    one range serves all rows. A constant layer passes unchanged.
    """

    def __init__(self, bits: int) -> None:
        super().__init__()
        if not 1 <= bits <= 16:
            raise InputError(f"bits is between 1 and 16, got {bits}")
        self.bits = bits

    def forward(self, t: Tensor) -> Tensor:
        """Return the rounded tensor, of the same shape."""
        low, high = t.min(), t.max()
        step = (high - low) / (2**self.bits - 1)
        return torch.where(
            high > low,
            low
            + torch.round((t - low) / torch.where(step > 0, step, torch.ones_like(step))) * step,
            t,
        )

    def extra_repr(self) -> str:
        """Return what the printed network shows."""
        return f"bits={self.bits}"


def quantised(model: nn.Sequential, bits: int) -> nn.Sequential:
    """Return a view of a named ``nn.Sequential`` with quantisers ``q1, q2, ...``.

    After every activation and after the output; weights are shared.

    Attach the recorder to the view (``layers="q*"``, ``batch_size=len(probe)``) and train the
    model: captures then see the quantised network, whose exact codes are its true information and
    form a chain.

    Raises:
        InputError: not an ``nn.Sequential`` with at least two modules.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
        >>> len(torch.unique(quantised(net, 2)(torch.randn(50, 2))))
        4
    """
    if not isinstance(model, nn.Sequential) or len(model) < 2:
        raise InputError(
            f"expected an nn.Sequential of at least two modules, got {type(model).__name__}; place "
            "FakeQuantise modules in your network yourself"
        )
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    count, last = 0, len(model) - 1
    for index, (name, module) in enumerate(model.named_children()):
        parts[name] = module
        if not any(True for _ in module.parameters()) or index == last:
            count += 1
            parts[f"q{count}"] = FakeQuantise(bits)
    return nn.Sequential(parts)
