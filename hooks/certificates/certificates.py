"""The certificate of a run, kept as new as its checkpoints.

A gate that is shut before training may open later.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from infoplane.archive.certificate import write_chain
from infoplane.errors import ArchiveError
from infoplane.types import Chain

MakeChain = Callable[[int], Chain]


class Certificates:
    """Certifies a network again at captures 2, 4, 8, ... and at the last one.

    The worst of what was found is kept.

    Args:
        make: certifies the network as it is now, as that of a checkpoint.
        first: the certificate made when the recorder attached.
        run: folder and identity of the run; None where another process writes.
    """

    def __init__(self, make: MakeChain, first: Chain, run: tuple[Path, str] | None) -> None:
        self.chain, self._make, self._run = first, make, run
        self._count = 0
        self._last: int | None = None

    def begin_again(self) -> None:
        """The checkpoint that was certified is none of this training.

        The next one is certified whatever its number.
        """
        self.chain = replace(self.chain, through=-1)
        self._count = 0

    def captured(self, step: int) -> None:
        """A checkpoint was captured, and the network still has its weights."""
        self._count, self._last = self._count + 1, step
        power_of_two = self._count & (self._count - 1) == 0
        if power_of_two and not self.chain.covers(step):
            self._renew(step)

    def finish(self) -> None:
        """Certify the weights behind the last checkpoint, where that was not done."""
        if self._last is not None and not self.chain.covers(self._last):
            self._renew(self._last)

    def _renew(self, step: int) -> None:
        newer = self._make(step)
        if newer.covers(step):  # a test that failed says nothing
            self._keep(self.chain.joined(newer))

    def _keep(self, chain: Chain) -> None:
        if chain == self.chain:
            return
        self.chain = chain
        if self._run is not None:
            with contextlib.suppress(ArchiveError):  # the certificate in the archive is older then
                write_chain(*self._run, chain, durable=False)
