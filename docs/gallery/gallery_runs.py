"""The runs that the gallery draws: the 12-bit task of Shwartz-Ziv and Tishby, trained small, once per build."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np
import torch

import infoplane as ip

EPOCHS, CHECKPOINTS, RATE = 400, 24, 4e-3
"""Ten times the usual learning rate and a twentieth of the epochs: enough to see fitting and saturation."""


@functools.cache
def run(activation: str = "tanh", seed: int = 0, epochs: int = EPOCHS) -> Path:
    """A recorded training, with its split and its gradient statistics; trained at the first call."""
    x, y = ip.data.szt.load()
    path = Path(tempfile.mkdtemp(prefix="infoplane-gallery-")) / f"{activation}-{seed}"
    net = ip.data.szt.network(activation, seed=seed)
    with ip.Recorder(
        net,
        probe=(x, y),
        to=path,
        layers=["act*", "fc6"],
        schedule=ip.log_spaced(epochs, CHECKPOINTS),
        split=np.where(ip.data.szt.train_mask(seed), "train", "test"),
        gradients=torch.nn.functional.cross_entropy,
        verbose=False,
    ) as rec:
        ip.data.szt.train(net, epochs=epochs, seed=seed, lr=RATE, on_epoch=lambda epoch, metrics: rec.step(epoch, **metrics))
    return path


@functools.cache
def plane(activation: str = "tanh", seed: int = 0, epochs: int = EPOCHS) -> ip.Plane:
    """The plane of `run` under fixed bins, a kernel and exact codes."""
    return ip.measure(run(activation, seed, epochs), ["bin:szt", "kde:variance=0.001", "exact"])
