"""Trainings that several claims share.

The 12-bit network under an activation, a batch size or other labels. A finished run is not trained
again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from infoplane.replications.frame import Context

if TYPE_CHECKING:
    from torch import nn

    from infoplane.archive import Archive
    from infoplane.plane import Plane

EPOCHS = {False: 4000, True: 1500}
CHECKPOINTS = {False: 50, True: 25}
ACTS = ["act1", "act2", "act3", "act4", "act5"]
"""Hidden layers of the 12-bit network."""
LEARNT = 0.9
"""Training accuracy from which a seed counts as having learnt the task (chance is 0.52)."""


@dataclass(frozen=True)
class Task:
    """What is trained and probed.

    A model, inputs ``(n, ...)``, labels ``(n,)``, a mask of the rows to train on, and the rows to
    probe (all when None).
    """

    model: nn.Module
    x: NDArray[np.generic]
    y: NDArray[np.integer]
    train: NDArray[np.bool_]
    probe: NDArray[np.integer] | None = None


def recorded(
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
    """The archive of one training under this name.

    Trained and recorded the first time, opened afterwards; ``task`` is made only when needed.
    """
    import torch

    import infoplane as ip
    from infoplane.archive import open_archive
    from infoplane.data.training import classify

    path = ctx.out / "runs" / name
    if (path / "done").is_file():
        return open_archive(path)
    ctx.say(f"  training {name}")
    t = task()
    rows = np.arange(len(t.x)) if t.probe is None else t.probe
    options = {
        "split": np.where(t.train[rows], "train", "test"),
        "overwrite": True,
        "durable": False,
        "verbose": False,
    } | options
    with ip.Recorder(t.model, probe=(t.x[rows], t.y[rows]), to=path, **options) as rec:
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
    (path / "done").write_text(f"{trained.train_accuracy} {trained.test_accuracy}\n")
    return open_archive(path)


def szt_run(
    ctx: Context,
    seed: int,
    *,
    activation: str = "tanh",
    batch: int = 256,
    lr: float = 4e-4,
    labels: str = "rule",
    rows: float = 0.8,
    epochs: int = 0,
) -> Archive:
    """The archive of one training of the 12-10-7-5-4-3-2 network.

    With pre-activations and gradient statistics.

    Args:
        labels: ``rule``, or ``random`` (a fair coin per pattern). rows: share of the patterns that
            are trained on.
        epochs: 0 for the setting of the context.
    """
    import torch

    import infoplane as ip

    epochs = epochs or EPOCHS[ctx.quick]

    def task() -> Task:
        x, y = ip.data.szt.load()
        if labels == "random":
            y = np.random.default_rng([seed, 1]).integers(0, 2, len(y))
        return Task(
            ip.data.szt.network(activation, seed=seed), x, y, ip.data.szt.train_mask(seed, rows)
        )

    return recorded(
        ctx,
        f"szt-{activation}-{labels}-rows{rows:g}-batch{batch}-epochs{epochs}-seed{seed}",
        task,
        epochs=epochs,
        seed=seed,
        lr=lr,
        batch=batch,
        layers=["fc*", "act*"],
        schedule=ip.log_spaced(epochs, CHECKPOINTS[ctx.quick]),
        gradients=torch.nn.functional.cross_entropy,
    )


def accuracies(archive: Archive) -> tuple[float, float]:
    """Accuracy on training rows and on held-out rows at the end."""
    train, test = (archive.path / "done").read_text().split()
    return float(train), float(test)


def learnt(archives: list[Archive]) -> int:
    """How many runs learnt their training rows."""
    return sum(accuracies(a)[0] >= LEARNT for a in archives)


def plane_of(
    archive: Archive,
    specs: list[str],
    layers: list[str] | None = None,
    *,
    steps: list[int] | None = None,
) -> Plane:
    """The plane of a shared run; measured once, whoever asks."""
    import infoplane as ip

    return ip.measure(archive, specs, layers=layers, steps=steps, workers=2)


def drop(plane: Plane, layer: str, spec: str) -> float:
    """Fall of I(X;Z) in bits from its largest to its last value.

    As the papers read their figures.
    """
    bits = [e.bits for e in plane.series(layer, "i_xz", spec)[1]]
    return max(bits) - bits[-1]
