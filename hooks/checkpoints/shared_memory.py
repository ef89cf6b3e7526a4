"""State dicts that are the memory of a network, where copies were meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from infoplane.errors import InputError
from infoplane.hooks.checkpoints.listing import Checkpoint

_REMEDY = (
    "model.state_dict() holds the network's own memory, which later training or loading changes: "
    "store copy.deepcopy(model.state_dict())"
)


def check_separate(checkpoints: Sequence[Checkpoint], model: nn.Module) -> None:
    """Refuse state dicts that are one memory, or that of the network they are loaded into.

    Args:
        checkpoints: in the order in which they are loaded.
        model: the network.

    Raises:
        InputError: two steps have all their tensors in common, or a step has tensors of the
            network that loading an earlier step overwrites.
    """
    own = _addresses(model.state_dict())
    overwritten: frozenset[int] = frozenset()
    step_at: dict[frozenset[int], int] = {}
    for checkpoint in checkpoints:
        if isinstance(checkpoint.source, Path):
            overwritten = own
            continue
        addresses = _addresses(checkpoint.source)
        if addresses & overwritten:
            raise InputError(
                f"the state dict of step {checkpoint.step} shares memory with the network, which "
                f"the checkpoints before it are loaded into; {_REMEDY}"
            )
        if addresses and addresses in step_at:
            raise InputError(
                f"the state dicts of steps {step_at[addresses]} and {checkpoint.step} are the same "
                f"memory, so they hold the same weights; {_REMEDY}"
            )
        step_at[addresses] = checkpoint.step
        overwritten |= own - addresses  # a frozen layer loaded onto itself stays as it is


def _addresses(state: Mapping[str, object]) -> frozenset[int]:
    """Where the tensors of a state dict lie in memory; those without data lie nowhere."""
    tensors = [value for value in state.values() if isinstance(value, Tensor)]
    return frozenset(tensor.data_ptr() for tensor in tensors) - {0}
