"""State dicts on the schedule: a run that stores weights instead of activations."""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from infoplane.archive.guarded_file import open_regular, refuse_link
from infoplane.errors import InputError, NotAnArchive
from infoplane.hooks.checkpoints.state_dicts import equal_values, is_extra_state
from infoplane.hooks.network.saved_values import can_be_copied
from infoplane.hooks.recording.ranks import ProcessGroup
from infoplane.new_file import new_file
from infoplane.user_warning import warn_user

FOLDER = "weights"


def save_weights(
    run: Path,
    step: int,
    model: nn.Module,
    metrics: Mapping[str, float] | None = None,
    *,
    durable: bool = True,
) -> Path:
    """Publish ``RUN/weights/<step>.pt``: the state dict, the step and its metrics.

    Written aside, synced and renamed.

    Args:
        run: the run's folder.
        step: the checkpoint.
        model: the network with its weights.
        metrics: of this step.
        durable: whether the file survives a power cut.
    """
    folder = run / FOLDER
    refuse_link(folder)
    folder.mkdir(parents=True, exist_ok=True)
    target = weights_file(run, step)
    state = {}
    for name, value in model.state_dict().items():
        if isinstance(value, Tensor):
            state[name] = value.detach().to("cpu", copy=True)
        elif is_extra_state(name):
            state[name] = value
    content = {"step": step, "metrics": dict(metrics or {}), "state_dict": state}
    with new_file(target) as part, open(part, "wb") as file:
        torch.save(content, file)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    return target


def set_weights_aside(run: Path, step: int) -> None:
    """Rename the weights of a step that is none of this training, so that no replay takes them.

    Nothing is deleted.
    """
    target = weights_file(run, step)
    if target.exists():
        os.replace(target, target.with_name(f"superseded-{target.stem}-{uuid.uuid4().hex[:8]}.pt"))


def weight_steps(run: Path) -> tuple[int, ...]:
    """Return steps whose weights are stored, ascending."""
    return tuple(
        sorted(int(path.stem) for path in (run / FOLDER).glob("*.pt") if path.stem.isdecimal())
    )


def weights_file(run: Path, step: int) -> Path:
    """Where the weights of a step lie."""
    return run / FOLDER / f"{step:012d}.pt"


def stored_weights(run: Path, step: int) -> Path:
    """Return the file of weights of one step, once it is sure that it may be read.

    `infoplane.hooks.checkpoints.formats` reads it, as any checkpoint.

    Raises:
        NotAnArchive: no weights of this step, or no regular file: a link is not followed, a pipe
            not waited for.
        DamagedArchive: the folder is a link.
    """
    path = weights_file(run, step)
    if not os.path.lexists(path):
        raise NotAnArchive(
            f"{path}: no weights of step {step}; stored are {list(weight_steps(run))[:12]}"
        )
    refuse_link(path.parent)
    os.close(open_regular(path))
    return path


def forget_weights(run: Path) -> None:
    """Remove the stored weights of a run that is overwritten.

    A folder that is a link is not followed.
    """
    refuse_link(run / FOLDER)
    for step in weight_steps(run):
        weights_file(run, step).unlink(missing_ok=True)


def require_whole_weights(model: nn.Module, team: ProcessGroup) -> None:
    """Refuse to store weights that this process does not hold.

    Raises:
        InputError: they are sharded over ranks, or on the meta device, or beside them a module
            stores objects that are not read back without running code.
    """
    if team.probes_together:
        raise InputError(
            "store='weights' needs whole parameters on one process; this network's are sharded "
            "over ranks: store activations"
        )
    if any(parameter.is_meta for parameter in model.parameters()):
        raise InputError(
            "store='weights' needs the weights, and this network's are on the meta device "
            "(offloaded, or never loaded): store activations"
        )
    for name, value in model.state_dict().items():
        if is_extra_state(name) and not _is_read_back(value):
            raise InputError(
                f"store='weights' cannot keep {name!r}: reading a {type(value).__name__} back "
                "could run code. Let get_extra_state return tensors, numbers and texts, or store "
                "activations"
            )


def _is_read_back(value: object) -> bool:
    """Whether `torch.load` reads a value from a file of weights alone."""
    file = io.BytesIO()
    try:
        torch.save(value, file)
        file.seek(0)
        torch.load(file, weights_only=True)
    except Exception:  # whatever pickling a user's object raises
        return False
    return True


class UnstoredBuffers:
    """The buffers that a state dict leaves out, as they were when recording began.

    Args:
        model: the network.
    """

    def __init__(self, model: nn.Module) -> None:
        stored = model.state_dict().keys()
        self._first = {
            name: buffer.detach().clone()
            for name, buffer in model.named_buffers()
            if name not in stored and can_be_copied(buffer)
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
