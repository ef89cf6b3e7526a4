"""Trainings that are recorded once, and opened from their archive afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

import infoplane as ip
from infoplane.archive import Archive
from infoplane.replications.frame import Context
from infoplane.types.arrays import Mask

if TYPE_CHECKING:
    import torch
    from torch import nn

    from infoplane.hooks.recorder import Recorder

_DONE = "done"
"""File of a finished training; holds its accuracies, where there are any."""

LEARNT = 0.9
"""Training accuracy from which a seed counts as having learnt the task (chance is 0.52)."""


def stored_run(ctx: Context, name: str, train: Callable[[Path], str | None]) -> Archive:
    """Return the archive of one training, which is trained unless it is stored.

    Args:
        ctx: says where runs are stored.
        name: of the run.
        train: trains a network and records it to a folder; returns text to store with the run.
    """
    path = ctx.out / "runs" / name
    if not (path / _DONE).is_file():
        ctx.say(f"  training {name}")
        (path / _DONE).write_text(train(path) or "")
    return ip.open_archive(path)


def recorder(model: nn.Module, to: Path, **options: Any) -> Recorder:  # Any: the recorder's own
    """Return a recorder that replaces an unfinished run.

    Args:
        model: the network.
        to: directory of the run.
        options: of the recorder.
    """
    return ip.Recorder(model, to=to, overwrite=True, durable=False, verbose=False, **options)


def update(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """Take one step down the gradient of a loss."""
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no type here
    optimiser.step()


@dataclass(frozen=True)
class Task:
    """A network, what it classifies, and what is captured on which rows.

    Attributes:
        model: the network.
        inputs: shape ``(n, ...)``.
        classes: shape ``(n,)``.
        train: which rows are trained on, shape ``(n,)``.
        probe: indices of the rows that are probed; all when None.
        captured: a view of the network whose layers are captured; the network itself when None.
    """

    model: nn.Module
    inputs: NDArray[np.generic]
    classes: NDArray[np.integer]
    train: Mask
    probe: NDArray[np.integer] | None = None
    captured: nn.Module | None = None


def classified(
    ctx: Context,
    name: str,
    task: Task,
    *,
    epochs: int,
    seed: int,
    checkpoints: int,
    lr: float = 4e-4,
    batch: int = 256,
    optimiser: str = "adam",
    **options: Any,  # Any: the recorder's own
) -> Archive:
    """Return the archive of one classification, which is trained unless it is stored.

    Args:
        ctx, name: as for `stored_run`.
        task: what is trained and probed.
        epochs, seed, lr, batch, optimiser: as for `infoplane.data.training.classify`.
        checkpoints: about how many epochs are captured, evenly spaced in their logarithm.
        options: of the recorder.
    """

    def train(path: Path) -> str:
        from infoplane.data.training import classify

        rows = np.arange(len(task.inputs)) if task.probe is None else task.probe
        probe = task.inputs[rows], task.classes[rows]
        split = np.where(task.train[rows], "train", "test")
        schedule = ip.log_spaced(epochs, checkpoints)
        with recorder(
            task.captured or task.model,
            path,
            probe=probe,
            split=split,
            schedule=schedule,
            **options,
        ) as rec:
            trained = classify(
                task.model,
                task.inputs,
                task.classes,
                task.train,
                epochs=epochs,
                seed=seed,
                lr=lr,
                batch=batch,
                optimiser=optimiser,
                on_epoch=lambda epoch, metrics: rec.step(epoch, **metrics),
            )
        return f"{trained.train_accuracy} {trained.test_accuracy}\n"

    return stored_run(ctx, name, train)


def accuracies(archives: Sequence[Archive], split: Literal["train", "test"]) -> list[float]:
    """Return the final accuracy of every run on its training rows, or on its held-out rows."""
    column = ("train", "test").index(split)
    texts = [(archive.path / _DONE).read_text() for archive in archives]
    return [float(text.split()[column]) for text in texts]


def count_learnt(runs: Sequence[Path]) -> int | None:
    """Count the runs that learnt their training rows; None where no accuracy was stored."""
    texts = [(run / _DONE).read_text() for run in runs]
    if not any(texts):
        return None
    return sum(float(text.split()[0]) >= LEARNT for text in texts)
