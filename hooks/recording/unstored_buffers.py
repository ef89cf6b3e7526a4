"""Buffers that a state dict leaves out, and which a run of weights therefore does not hold."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from infoplane.user_warning import warn_user


class UnstoredBuffers:
    """The buffers of a network that are not persistent, as they were when recording began.

    Args:
        model: the network.
    """

    def __init__(self, model: nn.Module) -> None:
        stored = model.state_dict().keys()
        self._first = {
            name: buffer.detach().clone()
            for name, buffer in model.named_buffers()
            if name not in stored and not buffer.is_meta
        }

    def warn_of_changed(self, model: nn.Module) -> None:
        """Warn of those that hold something else by now, once for each."""
        now = dict(model.named_buffers())
        changed = [name for name, first in self._first.items() if not _same(first, now.get(name))]
        if not changed:
            return
        for name in changed:
            del self._first[name]
        warn_user(
            f"store='weights': the buffers {changed[:6]} have changed and are not part of the "
            "state dict (persistent=False): a replay uses those of the network that it is given. "
            "Register them as persistent, or store activations",
            RuntimeWarning,
        )


def _same(first: Tensor, now: Tensor | None) -> bool:
    """Whether two buffers hold the same; NaN is equal to NaN."""
    if now is None or now.shape != first.shape or now.dtype != first.dtype:
        return False
    first, now = first.to(now.device), now.detach()
    if torch.equal(first, now):
        return True
    close = first.is_floating_point() and torch.isclose(first, now, rtol=0, atol=0, equal_nan=True)
    return bool(torch.as_tensor(close).all())
