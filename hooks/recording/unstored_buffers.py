"""Buffers that a state dict leaves out, and which a run of weights therefore does not hold."""

from __future__ import annotations

from torch import nn

from infoplane.hooks.checkpoints.state_dicts import equal_values
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
        changed = []
        for name, first in self._first.items():
            buffer = now.get(name)
            if buffer is None or buffer.dtype != first.dtype or not equal_values(first, buffer):
                changed.append(name)
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
