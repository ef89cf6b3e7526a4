"""The 12-bit network of Shwartz-Ziv and Tishby, which most claims are about."""

from __future__ import annotations

import numpy as np

import infoplane as ip
from infoplane.archive import Archive
from infoplane.replications.frame import Context
from infoplane.replications.training import Task, classified

EPOCHS = {False: 4000, True: 1500}
CHECKPOINTS = {False: 50, True: 25}
ACTS = ["act1", "act2", "act3", "act4", "act5"]
"""Hidden layers of the 12-bit network."""


def szt_runs(
    ctx: Context,
    *,
    activation: str = "tanh",
    batch: int = 256,
    lr: float = 4e-4,
    labels: str = "rule",
    rows: float = 0.8,
    epochs: int = 0,
) -> list[Archive]:
    """Return for every seed the archive of a training of the 12-10-7-5-4-3-2 network.

    Archives hold pre-activations and gradient statistics.

    Args:
        ctx: says which seeds, how large, and where runs are stored.
        activation: of the hidden layers.
        batch: rows of one; 0 for all.
        lr: of Adam.
        labels: ``rule``, or ``random`` (a fair coin per pattern).
        rows: share of the patterns that are trained on.
        epochs: 0 for the setting of the context.
    """
    import torch

    epochs = epochs or EPOCHS[ctx.quick]
    archives = []
    for seed in ctx.seeds:
        patterns, classes = ip.data.szt.load()
        if labels == "random":
            classes = np.random.default_rng([seed, 1]).integers(0, 2, len(classes))
        model = ip.data.szt.network(activation, seed=seed)
        archive = classified(
            ctx,
            f"szt-{activation}-{labels}-rows{rows:g}-batch{batch}-epochs{epochs}-seed{seed}",
            Task(model, patterns, classes, ip.data.szt.train_mask(seed, rows)),
            epochs=epochs,
            seed=seed,
            lr=lr,
            batch=batch,
            layers=["fc*", "act*"],
            checkpoints=CHECKPOINTS[ctx.quick],
            gradients=torch.nn.functional.cross_entropy,
        )
        archives.append(archive)
    return archives
