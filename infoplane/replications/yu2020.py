"""Repeat results of Yu, Wickstrom, Jenssen & Principe 2020."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from infoplane.replications.curves import bits_of, plane_of
from infoplane.replications.evidence import (
    Numbers,
    conclude,
    judged,
    median_of,
    over_training,
    plane_picture,
)
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.training import Task, accuracies, classified, learnt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from infoplane.archive import Archive
    from infoplane.plane import Plane
    from infoplane.types import Quantity

REFERENCE = (
    'Yu, Wickstrom, Jenssen & Principe 2020, "Understanding convolutional neural networks '
    'with information theory: an initial exploration" (IEEE TNNLS, arXiv 1804.06537).'
)

EPOCHS = {False: 40, True: 6}
PROBE = 400
SPEC, MEDIAN = "renyi:alpha=1.01", "renyi:alpha=1.01,width=median"
LINEAR = "vinfo:family=linear"
LAYERS = ["relu1", "relu2", "relu3"]
TOLERANCE = 0.02


def cnn_run(ctx: Context, seed: int) -> Archive:
    """Return the archive of a small convolutional network on 8x8 digits.

    Two convolutions with a pooling each, one hidden layer.
    """
    from collections import OrderedDict

    import torch
    from torch import nn

    import infoplane as ip

    epochs = EPOCHS[ctx.quick]

    def task() -> Task:
        x, y = ip.data.digits.load()
        torch.manual_seed(seed)
        layers = OrderedDict(
            conv1=nn.Conv2d(1, 6, 3, padding=1), relu1=nn.ReLU(), pool1=nn.MaxPool2d(2)
        )
        layers |= OrderedDict(
            conv2=nn.Conv2d(6, 12, 3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flat=nn.Flatten(),
        )
        layers |= OrderedDict(fc1=nn.Linear(48, 24), relu3=nn.ReLU(), fc2=nn.Linear(24, 10))
        rows = np.random.default_rng(0).permutation(len(x))[:PROBE]
        return Task(
            nn.Sequential(layers), x.reshape(-1, 1, 8, 8), y, ip.data.digits.train_mask(seed), rows
        )

    return classified(
        ctx,
        f"digits-cnn-epochs{epochs}-seed{seed}",
        task,
        epochs=epochs,
        seed=seed,
        lr=2e-3,
        batch=128,
        layers=[*LAYERS, "fc2"],
        schedule=ip.log_spaced(epochs, 12),
    )


def per_channel(z: NDArray[np.generic]) -> NDArray[np.float64]:
    """Divide the channels of a layer ``(n, C, ...)`` by their Silverman widths (gamma 5).

    One Gaussian kernel of width 1 on it is
    the Hadamard product of the channels' kernels, the paper's joint entropy of the feature maps.
    Constant channels go."""
    from infoplane.analysis.estimators.gram import silverman_width

    maps = np.asarray(z, np.float64).reshape(len(z), z.shape[1] if z.ndim > 2 else 1, -1)
    widths = [silverman_width(maps[:, c], gamma=5.0) for c in range(maps.shape[1])]
    return np.hstack(
        [maps[:, c] / w for c, w in enumerate(widths) if w > 0] or [np.zeros((len(z), 1))]
    )


def joint_bits(archive: Archive, step: int, layer: str) -> float:
    """Return I_1.01(X;T) in bits by the joint Gram matrix of channels, X by its own kernel.

    Args:
        archive: of one training.
        step, layer: which activation.
    """
    import infoplane as ip

    estimator = ip.estimators.MatrixRenyi(alpha=1.01, width=1.0)  # type: ignore[arg-type]  # a width in units is allowed
    x = per_channel(np.asarray(archive.x))
    return estimator.estimate(
        ip.continuous(x), ip.continuous(per_channel(archive.z(step, layer)))
    ).bits


def rises(values: list[list[float]]) -> float:
    """Return the largest rise from a layer to the next: ``values[layer][checkpoint]``."""
    return float(np.diff(np.asarray(values), axis=0).max())


def _grid(plane: Plane, spec: str, quantity: Quantity) -> list[list[float]]:
    """Bits of one seed: ``values[layer][checkpoint]``."""
    return [bits_of(plane, name, spec, quantity) for name in LAYERS]


JOINT = "joint over channels: largest rise of I(X;T) to the next layer [bits]"


@claim(
    "yu2020",
    "matrix-based information of a CNN's layers about its input falls with depth",
    REFERENCE,
    "8x8 digits, two convolutions and one hidden layer, alpha 1.01",
)
def cnn(ctx: Context) -> Result:
    """Matrix-based entropy on a CNN.

    I(X;T) does not rise from layer to layer (the paper's first inequality), by its own Gram
    matrices.
    """
    archives = [cnn_run(ctx, seed) for seed in ctx.seeds]
    planes = [plane_of(a, [SPEC, LINEAR, "exact"]) for a in archives]
    joint = [[[joint_bits(a, s, name) for s in a.steps] for name in LAYERS] for a in archives]
    median = [plane_of(a, [MEDIAN], LAYERS, steps=[a.steps[-1]]) for a in archives]
    middle = [rises(_grid(p, MEDIAN, "i_xz")) for p in median]
    one = [rises(_grid(p, SPEC, "i_xz")) for p in planes]
    first = [rises(j) for j in joint]
    usable = [[c[-1] for c in _grid(p, LINEAR, "i_zy")] for p in planes]
    numbers: Numbers = {
        JOINT: first,
        "whole layer as one vector: largest rise of S(T) to the next layer [bits]": one,
        "exact codes: smallest H over layers and epochs [bits]": [
            float(np.min(_grid(p, "exact", "i_xz"))) for p in planes
        ],
        "linear V-information about the digit: first layer [bits]": [u[0] for u in usable],
        "linear V-information about the digit: last hidden layer [bits]": [u[-1] for u in usable],
        "held-out accuracy": [accuracies(a)[1] for a in archives],
    }
    return conclude(
        ctx,
        median_of(first) < TOLERANCE,
        "median over seeds of the largest rise of I_1.01(X;T) from a layer to the next, over all "
        f"checkpoints, < {TOLERANCE} bit, channels joined as in the paper",
        numbers,
        limits={JOINT: TOLERANCE},
        learnt=learnt(archives),
        archives=archives,
        planes=planes,
        pictures=[
            plane_picture(ctx, planes[0], "yu2020", SPEC),
            over_training(
                ctx,
                "yu2020-joint",
                archives[0].steps,
                {name: [j[k] for j in joint] for k, name in enumerate(LAYERS)},
                "I_1.01(X;T) [bits], joint over channels (geometric)",
            ),
        ],
        conventions={
            "paper: Hadamard product of the channels' Gram matrices, "
            "Silverman widths times 5": judged(median_of(first) < TOLERANCE, first),
            "the layer as one vector, Silverman width, X by its row identities": judged(
                median_of(one) < TOLERANCE, one
            ),
            "the layer as one vector, median width, after training": judged(
                median_of(middle) < TOLERANCE, middle
            ),
        },
        note="a spectral diversity of Gram matrices, no Shannon information, and no estimator that "
        "keeps a chain: exact codes (and the interchange test) say what the network keeps. "
        "0.02 bit is the tolerance of this library's checks for estimators without codes",
    )
