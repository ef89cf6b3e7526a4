"""Trainings that several claims share: the 12-bit network under an activation, a batch size or other labels. A finished run is not trained again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from infoplane.replications.frame import Context

if TYPE_CHECKING:
    from infoplane.archive import Archive
    from infoplane.plane import Plane

EPOCHS = {False: 4000, True: 1500}
CHECKPOINTS = {False: 50, True: 25}
ACTS = ["act1", "act2", "act3", "act4", "act5"]
"""Hidden layers of the 12-bit network."""
LEARNT = 0.9
"""Training accuracy from which a seed counts as having learnt the task (chance is 0.52)."""


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
    """The archive of one training of the 12-10-7-5-4-3-2 network, with pre-activations and gradient statistics.

    Args:
        labels: ``rule``, or ``random`` (a fair coin per pattern). rows: share of the patterns that are trained on.
        epochs: 0 for the setting of the context.
    """
    import torch

    import infoplane as ip
    from infoplane.archive import open_archive
    from infoplane.data.training import classify

    epochs = epochs or EPOCHS[ctx.quick]
    name = f"szt-{activation}-{labels}-rows{rows:g}-batch{batch}-epochs{epochs}-seed{seed}"
    path = ctx.out / "runs" / name
    if (path / "done").is_file():
        return open_archive(path)
    ctx.say(f"  training {name}")
    x, y = ip.data.szt.load()
    if labels == "random":
        y = np.random.default_rng([seed, 1]).integers(0, 2, len(y))
    model = ip.data.szt.network(activation, seed=seed)
    mask = ip.data.szt.train_mask(seed, rows)
    with ip.Recorder(
        model,
        probe=(x, y),
        to=path,
        layers=["fc*", "act*"],
        schedule=ip.log_spaced(epochs, CHECKPOINTS[ctx.quick]),
        split=np.where(mask, "train", "test"),
        gradients=torch.nn.functional.cross_entropy,
        overwrite=True,
        durable=False,
        verbose=False,
    ) as rec:
        trained = classify(
            model,
            torch.as_tensor(x),
            torch.as_tensor(y),
            torch.as_tensor(mask),
            epochs=epochs,
            seed=seed,
            lr=lr,
            batch=batch,
            on_epoch=lambda epoch, metrics: rec.step(epoch, **metrics),
        )
    (path / "done").write_text(f"{trained.train_accuracy} {trained.test_accuracy}\n")
    return open_archive(path)


def accuracies(archive: Archive) -> tuple[float, float]:
    """Accuracy on training rows and on held-out rows at the end."""
    train, test = (archive.path / "done").read_text().split()
    return float(train), float(test)


def learnt(archives: list[Archive]) -> int:
    """How many runs learnt their training rows."""
    return sum(accuracies(a)[0] >= LEARNT for a in archives)


def plane_of(archive: Archive, specs: list[str], layers: list[str] | None = None, *, steps: list[int] | None = None) -> Plane:
    """The plane of a shared run; measured once, whoever asks."""
    import infoplane as ip

    return ip.measure(archive, specs, layers=layers, steps=steps, workers=2)


def drop(plane: Plane, layer: str, spec: str) -> float:
    """Fall of I(X;Z) in bits from its largest to its last value: as the papers read their figures."""
    bits = [e.bits for e in plane.series(layer, "i_xz", spec)[1]]
    return max(bits) - bits[-1]
