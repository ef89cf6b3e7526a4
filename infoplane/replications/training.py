"""Trainings that are recorded once, and opened from their archive afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from infoplane.replications.frame import Context
from infoplane.types.arrays import Mask

if TYPE_CHECKING:
    import torch
    from torch import nn

    from infoplane.archive import Archive
    from infoplane.data.training import Trained
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
    from infoplane.archive import open_archive

    path = ctx.out / "runs" / name
    if not (path / _DONE).is_file():
        ctx.say(f"  training {name}")
        (path / _DONE).write_text(train(path) or "")
    return open_archive(path)


def recorder(model: nn.Module, to: Path, **options: Any) -> Recorder:  # Any: the recorder's own
    """Return a recorder that replaces an unfinished run.

    Args:
        model: the network.
        to: directory of the run.
        options: of the recorder.
    """
    from infoplane.hooks.recorder import Recorder

    return Recorder(model, to=to, overwrite=True, durable=False, verbose=False, **options)


def update(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """Take one step down the gradient of a loss."""
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no type here
    optimiser.step()


@dataclass(frozen=True)
class Task:
    """A network, what it classifies, and which rows are probed.

    Attributes:
        model: the network.
        inputs: shape ``(n, ...)``.
        classes: shape ``(n,)``.
        train: which rows are trained on, shape ``(n,)``.
        probe: indices of the rows that are probed; all when None.
    """

    model: nn.Module
    inputs: NDArray[np.generic]
    classes: NDArray[np.integer]
    train: Mask
    probe: NDArray[np.integer] | None = None


def classified(
    ctx: Context,
    name: str,
    make_task: Callable[[], Task],
    *,
    epochs: int,
    seed: int,
    lr: float,
    batch: int,
    optimiser: str = "adam",
    **options: Any,  # Any: the recorder's own
) -> Archive:
    """Return the archive of one classification, which is trained unless it is stored.

    Args:
        ctx, name: as for `stored_run`.
        make_task: returns what is trained and probed.
        epochs, seed, lr, batch, optimiser: as for `infoplane.data.training.classify`.
        options: of the recorder.
    """

    def train(path: Path) -> str:
        from infoplane.data.training import classify

        task = make_task()
        rows = np.arange(len(task.inputs)) if task.probe is None else task.probe
        probe = task.inputs[rows], task.classes[rows]
        split = np.where(task.train[rows], "train", "test")
        with recorder(task.model, path, probe=probe, split=split, **options) as rec:
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
        return accuracies_text(trained)

    return stored_run(ctx, name, train)


def accuracies_text(trained: Trained) -> str:
    """Return the accuracies of a finished training as `accuracies` reads them."""
    return f"{trained.train_accuracy} {trained.test_accuracy}\n"


def accuracies(archives: Sequence[Archive], split: Literal["train", "test"]) -> list[float]:
    """Return the final accuracy of every run on its training rows, or on its held-out rows."""
    column = ("train", "test").index(split)
    texts = [(archive.path / _DONE).read_text() for archive in archives]
    return [float(text.split()[column]) for text in texts]


def learnt(archives: Sequence[Archive]) -> int:
    """Count the runs that learnt their training rows."""
    return sum(accuracy >= LEARNT for accuracy in accuracies(archives, "train"))
