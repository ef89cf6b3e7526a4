"""Goldfeld et al.

2019, "Estimating information flow in deep neural networks" (ICML 2019, arXiv 1810.05728).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from infoplane.replications.evidence import conclude, lines_picture, plane_picture
from infoplane.replications.frame import Claim, Context, Result
from infoplane.replications.runs import ACTS, EPOCHS, Task, learnt, plane_of, recorded, szt_run

if TYPE_CHECKING:
    from torch import nn

    from infoplane.archive import Archive
    from infoplane.plane import Plane

SIGMA = 0.1
DRAWS = 4
ROWS = 512
NOISY = f"noisy:sigma={SIGMA:g},draws=2"


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
    lines = {
        name: [[e.bits for e in p.series(name, "i_xz", "exact")[1]] for p in planes]
        for name in ACTS
    }
    return conclude(
        ctx,
        "goldfeld2019",
        min(least) >= 11.99 and not any(faults),
        "H(exact codes) >= 11.99 bits in every hidden tanh layer and epoch, no leak",
        numbers,
        limits={"smallest H over hidden layers and epochs [bits]": 11.99},
        learnt=(learnt(archives), len(archives)),
        archives=archives,
        planes=planes,
        pictures=[
            lines_picture(
                ctx,
                "goldfeld2019",
                planes[0].steps,
                lines,
                x_label="epoch",
                y_label="I(X;Z) [bits], exact, N=4096",
                log=True,
            )
        ],
        note="rows that tanh saturates to the same float32 are merged for good: late epochs may "
        "lose hundredths of a bit",
    )


def noisy_network(seed: int) -> nn.Sequential:
    """The 12-bit tanh network with N(0, 0.01) added after every hidden activation.

    In training and while captured.
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
    """The archive of a network trained with its noise.

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

    return recorded(
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
    """Mean distance of two rows of one class over that of two rows of different classes.

    Small where classes have drawn together.
    """
    z, y = np.asarray(archive.z(step, layer), np.float64), np.asarray(archive.y)
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, len(z), (2, 20_000))
    apart = np.linalg.norm(z[i] - z[j], axis=1)
    same = y[i] == y[j]
    return float(apart[same & (i != j)].mean() / apart[~same].mean())


def _end_of(plane: Plane, layer: str) -> tuple[float, float]:
    """Fall of the true I(X;T) from its peak to the end, in bits.

    And its Monte-Carlo standard error.
    """
    estimates = plane.series(layer, "i_xz", NOISY)[1]
    peak = max(estimates, key=lambda e: e.bits)
    return peak.bits - estimates[-1].bits, float(
        np.hypot(peak.stderr or 0.0, estimates[-1].stderr or 0.0)
    )


def noisy(ctx: Context) -> Result:
    """Noise in every layer.

    I(X;T) is finite, obeys the inequality along the chain, and its fall goes with the clustering of
    classes.
    """
    archives = [noisy_run(ctx, seed) for seed in ctx.seeds]
    planes = [plane_of(a, [NOISY]) for a in archives]
    falls = [_end_of(p, "act5") for p in planes]
    excess = []
    for p in planes:
        curves = [p.series(name, "i_xz", NOISY)[1] for name in ACTS]
        pairs = [
            (a, b) for up, down in itertools.pairwise(curves) for a, b in zip(up, down, strict=True)
        ]
        excess.append(
            max(
                (b.bits - a.bits) / float(np.hypot(a.stderr or 0.0, b.stderr or 0.0))
                for a, b in pairs
            )
        )
    tight = [[clustering(a, s, "act5") for s in a.steps] for a in archives]
    numbers = {
        "fall of I(X;T) of layer 5 [bits]": [f for f, _ in falls],
        "fall / standard error": [f / se for f, se in falls],
        "largest rise of I(X;T) along the chain / standard error": excess,
        "classes of layer 5: distance within / between, at the peak of I(X;T)": [
            t[int(np.argmax([e.bits for e in p.series("act5", "i_xz", NOISY)[1]]))]
            for t, p in zip(tight, planes, strict=True)
        ],
        "classes of layer 5: distance within / between, at the end": [t[-1] for t in tight],
    }
    at_peak, at_end = list(numbers.values())[3:]
    holds = (
        min(numbers["fall / standard error"]) > 3
        and max(excess) < 4
        and all(b < a for a, b in zip(at_peak, at_end, strict=True))
    )
    lines = {
        name: [[e.bits for e in p.series(name, "i_xz", NOISY)[1]] for p in planes] for name in ACTS
    }
    return conclude(
        ctx,
        "goldfeld2019-noisy",
        holds,
        "in every seed: I(X;T) of layer 5 falls by > 3 standard errors, no layer exceeds the one "
        "before it by 4 (160 comparisons), and classes are closer together at the end than at the "
        "peak",
        numbers,
        limits={
            "fall / standard error": 3,
            "largest rise of I(X;T) along the chain / standard error": 4,
        },
        learnt=(learnt(archives), len(archives)),
        archives=archives,
        planes=planes,
        pictures=[
            plane_picture(ctx, planes[0], "goldfeld2019-noisy", NOISY),
            lines_picture(
                ctx,
                "goldfeld2019-noisy-curves",
                planes[0].steps,
                lines,
                x_label="epoch",
                y_label=f"true I(X;T) [bits], noise {SIGMA:g}, N={ROWS}",
                log=True,
            ),
        ],
        note="the noise is in the forward pass of every layer, in training and in capture; sample "
        f"propagation from {DRAWS} passes of {ROWS} patterns (log2 N = 9). The paper claims a "
        "fall, its cause and the order of the layers, no size",
    )


_REF = __doc__ or ""
CLAIMS = [
    Claim(
        "goldfeld2019",
        "the true I(X;T) of a deterministic network is constant",
        _REF,
        "exact codes of the tanh runs",
        constant,
    ),
    Claim(
        "goldfeld2019-noisy",
        "with noise in the network the information is finite, obeys the inequality, and its fall "
        "is clustering",
        _REF,
        f"N(0, {SIGMA**2:g}) after every hidden layer, trained and captured with it, sample "
        "propagation",
        noisy,
    ),
]
