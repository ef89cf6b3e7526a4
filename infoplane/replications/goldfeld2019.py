"""Repeat results of Goldfeld et al. 2019."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from infoplane.replications.curves import curves, difference_in_errors, plane_of
from infoplane.replications.evidence import conclude, over_training, plane_picture
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.runs import ACTS, EPOCHS, szt_run
from infoplane.replications.training import Task, classified, learnt

if TYPE_CHECKING:
    from torch import nn

    from infoplane.archive import Archive
    from infoplane.plane import Plane

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
    from infoplane.analysis.dpi.check import check_dpi

    archives = [szt_run(ctx, seed) for seed in ctx.seeds]
    planes = [plane_of(a, ["exact"]) for a in archives]
    numbers = {
        "smallest H over hidden layers and epochs [bits]": [
            min(p.bits for p in plane if p.quantity == "i_xz" and p.layer in ACTS)
            for plane in planes
        ],
        "leaks": [
            float(len(check_dpi(plane, archive=a).of("fault")))
            for plane, a in zip(planes, archives, strict=True)
        ],
    }
    least, faults = numbers.values()
    return conclude(
        ctx,
        min(least) >= 11.99 and not any(faults),
        "H(exact codes) >= 11.99 bits in every hidden tanh layer and epoch, no leak",
        numbers,
        limits={"smallest H over hidden layers and epochs [bits]": 11.99},
        learnt=learnt(archives),
        archives=archives,
        planes=planes,
        pictures=[
            over_training(
                ctx,
                "goldfeld2019",
                planes[0].steps,
                curves(planes, ACTS, "exact"),
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
    from collections import OrderedDict

    import torch

    import infoplane as ip

    class Noise(torch.nn.Module):
        def forward(self, t: torch.Tensor) -> torch.Tensor:
            return t + SIGMA * torch.randn_like(t) if self.training else t

    parts: OrderedDict[str, torch.nn.Module] = OrderedDict()
    for name, module in ip.data.szt.network("tanh", seed=seed).named_children():
        parts[name] = module
        if name.startswith("act"):
            parts[f"noise{name[3:]}"] = Noise()
    return torch.nn.Sequential(parts)


def noisy_run(ctx: Context, seed: int) -> Archive:
    """Return the archive of a network trained with its noise.

    Captured with it, several independent passes per row.

    What is stored of a layer is its value before its own noise, with the noise of all layers below
    in it: the samples that sample propagation needs.
    """
    import torch

    import infoplane as ip

    epochs = EPOCHS[ctx.quick]

    def task() -> Task:
        torch.manual_seed(seed)
        x, y = ip.data.szt.load()
        rows = np.sort(np.random.default_rng(0).permutation(len(x))[:ROWS])
        return Task(noisy_network(seed), x, y, ip.data.szt.train_mask(seed), rows)

    return classified(
        ctx,
        f"szt-noisy{SIGMA:g}-epochs{epochs}-seed{seed}",
        task,
        epochs=epochs,
        seed=seed,
        lr=4e-4,
        batch=256,
        layers="act*",
        schedule=ip.log_spaced(epochs, 14),
        mode="train",
        draws=DRAWS,
        noise="independent",
    )


def clustering(archive: Archive, step: int, layer: str) -> float:
    """Return the mean distance of two rows of one class over that of two different classes.

    Small where classes have drawn together.

    Args:
        archive: of one training.
        step, layer: which activation.
    """
    z, y = np.asarray(archive.z(step, layer), np.float64), np.asarray(archive.y)
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, len(z), (2, 20_000))
    apart = np.linalg.norm(z[i] - z[j], axis=1)
    same = y[i] == y[j]
    return float(apart[same & (i != j)].mean() / apart[~same].mean())


def _fall(plane: Plane, layer: str) -> tuple[float, float]:
    """Fall of the true I(X;T) from its peak to the end, in bits and in standard errors."""
    estimates = plane.series(layer, "i_xz", NOISY)[1]
    peak, end = max(estimates, key=lambda e: e.bits), estimates[-1]
    return peak.bits - end.bits, difference_in_errors(peak, end)


def _largest_rise(plane: Plane) -> float:
    """Largest rise from a layer to the next, at any checkpoint, in standard errors."""
    rises = []
    for first, second in itertools.pairwise(ACTS):
        above, below = (plane.series(name, "i_xz", NOISY)[1] for name in (first, second))
        rises += [difference_in_errors(b, a) for a, b in zip(above, below, strict=True)]
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
    planes = [plane_of(a, [NOISY]) for a in archives]
    falls = [_fall(p, "act5") for p in planes]
    excess = [_largest_rise(p) for p in planes]
    true_bits = curves(planes, ACTS, NOISY)
    tight = [[clustering(a, s, "act5") for s in a.steps] for a in archives]
    peaks = [int(np.argmax(bits)) for bits in true_bits["act5"]]
    at_peak = [values[peak] for values, peak in zip(tight, peaks, strict=True)]
    at_end = [values[-1] for values in tight]
    closer = [end < peak for peak, end in zip(at_peak, at_end, strict=True)]
    numbers = {
        "fall of I(X;T) of layer 5 [bits]": [bits for bits, _ in falls],
        "fall / standard error": [errors for _, errors in falls],
        "largest rise of I(X;T) along the chain / standard error": excess,
        "classes of layer 5: distance within / between, at the peak of I(X;T)": at_peak,
        "classes of layer 5: distance within / between, at the end": at_end,
    }
    holds = min(numbers["fall / standard error"]) > 3 and max(excess) < 4 and all(closer)
    return conclude(
        ctx,
        holds,
        "in every seed: I(X;T) of layer 5 falls by > 3 standard errors, no layer exceeds the one "
        "before it by 4 (160 comparisons), and classes are closer together at the end than at the "
        "peak",
        numbers,
        limits={
            "fall / standard error": 3,
            "largest rise of I(X;T) along the chain / standard error": 4,
        },
        learnt=learnt(archives),
        archives=archives,
        planes=planes,
        pictures=[
            plane_picture(ctx, planes[0], "goldfeld2019-noisy", NOISY),
            over_training(
                ctx,
                "goldfeld2019-noisy-curves",
                planes[0].steps,
                true_bits,
                f"true I(X;T) [bits], noise {SIGMA:g}, N={ROWS}",
            ),
        ],
        note="the noise is in the forward pass of every layer, in training and in capture; sample "
        f"propagation from {DRAWS} passes of {ROWS} patterns (log2 N = 9). The paper claims a "
        "fall, its cause and the order of the layers, no size",
    )
