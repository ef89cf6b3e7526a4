"""Where pairs of rows are summed: on this processor, or on a device of torch."""

from __future__ import annotations

import os

from infoplane.analysis.kernels.threads import device_here
from infoplane.errors import InputError


def chosen_device() -> str:
    """Return a torch device, or ``cpu``.

    What `on_device` says in this thread, else ``INFOPLANE_DEVICE``, else an NVIDIA card that
    torch can use. Torch is not loaded to see none.
    """
    asked = device_here() or os.environ.get("INFOPLANE_DEVICE", "").strip()
    if asked or not os.path.exists("/dev/nvidia0"):
        return asked or "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def require_device(device: str) -> None:
    """Refuse a device that torch cannot use here.

    Raises:
        InputError: with torch's reason.
    """
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(
            f"device {device!r}: torch cannot use it here ({error}); leave it out, or give 'cpu'"
        ) from error
