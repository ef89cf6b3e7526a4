"""What the framework adapters share: a recorder that opens when training begins, steps, and closes however training ends."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

from torch import nn

from infoplane.errors import InputError, MissingExtra
from infoplane.hooks.recorder import Recorder


class Attachment:
    """Opens a `Recorder` on the framework's model at the start of training; a second training of the same object goes on with the run.

    Args:
        options: of the `Recorder`, all but ``model``.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        if missing := [name for name in ("probe", "to") if name not in options]:
            raise InputError(f"expected {' and '.join(missing)}=, as for infoplane.Recorder")
        self.options = dict(options)
        self.recorder: Recorder | None = None

    def begin(self, model: nn.Module, *, resumed: bool = False) -> None:
        """Attach and capture step 0."""
        if self.recorder is None:
            options = self.options | (
                {"resume": True} if resumed and not self.options.get("overwrite") else {}
            )
            self.recorder = Recorder(model, **options)
        self.recorder.open()

    def step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Capture when due, with those of the framework's metrics that are numbers."""
        if self.recorder is not None:
            self.recorder.step(step, **numeric(metrics))

    def end(self) -> None:
        """Wait for what is being written and let go of the run."""
        if self.recorder is not None:
            self.recorder.close()


def numeric(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that are single numbers: numbers, or tensors and arrays of one element."""
    return {
        str(name): value
        for name, value in metrics.items()
        if (isinstance(value, numbers.Real) and not isinstance(value, bool))
        or (
            hasattr(value, "item")
            and getattr(value, "numel", lambda: getattr(value, "size", 0))() == 1
        )
    }


def missing(package: str, extra: str, error: ImportError) -> MissingExtra:
    """The error that names the extra to install."""
    wanted = MissingExtra(package, extra)
    wanted.__cause__ = error
    return wanted
