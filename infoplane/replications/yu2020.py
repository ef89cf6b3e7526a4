"""Repeat results of Yu, Wickstrom, Jenssen & Principe 2020."""

from __future__ import annotations

from collections import OrderedDict
from statistics import median

import numpy as np
from numpy.typing import NDArray

import infoplane as ip
from infoplane.analysis.estimators.gram import silverman_width
from infoplane.archive import Archive
from infoplane.plane import Plane
from infoplane.replications import (
    Context,
    Numbers,
    Result,
    Task,
    accuracies,
    bits_of,
    claim,
    classified,
    conclude,
    final_bits,
    over_training,
    plane_picture,
    planes_of,
    verdict_text,
)
from infoplane.types.arrays import Floats

REFERENCE = (
    'Yu, Wickstrom, Jenssen & Principe 2020, "Understanding convolutional neural networks '
    'with information theory: an initial exploration" (IEEE TNNLS, arXiv 1804.06537).'
)

EPOCHS = {False: 40, True: 6}
PROBE = 400
SPEC, MEDIAN_WIDTH = "renyi:alpha=1.01", "renyi:alpha=1.01,width=median"
LINEAR = "vinfo:family=linear"
LAYERS = ["relu1", "relu2", "relu3"]
TOLERANCE = 0.02


def cnn_run(ctx: Context, seed: int) -> Archive:
    """Return the archive of a small convolutional network on 8x8 digits.

    Two convolutions with a pooling each, one hidden layer.
    """
    import torch
    from torch import nn

    epochs = EPOCHS[ctx.quick]
    torch.manual_seed(seed)
    model = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 6, 3, padding=1),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(6, 12, 3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flat=nn.Flatten(),
            fc1=nn.Linear(48, 24),
            relu3=nn.ReLU(),
            fc2=nn.Linear(24, 10),
        )
    )
    images, classes = ip.data.digits.load()
    rows = np.random.default_rng(0).permutation(len(images))[:PROBE]
    mask = ip.data.digits.train_mask(seed)
    return classified(
        ctx,
        f"digits-cnn-epochs{epochs}-seed{seed}",
        Task(model, images.reshape(-1, 1, 8, 8), classes, mask, rows),
        epochs=epochs,
        seed=seed,
        lr=2e-3,
        batch=128,
        layers=[*LAYERS, "fc2"],
        checkpoints=12,
    )


def per_channel(z: NDArray[np.generic]) -> Floats:
    """Divide the channels of a layer ``(n, C, ...)`` by their Silverman widths (gamma 5).

    A Gaussian kernel of width 1 on the result, shape ``(n, units)``, is the Hadamard product of the
    channels' kernels: the paper's joint entropy of the feature maps. Constant channels are left
    out.
    """
    values = np.asarray(z, np.float64)
    if values.ndim == 2:
        values = values[:, None]
    scaled = []
    for channel in values.reshape(*values.shape[:2], -1).swapaxes(0, 1):  # (n, units of a channel)
        width = silverman_width(channel, gamma=5.0)
        if width > 0:
            scaled.append(channel / width)
    return np.hstack(scaled) if scaled else np.zeros((len(values), 1))


def joint_bits(archive: Archive, step: int, layer: str) -> float:
    """Return I_1.01(X;T) in bits by the joint Gram matrix of channels, X by its own kernel.

    Args:
        archive: of one training.
        step, layer: which activation.
    """
    estimator = ip.estimators.MatrixRenyi(alpha=1.01, width=1.0)  # type: ignore[arg-type]  # a width in units is allowed
    images = ip.continuous(per_channel(np.asarray(archive.x)))
    activation = ip.continuous(per_channel(archive.z(step, layer)))
    return estimator.estimate(images, activation).bits


def rises(values: list[list[float]]) -> float:
    """Return the largest rise from a layer to the next: ``values[layer][checkpoint]``."""
    return float(np.diff(np.asarray(values), axis=0).max())


def _grid(plane: Plane, spec: str) -> list[list[float]]:
    """Bits about the input of one seed: ``values[layer][checkpoint]``."""
    return [bits_of(plane, layer, spec) for layer in LAYERS]


def _joint_grid(archive: Archive) -> list[list[float]]:
    """Joint bits of one seed: ``values[layer][checkpoint]``."""
    grid = []
    for layer in LAYERS:
        grid.append([joint_bits(archive, step, layer) for step in archive.steps])
    return grid


JOINT = "joint over channels: largest rise of I(X;T) to the next layer [bits]"


@claim(
    "yu2020",
    "matrix-based information of a CNN's layers about its input falls with depth",
    REFERENCE,
    "8x8 digits, two convolutions and one hidden layer, alpha 1.01",
)
def cnn(ctx: Context) -> Result:
    """Judge that I(X;T) does not rise from layer to layer, by the paper's own Gram matrices."""
    archives = [cnn_run(ctx, seed) for seed in ctx.seeds]
    planes = planes_of(archives, [SPEC, LINEAR, "exact"])
    by_median_width = planes_of(archives, [MEDIAN_WIDTH], LAYERS, at_end=True)
    joint = [_joint_grid(archive) for archive in archives]
    joint_rises = [rises(grid) for grid in joint]
    whole_rises = [rises(_grid(plane, SPEC)) for plane in planes]
    median_rises = [rises(_grid(plane, MEDIAN_WIDTH)) for plane in by_median_width]
    numbers: Numbers = {
        JOINT: joint_rises,
        "whole layer as one vector: largest rise of S(T) to the next layer [bits]": whole_rises,
        "exact codes: smallest H over layers and epochs [bits]": [
            float(np.min(_grid(plane, "exact"))) for plane in planes
        ],
        "linear V-information about the digit: first layer [bits]": final_bits(
            planes, LAYERS[0], LINEAR, "i_zy"
        ),
        "linear V-information about the digit: last hidden layer [bits]": final_bits(
            planes, LAYERS[-1], LINEAR, "i_zy"
        ),
        "held-out accuracy": accuracies(archives, "test"),
    }
    return conclude(
        ctx,
        median(joint_rises) < TOLERANCE,
        "median over seeds of the largest rise of I_1.01(X;T) from a layer to the next, over all "
        f"checkpoints, < {TOLERANCE} bit, channels joined as in the paper",
        numbers,
        limits={JOINT: TOLERANCE},
        planes=planes,
        pictures=[
            plane_picture(ctx, planes[0], SPEC),
            over_training(
                ctx,
                archives[0].steps,
                dict(zip(LAYERS, zip(*joint, strict=True), strict=True)),
                "I_1.01(X;T) [bits], joint over channels (geometric)",
                suffix="-joint",
            ),
        ],
        conventions={
            "paper: Hadamard product of the channels' Gram matrices, "
            "Silverman widths times 5": verdict_text(median(joint_rises) < TOLERANCE, joint_rises),
            "the layer as one vector, Silverman width, X by its row identities": verdict_text(
                median(whole_rises) < TOLERANCE, whole_rises
            ),
            "the layer as one vector, median width, after training": verdict_text(
                median(median_rises) < TOLERANCE, median_rises
            ),
        },
        note="a spectral diversity of Gram matrices, no Shannon information, and no estimator that "
        "keeps a chain: exact codes (and the interchange test) say what the network keeps. "
        "0.02 bit is the tolerance of this library's checks for estimators without codes",
    )
