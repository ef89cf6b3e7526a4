"""Whether arrays of several steps are one buffer, which holds the values of the last step only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infoplane.sources.rows import Rows
from infoplane.user_warning import warn_user


def warn_of_one_memory(steps: Mapping[int, Mapping[str, Rows]]) -> None:
    """Warn where all layers of two steps are one memory.

    Args:
        steps: layers by name; what is read from files has no address and is not compared.
    """
    first_of: dict[tuple[object, ...], int] = {}
    for step, layers in steps.items():
        addresses = tuple(_address(rows.array) for rows in layers.values())
        if None in addresses:
            continue
        earlier = first_of.setdefault(addresses, step)
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
