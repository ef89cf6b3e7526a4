"""Repeat results of Goldfeld et al. 2019."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

import infoplane as ip
from infoplane.archive import Archive
from infoplane.plane import Plane
from infoplane.replications import (
    ACTS,
    EPOCHS,
    Context,
    Result,
    Task,
    bits_of,
    claim,
    classified,
    conclude,
    curves_of,
    difference_in_errors,
    fall,
    over_training,
    plane_picture,
    planes_of,
    szt_runs,
)

if TYPE_CHECKING:
    from torch import nn

REFERENCE = (
    'Goldfeld et al. 2019, "Estimating information flow in deep neural networks" (ICML 2019, '
    "arXiv 1810.05728)."
)

SIGMA = 0.1
DRAWS = 4
ROWS = 512
NOISY = f"noisy:sigma={SIGMA:g},draws=2"


@claim(
    "goldfeld2019",
    "the true I(X;T) of a deterministic network is constant",
    REFERENCE,
    "exact codes of the tanh runs",
)
def constant(ctx: Context) -> Result:
    """Exact codes of the tanh runs.

    H >= 11.99 bits in every hidden layer and epoch, and no leak along the chain.
    """
    archives = szt_runs(ctx)
    planes = planes_of(archives, ["exact"])
    least, leaks = [], []
    for plane, archive in zip(planes, archives, strict=True):
        hidden = [bits_of(plane, layer, "exact") for layer in ACTS]
        least.append(float(np.min(hidden)))
        leaks.append(float(len(ip.check_dpi(plane, archive=archive).of("fault"))))
    return conclude(
        ctx,
        min(least) >= 11.99 and not any(leaks),
        "H(exact codes) >= 11.99 bits in every hidden tanh layer and epoch, no leak",
        {"smallest H over hidden layers and epochs [bits]": least, "leaks": leaks},
        limits={"smallest H over hidden layers and epochs [bits]": 11.99},
        planes=planes,
        pictures=[
            over_training(
                ctx,
                planes[0].steps,
                curves_of(planes, ACTS, "exact"),
                "I(X;Z) [bits], exact, N=4096",
            )
        ],
        note="rows that tanh saturates to the same float32 are merged for good: late epochs may "
        "lose hundredths of a bit",
    )


def noisy_network(seed: int) -> nn.Sequential:
    """Return the 12-bit tanh network with N(0, 0.01) added after every hidden activation.

    The noise is added in training and while it is captured.
    """
    import torch

    class Noise(torch.nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return values + SIGMA * torch.randn_like(values) if self.training else values

    parts: OrderedDict[str, torch.nn.Module] = OrderedDict()
    for name, module in ip.data.szt.network("tanh", seed=seed).named_children():
        parts[name] = module
        if name.startswith("act"):
            parts[f"noise{name[3:]}"] = Noise()
    return torch.nn.Sequential(parts)


def noisy_run(ctx: Context, seed: int) -> Archive:
    """Return the archive of a network that is trained and captured with its noise.

    Every row is passed several times with independent noise. A layer is stored before its own noise
    is added, with the noise of all layers before it: the samples that sample propagation needs.
    """
    import torch

    epochs = EPOCHS[ctx.quick]
    torch.manual_seed(seed)
    patterns, labels = ip.data.szt.load()
    rows = np.sort(np.random.default_rng(0).permutation(len(patterns))[:ROWS])
    task = Task(noisy_network(seed), patterns, labels, ip.data.szt.train_mask(seed), rows)
    return classified(
        ctx,
        f"szt-noisy{SIGMA:g}-epochs{epochs}-seed{seed}",
        task,
        epochs=epochs,
        seed=seed,
        lr=4e-4,
        batch=256,
        layers="act*",
        checkpoints=14,
        mode="train",
        draws=DRAWS,
        noise="independent",
    )


def clustering(archive: Archive, step: int) -> float:
    """Return the mean distance of two rows of one class over that of two different classes.

    Of layer 5 at one step; small where classes have drawn together.
    """
    values, labels = np.asarray(archive.z(step, "act5"), np.float64), np.asarray(archive.y)
    first, second = np.random.default_rng(0).integers(0, len(values), (2, 20_000))
    distance = np.linalg.norm(values[first] - values[second], axis=1)
    same_class = labels[first] == labels[second]
    within = distance[same_class & (first != second)]
    return float(within.mean() / distance[~same_class].mean())


def _fall_in_errors(plane: Plane, layer: str) -> float:
    """Fall of the true I(X;T) from its peak to the end, in standard errors."""
    estimates = plane.series(layer, "i_xz", NOISY)[1]
    peak = max(estimates, key=lambda estimate: estimate.bits)
    return difference_in_errors(peak, estimates[-1])


def _largest_rise(plane: Plane) -> float:
    """Largest rise from a layer to the next, at any checkpoint, in standard errors."""
    rises: list[float] = []
    for layer, next_layer in itertools.pairwise(ACTS):
        estimates = plane.series(layer, "i_xz", NOISY)[1]
        next_estimates = plane.series(next_layer, "i_xz", NOISY)[1]
        rises += map(difference_in_errors, next_estimates, estimates)
    return max(rises)


@claim(
    "goldfeld2019-noisy",
    "with noise in the network the information is finite, obeys the inequality, and its fall "
    "is clustering",
    REFERENCE,
    f"N(0, {SIGMA**2:g}) after every hidden layer, trained and captured with it, sample "
    "propagation",
)
def noisy(ctx: Context) -> Result:
    """Noise in every layer.

    I(X;T) is finite, obeys the inequality along the chain, and its fall goes with the clustering of
    classes.
    """
    archives = [noisy_run(ctx, seed) for seed in ctx.seeds]
    planes = planes_of(archives, [NOISY])
    true_bits = curves_of(planes, ACTS, NOISY)
    excess = [_largest_rise(plane) for plane in planes]
    falls = [_fall_in_errors(plane, "act5") for plane in planes]
    at_peak, at_end = [], []
    for archive, bits in zip(archives, true_bits["act5"], strict=True):
        peak = archive.steps[int(np.argmax(bits))]
        at_peak.append(clustering(archive, peak))
        at_end.append(clustering(archive, archive.steps[-1]))
    numbers = {
        "fall of I(X;T) of layer 5 [bits]": [fall(bits) for bits in true_bits["act5"]],
        "fall / standard error": falls,
        "largest rise of I(X;T) along the chain / standard error": excess,
        "classes of layer 5: distance within / between, at the peak of I(X;T)": at_peak,
        "classes of layer 5: distance within / between, at the end": at_end,
    }
    closer = bool(np.all(np.less(at_end, at_peak)))
    return conclude(
        ctx,
        min(falls) > 3 and max(excess) < 4 and closer,
        "in every seed: I(X;T) of layer 5 falls by > 3 standard errors, no layer exceeds the one "
        "before it by 4 (160 comparisons), and classes are closer together at the end than at the "
        "peak",
        numbers,
        limits={
            "fall / standard error": 3,
            "largest rise of I(X;T) along the chain / standard error": 4,
        },
        planes=planes,
        pictures=[
            plane_picture(ctx, planes[0], NOISY),
            over_training(
                ctx,
                planes[0].steps,
                true_bits,
                f"true I(X;T) [bits], noise {SIGMA:g}, N={ROWS}",
                suffix="-curves",
            ),
        ],
        note="the noise is in the forward pass of every layer, in training and in capture; sample "
        f"propagation from {DRAWS} passes of {ROWS} patterns (log2 N = 9). The paper claims a "
        "fall, its cause and the order of the layers, no size",
    )
