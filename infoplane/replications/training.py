"""One training whose archive is kept: trained and recorded once, opened ever after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from infoplane.replications.frame import Context
from infoplane.types.arrays import Mask

if TYPE_CHECKING:
    import torch
    from torch import nn

    from infoplane.archive import Archive
    from infoplane.hooks.recorder import Recorder

_DONE = "done"
"""The file that says that a training came to its end; it holds accuracies, where there are any."""


def kept_run(ctx: Context, name: str, train: Callable[[Path], str | None]) -> Archive:
    """Return the archive of one training under this name.

    Args:
        ctx: says where it is kept.
        name: of the run.
        train: trains a network and records it to the folder that it is given; what it returns is
            kept beside the run. It is called where the run is not there.
    """
    from infoplane.archive import open_archive

    path = ctx.out / "runs" / name
    if not (path / _DONE).is_file():
        ctx.say(f"  training {name}")
        ended = train(path)
        (path / _DONE).write_text(ended or "")
    return open_archive(path)


def recorder(model: nn.Module, to: Path, **options: Any) -> Recorder:  # Any: the recorder's own
    """Return a recorder that replaces a run that came to no end."""
    from infoplane.hooks.recorder import Recorder

    return Recorder(
        model, to=to, **{"overwrite": True, "durable": False, "verbose": False} | options
    )


def update(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """Take one step down the gradient of a loss."""
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no type here
    optimiser.step()


@dataclass(frozen=True)
class Task:
    """A classification: what is trained, and what is probed.

    Attributes:
        model: the network.
        x: inputs, shape ``(n, ...)``.
        y: classes, shape ``(n,)``.
        train: which rows are trained on, shape ``(n,)``.
        probe: numbers of the rows that are probed; all when None.
    """

    model: nn.Module
    x: NDArray[np.generic]
    y: NDArray[np.integer]
    train: Mask
    probe: NDArray[np.integer] | None = None


def classified(
    ctx: Context,
    name: str,
    task: Callable[[], Task],
    *,
    epochs: int,
    seed: int,
    lr: float,
    batch: int,
    optimiser: str = "adam",
    **options: Any,  # Any: the recorder's own
) -> Archive:
    """Return the archive of one classification under this name.

    Args:
        ctx, name: as for `kept_run`.
        task: makes what is trained, where the run is not there.
        epochs, seed, lr, batch, optimiser: as for `infoplane.data.training.classify`.
        options: of the recorder.
    """

    def train(path: Path) -> str:
        import torch

        from infoplane.data.training import classify

        t = task()
        rows = np.arange(len(t.x)) if t.probe is None else t.probe
        split = np.where(t.train[rows], "train", "test")
        told = {"probe": (t.x[rows], t.y[rows]), "split": split} | options
        with recorder(t.model, path, **told) as rec:
            trained = classify(
                t.model,
                torch.as_tensor(t.x),
                torch.as_tensor(t.y),
                torch.as_tensor(t.train),
                epochs=epochs,
                seed=seed,
                lr=lr,
                batch=batch,
                optimiser=optimiser,
                on_epoch=lambda epoch, metrics: rec.step(epoch, **metrics),
            )
        return f"{trained.train_accuracy} {trained.test_accuracy}\n"

    return kept_run(ctx, name, train)


LEARNT = 0.9
"""Training accuracy from which a seed counts as having learnt the task (chance is 0.52)."""


def accuracies(archive: Archive) -> tuple[float, float]:
    """Return the accuracy on training rows and on held-out rows at the end."""
    train, test = (archive.path / _DONE).read_text().split()
    return float(train), float(test)


def learnt(archives: list[Archive]) -> int:
    """Count the runs that learnt their training rows."""
    return sum(accuracies(a)[0] >= LEARNT for a in archives)
