"""Who probes and who writes when several processes train together.

| ``ranks`` | who runs the probe | who writes | for |
|---|---|---|---|
| ``auto`` | rank 0, or every rank for sharded parameters | rank 0 | the default |
| ``rank0`` | rank 0, on the bare module inside DDP | rank 0 | replicated parameters |
| ``all`` | every rank, the same batches | rank 0 | FSDP2: its forwards are collective |
| ``split`` | every rank, its own rows | every rank, see `infoplane merge` | large probes |

A probe through the DDP wrapper on one rank would wait for ever at its buffer broadcast, a forward
of a sharded network on one rank at its all-gather; the bare module is used for the one and every
rank is required for the other.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import nn

from infoplane.errors import CaptureError, InputError

Ranks = Literal["auto", "rank0", "all", "split"]
_meeting = itertools.count(1)


@dataclass(frozen=True)
class ProcessGroup:
    """This process's part in the recording."""

    rank: int = 0
    world: int = 1
    probes: bool = True
    writes: bool = True
    split: bool = False
    timeout: float = 60.0

    def rows(self, n: int) -> tuple[int, int]:
        """Return the rows ``[start, stop)`` this rank probes."""
        if not self.split:
            return 0, n
        return n * self.rank // self.world, n * (self.rank + 1) // self.world

    def barrier(self, what: str) -> None:
        """Wait for the other ranks that take part.

        Over the store, so that it works on every backend and can time out.

        Raises:
            CaptureError: a rank did not come in time.
        """
        if self.world == 1 or not (self.split or self.probes_together):
            return
        import torch.distributed as dist

        number = next(_meeting)
        store = dist.distributed_c10d._get_default_store()
        store.set(f"infoplane/{number}/{self.rank}", what)
        keys = [f"infoplane/{number}/{rank}" for rank in range(self.world)]
        try:
            store.wait(keys, datetime.timedelta(seconds=self.timeout))
        except Exception as error:  # the store's own error type differs between backends
            missing = [rank for rank, key in enumerate(keys) if not store.check([key])]
            raise CaptureError(
                f"rank {self.rank} waited {self.timeout:g} s at {what!r} for ranks {missing}: this "
                "recording is collective, so every rank must create the Recorder and call step() "
                "at the same steps (sharded parameters are gathered in every forward)"
            ) from error

    @property
    def probes_together(self) -> bool:
        """Whether every rank runs the same forwards."""
        return self.world > 1 and self.probes and not self.split and self._collective

    _collective: bool = False


def decided_by_rank_0(decide: Callable[[], int], *, timeout: float = 60.0) -> int:
    """Return the number that rank 0 decides on, on every rank; alone, the own decision.

    Args:
        decide: called on rank 0 only.
        timeout: seconds to wait for rank 0.

    Raises:
        CaptureError: rank 0 did not decide in time.
    """
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return decide()
    store = dist.distributed_c10d._get_default_store()
    key = f"infoplane/decision/{next(_meeting)}"
    if dist.get_rank() == 0:
        number = decide()
        store.set(key, str(number))
        return number
    try:
        store.wait([key], datetime.timedelta(seconds=timeout))
    except Exception as error:  # the store's own error type differs between backends
        raise CaptureError(
            f"rank {dist.get_rank()} waited {timeout:g} s for rank 0 to choose the folder of the "
            "run: every rank needs the callback"
        ) from error
    return int(store.get(key))


def sharded(model: nn.Module) -> bool:
    """Whether parameters are spread over ranks.

    DTensor of FSDP2 or tensor parallelism, or an FSDP1 wrapper.
    """
    return any(hasattr(parameter, "full_tensor") for parameter in model.parameters()) or any(
        type(module).__name__ == "FullyShardedDataParallel" for module in model.modules()
    )


def make_process_group(ranks: Ranks, model: nn.Module, *, timeout: float = 60.0) -> ProcessGroup:
    """Return this process's `ProcessGroup`.

    Args:
        ranks: as the recorder takes it.
        model: the bare network; its parameters may be spread over ranks.
        timeout: seconds to wait for another rank.

    Raises:
        InputError: unknown choice.
        CaptureError: one rank alone was asked to probe a network whose forward is collective.
    """
    if ranks not in ("auto", "rank0", "all", "split"):
        raise InputError(f"ranks must be 'auto', 'rank0', 'all' or 'split', got {ranks!r}")
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return ProcessGroup()
    rank, world, together = dist.get_rank(), dist.get_world_size(), sharded(model)
    if together and ranks in ("rank0", "split"):
        raise CaptureError(
            f"ranks={ranks!r} cannot record a network with sharded parameters: its forward gathers "
            "them from every rank and would hang; use ranks='all' on every rank"
        )
    if ranks == "split":
        return ProcessGroup(rank, world, True, True, True, timeout)
    if ranks == "all" or together:
        return ProcessGroup(rank, world, True, rank == 0, False, timeout, True)
    return ProcessGroup(rank, world, rank == 0, rank == 0, False, timeout)
