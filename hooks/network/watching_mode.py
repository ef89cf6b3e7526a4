"""A function mode of torch that can look away."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch.overrides import TorchFunctionMode


class WatchingMode(TorchFunctionMode):
    """Sees every call of a torch function while it is entered.

    Attributes:
        watching: whether what it sees counts now.
    """

    def __init__(self) -> None:
        super().__init__()
        self.watching = True

    @contextlib.contextmanager
    def not_watching(self) -> Iterator[None]:
        """Look away while something is computed by whoever looks."""
        before, self.watching = self.watching, False
        try:
            yield
        finally:
            self.watching = before
