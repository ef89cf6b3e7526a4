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

import base64
import datetime
import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn

from infoplane.errors import CaptureError
from infoplane.hooks.network.saved_values import can_be_copied

Ranks = Literal["auto", "rank0", "all", "split"]
TIMEOUT = 60.0
"""Seconds to wait for another rank."""
_meeting = itertools.count(1)


@dataclass(frozen=True)
class ProcessGroup:
    """This process's part in the recording.

    Attributes:
        rank, world: its number, and how many processes there are.
        probes, writes: whether it runs the probe, and writes.
        split: whether every rank has rows of its own.
        timeout: seconds to wait for another rank.
        probes_together: whether every rank runs the same forwards.
    """

    rank: int = 0
    world: int = 1
    probes: bool = True
    writes: bool = True
    split: bool = False
    timeout: float = TIMEOUT
    probes_together: bool = False

    def rows(self, n: int) -> tuple[int, int]:
        """Return the rows ``[start, stop)`` this rank probes."""
        if not self.split:
            return 0, n
        return n * self.rank // self.world, n * (self.rank + 1) // self.world

    def buffers_of_rank_0(self, model: nn.Module, what: str) -> list[Tensor]:
        """Wait for the others, and return rank 0's buffers where rows are split; else none.

        Batch statistics are each rank's own between two forwards of DDP, which then takes those of
        rank 0. Rows of several ranks are to come from one network.

        Args:
            model: the bare network.
            what: for messages.
        """
        if not self.split:
            self.barrier(what)
            return []
        brought = ""
        if self.rank == 0:
            packed = io.BytesIO()
            torch.save([buffer.cpu() for buffer in copied_buffers(model)], packed)
            brought = base64.b64encode(packed.getvalue()).decode()
        shared = io.BytesIO(base64.b64decode(self.barrier(what, brought)))
        found: list[Tensor] = torch.load(shared, weights_only=True)
        return found

    def barrier(self, what: str, brought: str = "") -> str:
        """Wait for the other ranks that take part, and return what rank 0 brought.

        Over the store, so that it works on every backend and can time out.

        Raises:
            CaptureError: a rank did not come in time.
        """
        if not (self.split or self.probes_together):
            return brought
        number = next(_meeting)
        store = dist.distributed_c10d._get_default_store()
        store.set(f"infoplane/{number}/{self.rank}", brought or what)
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
        if self.rank == 0 and number > 1:  # every rank has read it
            store.delete_key(f"infoplane/{number - 1}/0")
        return store.get(keys[0]).decode()


def _are_several() -> bool:
    """Whether several processes train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def copied_buffers(model: nn.Module) -> list[Tensor]:
    """Return the buffers that are their numbers and nothing else, in order."""
    return [buffer.detach() for buffer in model.buffers() if can_be_copied(buffer)]


def decided_by_rank_0(decide: Callable[[], int]) -> int:
    """Return the number that rank 0 decides on, on every rank; alone, the own decision.

    Args:
        decide: called on rank 0 only.

    Raises:
        CaptureError: rank 0 did not decide in time.
    """
    if not _are_several():
        return decide()
    store = dist.distributed_c10d._get_default_store()
    key = f"infoplane/decision/{next(_meeting)}"
    if dist.get_rank() == 0:
        number = decide()
        store.set(key, str(number))
        return number
    try:
        store.wait([key], datetime.timedelta(seconds=TIMEOUT))
    except Exception as error:  # the store's own error type differs between backends
        raise CaptureError(
            f"rank {dist.get_rank()} waited {TIMEOUT:g} s for rank 0 to choose the folder of the "
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


def make_process_group(ranks: Ranks, model: nn.Module, *, timeout: float) -> ProcessGroup:
    """Return this process's `ProcessGroup`.

    Args:
        ranks: as the recorder takes it.
        model: the bare network; its parameters may be spread over ranks.
        timeout: seconds to wait for another rank.

    Raises:
        CaptureError: one rank alone was asked to probe a network whose forward is collective.
    """
    if not _are_several():
        return ProcessGroup()
    rank, world, together = dist.get_rank(), dist.get_world_size(), sharded(model)
    if together and ranks in ("rank0", "split"):
        raise CaptureError(
            f"ranks={ranks!r} cannot record a network with sharded parameters: its forward gathers "
            "them from every rank and would hang; use ranks='all' on every rank"
        )
    if ranks == "split":
        return ProcessGroup(rank, world, split=True, timeout=timeout)
    first = rank == 0
    if ranks == "all" or together:
        return ProcessGroup(rank, world, writes=first, timeout=timeout, probes_together=True)
    return ProcessGroup(rank, world, probes=first, writes=first, timeout=timeout)
