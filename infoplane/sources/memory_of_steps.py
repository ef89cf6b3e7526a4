"""Whether arrays of several steps are one buffer, which holds the values of the last step only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infoplane.user_warning import warn_user


class MemoryOfSteps:
    """Remembers where the arrays of each step lie, and warns where two steps are one memory."""

    def __init__(self) -> None:
        self._steps: dict[tuple[object, ...], int] = {}

    def add(self, step: int, layers: Mapping[str, Any]) -> None:  # Any: arrays of any library
        """Look at the arrays of one step.

        Args:
            step: their step.
            layers: arrays by name; what is read from files has no address and is not compared.
        """
        addresses = tuple(_address(array) for array in layers.values())
        if None in addresses or not addresses:
            return
        earlier = self._steps.setdefault(addresses, step)
        if earlier != step:
            warn_user(
                f"steps {earlier} and {step} are the same memory in every layer, so they hold the "
                "same values: copy a buffer that is filled anew at every step (array.copy(), "
                "tensor.clone())",
                RuntimeWarning,
            )


def _address(array: Any) -> object:  # Any: an array of any library
    """Where an array lies, and how it is laid out there; None where that is unknown."""
    interface = getattr(array, "__array_interface__", None)
    if isinstance(interface, Mapping):
        return interface["data"][0], interface["shape"], interface.get("strides")
    if hasattr(array, "data_ptr"):
        try:
            return array.data_ptr(), tuple(array.shape), tuple(array.stride())
        except RuntimeError:  # a tensor without memory of its own
            return None
    return None
